"""Primitives that are one function of `runtime.h`: gathering and scattering by indices, running sums.

Operands lie plainly (row by row, in the order of their shape); indices are int64. An index out of range is
told to the host, which raises what eager mode raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from framework.jit.expressions import C_TYPE
from framework.jit.ir import Node

_SUMS = ("float32", "float64", "int64", "int32")


def indices_of(node: Node) -> range:
    """Which operands are indices."""
    name = node.name
    first = {"gather": 1, "scatter_add": 1, "scatter": 2, "take_along_axis": 1, "add_along_axis": 1}.get(name)
    return range(first, len(node.ins)) if first else range(0)


def has_function(node: Node) -> bool:
    """Does the function serve these operands?"""
    name = node.name
    if name in ("scatter_add", "add_along_axis", "cumsum") and node.dtype.name not in _SUMS:
        return False
    if name in ("take_along_axis", "add_along_axis"):
        axis = len(node.shape) + node.prim_attrs["axis"]
        rest = [shape[:axis] + shape[axis + 1 :] for shape in (node.shape, *(x.shape for x in node.ins))]
        return len(set(rest)) == 1
    if name == "scatter":
        at = node.ins[2].shape
        return node.ins[1].shape == (*at, *node.shape[len(node.ins) - 2 :])
    return name in _CALLS


def call_of(node: Node, place: Callable[[Node], str]) -> str:
    """The call, an expression that is not 0 where it has failed."""
    return _CALLS[node.name](node, place)


def _rows(node: Node, table: tuple[int, ...], place: Callable[[Node], str]) -> str:
    """Indices of rows, how many, the dimensions that they are of, and how long a row is."""
    indices = [node.ins[i] for i in indices_of(node)]
    pointers = ", ".join(f"(const int64_t *){place(x)}" for x in indices)
    sizes = ", ".join(str(n) for n in table[: len(indices)])
    width = math.prod(table[len(indices) :])
    return (
        f"{indices[0].size}, {len(indices)}, (const int64_t *[]){{{pointers}}}, "
        f"(const int64_t[]){{{sizes}}}, {width}"
    )


def _gather(node: Node, place: Callable[[Node], str]) -> str:
    x = node.ins[0]
    return f"gather(env, {place(node)}, {place(x)}, {x.dtype.itemsize}, {_rows(node, x.shape, place)})"


def _scatter_add(node: Node, place: Callable[[Node], str]) -> str:
    kind = C_TYPE[node.dtype.name]
    rows = _rows(node, node.shape, place)
    return f"scatter_add_{kind}(env, {place(node)}, {place(node.ins[0])}, {node.size}, {rows})"


def _scatter(node: Node, place: Callable[[Node], str]) -> str:
    x, v = node.ins[:2]
    rows = _rows(node, node.shape, place)
    return f"scatter(env, {place(node)}, {place(x)}, {place(v)}, {node.nbytes}, {x.dtype.itemsize}, {rows})"


def _around(shape: tuple[int, ...], axis: int) -> tuple[int, int]:
    """How many elements the dimensions before and after an axis have."""
    axis += len(shape)
    return math.prod(shape[:axis]), math.prod(shape[axis + 1 :])


def _take_along(node: Node, place: Callable[[Node], str]) -> str:
    x, i = node.ins
    axis = node.prim_attrs["axis"]
    before, after = _around(x.shape, axis)
    sizes = f"{before}, {x.shape[axis]}, {i.shape[axis]}, {after}"
    return f"take_along(env, {place(node)}, {place(x)}, {place(i)}, {x.dtype.itemsize}, {sizes})"


def _add_along(node: Node, place: Callable[[Node], str]) -> str:
    g, i = node.ins
    axis = node.prim_attrs["axis"]
    before, after = _around(node.shape, axis)
    sizes = f"{before}, {node.shape[axis]}, {i.shape[axis]}, {after}"
    return f"add_along_{C_TYPE[node.dtype.name]}(env, {place(node)}, {place(g)}, {place(i)}, {sizes})"


def _cumsum(node: Node, place: Callable[[Node], str]) -> str:
    axis = node.prim_attrs["axis"]
    before, after = _around(node.shape, axis)
    sizes = f"{before}, {node.shape[axis]}, {after}"
    return f"cumsum_{C_TYPE[node.dtype.name]}({place(node)}, {place(node.ins[0])}, {sizes})"


_CALLS = {
    "gather": _gather,
    "scatter_add": _scatter_add,
    "scatter": _scatter,
    "take_along_axis": _take_along,
    "add_along_axis": _add_along,
    "cumsum": _cumsum,
}


def as_int64(x: Node) -> Node:
    """Indices in the dtype that the functions take."""
    return x if x.dtype == np.int64 else Node("map", (x,), x.shape, np.dtype(np.int64), {"code": "{0}"})
