"""Operators work along the last axis; this brings another one there."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from kernels.arrays import as_array
from kernels.errors import BadArgument


def along_last(op: str, run: Callable[[Any, Any], Any], x: Any, axis: int, out: Any) -> Any:
    """`run(x, out)` with `axis` moved to the end, and moved back in what it returns (same number of axes).

    Args:
        op: the operator's name, for what is told of faults.

    Raises:
        BadArgument: there is no such axis.
    """
    if axis == -1:
        return run(x, out)
    try:
        axis = operator.index(axis)
    except TypeError:
        raise BadArgument(f"{op}: axis is {axis!r:.60}; a whole number is needed") from None
    x = as_array(op, "x", x)
    if not -x.ndim <= axis < x.ndim:
        raise BadArgument(
            f"{op}: axis is {axis}; an array of shape {x.shape} has axes {-x.ndim} to {x.ndim - 1}"
        )
    moved = None if out is None else _swap(as_array(op, "out", out), axis)
    found = run(_swap(x, axis), moved)
    return _swap(found, axis) if out is None else out


def _swap(array: Any, axis: int) -> Any:
    """Its own inverse. An array that lacks the axis is left for the operator to refuse."""
    return array.swapaxes(axis, -1) if -array.ndim <= axis < array.ndim else array
