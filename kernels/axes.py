"""Operators work along the last axis; this brings another one there."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from kernels.arrays import as_array
from kernels.errors import BadArgument


def along_last(run: Callable[[Any, Any], Any], x: Any, axis: int, out: Any) -> Any:
    """`run(x, out)` with `axis` moved to the end, and moved back in what it returns (same number of axes).

    Raises:
        BadArgument: there is no such axis.
    """
    if axis == -1:
        return run(x, out)
    x = as_array("axis", "x", x)
    axis = operator.index(axis)
    if not -x.ndim <= axis < x.ndim:
        raise BadArgument(f"axis is {axis}; an array of shape {x.shape} has axes {-x.ndim} to {x.ndim - 1}")
    moved = _swap(x, axis)
    found = run(moved, None if out is None else _swap(as_array("axis", "out", out), axis))
    return _swap(found, axis) if out is None else out


def _swap(array: Any, axis: int) -> Any:
    """Its own inverse."""
    return array.swapaxes(axis, -1)
