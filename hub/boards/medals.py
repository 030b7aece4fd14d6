"""Medals of a board: gold for the first tenth of what is confirmed, silver for the next, bronze for two more.

They go with the rank as it is now, so who shares a rank shares its medal, and on a frozen board they stay.
"""

from __future__ import annotations

from hub.boards.queries import Entry

LEAST = 10  # confirmed entries of people that a board has before there are any
SHARES = (("gold", 10), ("silver", 20), ("bronze", 40))  # up to which percent of them


def medal(entry: Entry, number: int) -> str:
    """The medal of an entry on a board with `number` confirmed entries of people; empty if it has none."""
    if number < LEAST or not (entry.confirmed and entry.rank) or entry.user.is_house:
        return ""
    return next((name for name, percent in SHARES if 100 * entry.rank <= percent * number), "")
