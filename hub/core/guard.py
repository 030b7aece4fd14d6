"""Doing something for each of many rows, so that one that fails does not hold up the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from hub.core.errors import Refusal

Row = TypeVar("Row")
log = logging.getLogger(__name__)


def each(rows: Iterable[Row], act: Callable[[Row], object]) -> int:
    """Do it for every row; how many times something came of it."""
    return sum(bool(guarded(partial(act, row), repr(row))) for row in rows)


def guarded(act: Callable[[], Row], about: str) -> Row | None:
    """What `act` returns; None if it failed, which is logged and left for another time."""
    try:
        return act()
    except Refusal as refusal:
        log.info("%s: %s", about, refusal)
    except Exception:
        # Whatever it was: a poisonous row must not stop a sweep or turn a delivered result into an error.
        log.exception("%s: left for the next sweep", about)
    return None
