"""Where intermediate results lie in the one block of memory that a program works in.

Every buffer has a life: from the kernel that writes it to the last that reads it. In some order, each is put
at the lowest address at which nothing lies whose life overlaps its own; the order that gives the smallest
block counts. A kernel that reads a value for the
last time at the very places where it writes another may write it over the first (`over`), and the two then
count as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


@dataclass(slots=True)
class Life:
    """A buffer's size in bytes and the first and last step that need it; `offset` is the plan's answer."""

    nbytes: int
    first: int
    last: int
    offset: int = 0


def plan(lives: Sequence[Life]) -> int:
    """Give every buffer an offset; returns the bytes of the block."""
    orders = (
        sorted(lives, key=lambda each: -each.nbytes),
        sorted(lives, key=lambda each: (-each.last, -each.nbytes)),
        sorted(lives, key=lambda each: (each.first, -each.nbytes)),
    )
    return _placed(min(orders, key=_placed))


def _placed(order: Sequence[Life]) -> int:
    """Give the buffers offsets one after another; returns the bytes of the block."""
    placed: list[Life] = []
    total = 0
    for life in order:
        beside = [each for each in placed if each.first <= life.last and life.first <= each.last]
        life.offset = _lowest_gap(life.nbytes, sorted(beside, key=lambda each: each.offset))
        placed.append(life)
        total = max(total, life.offset + _padded(life.nbytes))
    return total


def _lowest_gap(nbytes: int, beside: Sequence[Life]) -> int:
    offset = 0
    for each in beside:
        if offset + _padded(nbytes) <= each.offset:
            break
        offset = max(offset, each.offset + _padded(each.nbytes))
    return offset


def _padded(nbytes: int) -> int:
    return -(-nbytes // ALIGNMENT) * ALIGNMENT
