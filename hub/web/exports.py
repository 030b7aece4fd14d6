"""A board to take away: CSV, JSON, and a badge for a README elsewhere. Read-only, for everybody.

The badge is an image with neither script nor style, which other sites may show. It is the same for everybody
who asks, so caches may keep it for a while; afterwards they ask whether it changed (ETag).
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_safe

from bench_runner.contract import FIGURES
from hub.accounts.models import User
from hub.boards.cases import tables
from hub.boards.history import record_of
from hub.boards.queries import Entry
from hub.boards.stored import Whole
from hub.core import clock
from hub.pulls.together import others
from hub.web.boards import board_of
from hub.web.plain import plain_line
from hub.web.templatetags.touchstone import times

COLUMNS = (
    "rank", "tied", "username", "name", "together_with", "ratio", "low", "high", "confirmed", "record",
    "runs", "measured_at", "pull_request", "artefact_sha256", *FIGURES,
)  # fmt: skip
FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute what begins so
BADGE_SECONDS = 300
LABEL, LETTER, WIDE = 12, 6.6, 12.0  # pixels: height of letters, width of a Latin and of a Chinese one
ROOM, CORNER = 9, 4
IMAGE_POLICY = "default-src 'none'; frame-ancestors 'none'"


@require_safe
def as_csv(request: HttpRequest, slug: str, hardware: str) -> HttpResponse:
    _task, board = board_of(slug, hardware, request.user, request.GET.get("metric", ""))
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in row.items()} for row in _rows(board, board[:]))
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{slug}-{hardware}.csv"'
    return response


@require_safe
def as_json(request: HttpRequest, slug: str, hardware: str) -> HttpResponse:
    task, board = board_of(slug, hardware, request.user, request.GET.get("metric", ""))
    entries = board[:]
    rows = _rows(board, entries)
    for table in tables(entries):
        for row, (_entry, cells) in zip(rows, table.rows, strict=True):
            row.setdefault("cases", {})[table.metric] = {
                case: {
                    "ratio": cell.ratio,
                    "low": cell.low,
                    "high": cell.high,
                    "baseline": cell.baseline,
                    "candidate": cell.candidate,
                }
                for case, cell in zip(table.cases, cells, strict=True)
                if cell is not None
            }
    said = {
        "task": slug,
        "title": {"en": task.title_en, "zh": task.title_zh},
        "hardware_class": hardware,
        "revision": task.current.digest if task.current else None,
        "board": _address(reverse("web:board", args=[slug, hardware])),
        "frozen_since": frozen.isoformat() if (frozen := task.frozen_since(clock.now())) else None,
        "metric": board.metric,
        "hidden": board.is_hidden,  # all entries but one's own
        "entries": rows,
    }
    return JsonResponse(said, json_dumps_params={"ensure_ascii": False, "indent": 1})


@require_safe
def badge(request: HttpRequest, slug: str, hardware: str) -> HttpResponse:
    """The first place; with `user`, that person's; `language=zh-hans` for Chinese, whoever asks."""
    task, board = board_of(slug, hardware)
    with override("zh-hans" if request.GET.get("language") == "zh-hans" else "en"):
        shown = _badge(task.title, board, request.GET.get("user", ""))
        response = render(request, "boards/badge.svg", {"badge": shown}, content_type="image/svg+xml")
    response.headers["Cache-Control"] = f"public, max-age={BADGE_SECONDS}"
    response.headers["Content-Security-Policy"] = IMAGE_POLICY
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["ETag"] = f'"{sha256(response.content).hexdigest()[:16]}"'
    return get_conditional_response(request, etag=response.headers["ETag"], response=response) or response


@dataclass(frozen=True)
class Badge:
    title: str
    value: str
    left: float  # widths in pixels
    right: float
    has_value: bool

    @property
    def width(self) -> float:
        return round(self.left + self.right, 1)

    @property
    def straight(self) -> float:
        """Of the right part's edges, without the round corners."""
        return round(self.right - CORNER, 1)

    @property
    def value_at(self) -> float:
        return round(self.left + ROOM, 1)


def _badge(title: str, board: Whole, username: str) -> Badge:
    entry = board.entry_of(username) if username else next(iter(board[:1]), None)
    if board.is_hidden:
        value = _("hidden until the end")
    elif entry is None:
        value = _("not on the board") if username else _("no entry yet")
    elif username:
        place = _("%(rank)s of %(number)s") % {"rank": entry.rank, "number": len(board)}
        value = f"{times(entry.ratio)} · {place}"
    else:
        value = f"{times(entry.ratio)} · {plain_line(entry.user.shown_name)[:24]}"
    # The mark stands left of the title.
    return Badge(title, value, 20 + _width(title) + 2 * ROOM, _width(value) + 2 * ROOM, entry is not None)


def _width(text: str) -> float:
    return round(sum(WIDE if unicodedata.east_asian_width(one) in "WF" else LETTER for one in text), 1)


def _rows(board: Whole, entries: Iterable[Entry]) -> list[dict[str, Any]]:
    record, shown = record_of(board.moments(0)), list(entries)
    together = others(entry.pull for entry in shown)
    return [
        _row(entry, record is not None and record.verdict == entry.verdict, together.get(entry.pull.pk, ()))
        for entry in shown
    ]


def _row(entry: Entry, is_record: bool, together: Iterable[User]) -> dict[str, Any]:
    return {
        "rank": entry.rank or None,
        "tied": entry.tied,
        "username": entry.user.username,
        "name": entry.user.shown_name,
        "together_with": " ".join(user.username for user in together),
        "ratio": entry.ratio,
        "low": entry.low,
        "high": entry.high,
        "confirmed": entry.confirmed,
        "record": is_record,
        "runs": entry.runs,
        "measured_at": entry.at.isoformat(),
        "pull_request": _address(reverse("web:pull", args=[entry.pull.pk])),
        "artefact_sha256": entry.verdict.artefact_sha256,
        **{name: entry.figures.get(name) for name in FIGURES},
    }


def cell(value: Any) -> Any:
    """A name must not become a formula where the file is opened."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


def _address(path: str) -> str:
    return f"{settings.SITE_URL}{path}"
