"""Drawings of badges: a stone with a streak on it, put into the page itself, and a year of days as squares.

Their colours are the stylesheet's (`people.css`). A drawing never stands alone; the words are beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

STONE = "M13 2 37 .5 47.5 21 42 40 22 47.5 4 38 .5 16z"
# Each lies within 24×24 in the middle of the stone.
MEDALS = {
    "again": "M18 9a8 8 0 1 0 2 5M18 4v5h-5",
    "bolt": "M13 3 5 14h6l-1 8 9-12h-6z",
    "book": "M4 5c3-1 6-1 8 1 2-2 5-2 8-1v14c-3-1-6-1-8 1-2-2-5-2-8-1zM12 6v14",
    "books": "M4 4h4v16H4zM9 6h4v14H9zM14.5 6l4-1 3 14-4 1z",
    "bridge": "M2 17h20M4 17V9M20 17V9M4 9c4 6 12 6 16 0M8 13v4M12 14v3M16 13v4",
    "chips": "M4 4h8v8H4zM12 12h8v8h-8zM8 2v2M2 8h2M8 12v4h4M16 12V8h-4M16 20v2M20 16h2",
    "coin": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M9 9l6 6M15 9l-6 6",
    "eye": "M2 12s4-7 10-7 10 7 10 7-4 7-10 7S2 12 2 12M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
    "hands": "M4 12l4-4 4 3 4-3 4 4M8 8V5M16 8V5M6 14l6 6 6-6",
    "layers": "M12 3 3 8l9 5 9-5zM3 12l9 5 9-5M3 16l9 5 9-5",
    "merge": "M6 3v18M6 5c0 7 11 4 11 12M13.5 14 17 18l3.5-4",
    "mountain": "M2 20 9 6l5 9 2-4 6 9z",
    "rocket": "M12 2c4 3 5 8 4 13H8C7 10 8 5 12 2M8 12l-4 4 4 1M16 12l4 4-4 1M10 18v4M14 18v4",
    "stone": "M7 3l10-1 5 8-3 9-9 3-7-5-1-8zM5 16 19 8",
    "talk": "M3 4h13v9H9l-4 4v-4H3zM19 8h2v8h-2v4l-4-4h-4",
    "target": "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10M12 12h.1",
}  # fmt: skip

DAYS = 7
CELL, GAP, LEFT, TOP = 11, 2, 32, 15  # pixels
STEPS = (1, 3, 6, 10)  # so many on a day begin a stronger colour


def medal(icon: str, rarity: str) -> SafeString:
    return format_html(
        '<svg class="medal is-{}" viewBox="0 0 48 48" width="48" height="48" aria-hidden="true" '
        'focusable="false"><path class="medal-stone" d="{}"/>'
        '<path class="medal-streak" transform="translate(12 12)" d="{}"/></svg>',
        rarity,
        mark_safe(STONE),  # noqa: S308 -- a constant of this file
        mark_safe(MEDALS[icon]),  # noqa: S308 -- a constant of this file
    )


@dataclass(frozen=True)
class Square:
    """One day: where it is drawn, and how strong."""

    day: date
    number: int
    x: int
    y: int
    strength: int  # 0 to 4


@dataclass(frozen=True)
class Year:
    """The last 53 weeks, a column a week, Monday at the top."""

    squares: tuple[Square, ...]
    months: tuple[tuple[int, date], ...]  # where each begins
    weekdays: tuple[tuple[int, date], ...]  # those that are named
    width: int
    height: int

    @property
    def total(self) -> int:
        return sum(square.number for square in self.squares)

    @property
    def drawn(self) -> SafeString:
        """All squares as SVG. A template takes ten times as long for so many."""
        return mark_safe("".join(map(_rect, self.squares)))  # noqa: S308 -- of numbers and dates alone

    @property
    def days(self) -> int:
        """On which there was anything."""
        return sum(square.number > 0 for square in self.squares)

    @property
    def by_month(self) -> list[tuple[date, int]]:
        """The same in numbers, newest first, without months in which there was nothing."""
        sums: dict[date, int] = {}
        for square in self.squares:
            month = square.day.replace(day=1)
            sums[month] = sums.get(month, 0) + square.number
        return [(month, number) for month, number in reversed(sums.items()) if number]


def _rect(square: Square) -> str:
    title = f"<title>{square.day.isoformat()}: {square.number}</title>" if square.number else ""
    return (
        f'<rect class="day-{square.strength}" x="{square.x}" y="{square.y}" width="{CELL}" height="{CELL}"'
        f' rx="2">{title}</rect>'
    )


def year(numbers: Mapping[date, int], today: date) -> Year:
    """Lay the days out; `today` is in the last column."""
    first = first_day(today)
    squares, months = [], []
    for offset in range((today - first).days + 1):
        day = first + timedelta(days=offset)
        column, row = divmod(offset, DAYS)
        x, y = LEFT + column * (CELL + GAP), TOP + row * (CELL + GAP)
        number = numbers.get(day, 0)
        squares.append(Square(day, number, x, y, sum(number >= step for step in STEPS)))
        if day.day == 1:
            months.append((x, day))
    columns = (len(squares) + DAYS - 1) // DAYS
    named = tuple((TOP + row * (CELL + GAP) + CELL - 2, first + timedelta(days=row)) for row in (0, 2, 4))
    width = LEFT + columns * (CELL + GAP)
    return Year(tuple(squares), tuple(months), named, width, TOP + DAYS * (CELL + GAP))


def first_day(today: date) -> date:
    """The Monday with which the calendar begins."""
    return today - timedelta(days=52 * DAYS + today.weekday())
