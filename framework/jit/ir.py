"""The compiler's own graph: a traced graph in a few normal forms.

| op | is | attributes |
| --- | --- | --- |
| `input` | argument, parameter, or constant with its `value` | |
| `reshape`, `transpose`, `broadcast`, `slice` | a view: nothing is computed | `order`; `start`, `step` |
| `map` | one element from one of each operand, broadcast | `code`: a C expression of {0}, {1}, … |
| `reduce` | over dimensions, by sum, prod, max or min | `kind`, `axes` (from 0), kept as 1 by `keepdims` |
| `join` | each operand at its place, 0 where there is none | `starts`: of every operand, per dimension |
| `matmul` | (…, m, k) by (…, k, n) | |
| `native` | one function of `runtime.h`; planning makes them of calls | |
| `call` | anything else: the primitive's implementation; `index` of its outputs | |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framework import ops
from framework.core import tree
from framework.core.graph import Graph, collect
from framework.core.prim import Prim
from framework.core.tensor import Tensor, abstract
from framework.jit.expressions import C_TYPE, HALF, code_of
from framework.jit.index import ZERO, Forms
from framework.prims.elementwise import CAST

FLOAT = np.dtype(np.float32)
VIEWS = frozenset({"reshape", "transpose", "broadcast", "slice"})


@dataclass(eq=False, repr=False, slots=True)
class Node:
    """A value of the program. Compared by identity."""

    op: str
    ins: tuple[Node, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    attrs: dict[str, Any] = field(default_factory=dict)
    prim: Prim | None = None  # what eager mode runs in its place
    prim_attrs: dict[str, Any] = field(default_factory=dict)
    value: np.ndarray | None = None  # of a constant

    @property
    def name(self) -> str:
        """Of its primitive; empty for what later rewrites make."""
        return self.prim.name if self.prim else ""

    @property
    def is_view(self) -> bool:
        return self.op in VIEWS

    @property
    def is_leaf(self) -> bool:
        return self.op == "input"

    @property
    def is_number(self) -> bool:
        """Is it a constant that code can spell out?"""
        return self.value is not None and self.size == 1 and self.dtype.name in C_TYPE

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def domain(self) -> tuple[int, ...]:
        """The shape that is run over to compute it."""
        return self.ins[0].shape if self.op == "reduce" else self.shape

    def kept(self, forms: Forms) -> Forms:
        """The indices of a reduction's output, from those of its input."""
        axes = self.attrs["axes"]
        if self.attrs["keepdims"]:
            return tuple(ZERO if i in axes else form for i, form in enumerate(forms))
        return tuple(form for i, form in enumerate(forms) if i not in axes)


@dataclass(slots=True)
class Program:
    """What is compiled: nodes in an order in which they can run."""

    inputs: list[Node]  # arguments, then closed-over state, then constants
    nodes: list[Node]
    outputs: list[Node]

    def used(self) -> list[Node]:
        """The nodes that an output needs, in order."""
        seen = set(self.outputs)
        for node in reversed(self.nodes):
            if node in seen:
                seen.update(node.ins)
        return [node for node in self.nodes if node in seen]


def read(graph: Graph, expand: bool = False) -> Program:
    """The program of a traced graph; with `expand`, heavy primitives as the smaller ones that define them."""
    program = Program([Node("input", (), x.shape, x.dtype) for x in graph.inputs], [], [])
    program.outputs = _read_into(program, graph, list(program.inputs), expand)
    return program


def _read_into(program: Program, graph: Graph, inputs: list[Node], expand: bool) -> list[Node]:
    """Add a graph's nodes to a program; returns its outputs."""
    found: dict[int, Any] = {id(x): node for x, node in zip(graph.inputs, inputs, strict=True)}
    for x in graph.consts:
        found[id(x)] = node = Node("input", (), x.shape, x.dtype, value=x.value)
        program.inputs.append(node)
    for x in graph.nodes:
        prim: Any = x.prim  # nodes are recorded: they have one
        ins = tuple(found[id(y)] for y in x.ins)
        definition = (prim.expand or DEFINITIONS.get(prim.name)) if expand else None
        if definition is not None:
            outputs = _read_into(program, _expansion(definition, x), list(ins), expand)
            found[id(x)] = outputs if prim.multi else outputs[0]
        elif prim.name == "pick" and isinstance(ins[0], list):
            found[id(x)] = ins[0][x.attrs["i"]]
        else:
            nodes = (_in_floats(x, ins) if expand and not prim.multi else None) or [_node_of(x, ins)]
            found[id(x)] = nodes[-1]
            program.nodes += nodes
    return [found[id(x)] for x in graph.outputs]


def _expansion(definition: Callable[..., Any], x: Tensor) -> Graph:
    inputs = [abstract(y.shape, y.dtype) for y in x.ins]
    outputs, out_tree = tree.flatten(definition(*inputs, **x.attrs))
    return collect(inputs, outputs, out_tree)


def _logsumexp(x: Tensor, axis: tuple[int, ...], keepdims: bool) -> Tensor:
    top = ops.max(x, axis, keepdims=True)
    top = ops.where(ops.isfinite(top), top, 0)
    out = ops.log(ops.sum(ops.exp(x - top), axis, keepdims=True)) + top
    return out if keepdims else ops.squeeze(out, axis)


# Of primitives whose implementation is written for speed: the same in smaller ones.
DEFINITIONS: dict[str, Callable[..., Any]] = {"logsumexp": _logsumexp}


def _in_floats(x: Tensor, ins: tuple[Node, ...]) -> list[Node] | None:
    """A node of 16-bit floats as one of floats between casts, as eager mode computes it; None if it has none,
    or only moves them about.
    """
    if x.dtype.name not in HALF and all(y.dtype.name not in HALF for y in ins):
        return None
    found = [_cast(y, FLOAT) for y in ins if y.dtype.name in HALF]
    wide = iter(found)
    taken = tuple(next(wide) if y.dtype.name in HALF else y for y in ins)
    node = _node_of(x, taken, FLOAT if x.dtype.name in HALF else None)
    if node.op not in ("map", "reduce", "matmul") or any(y.dtype.name == "float64" for y in ins):
        return None
    if "dtype" in node.prim_attrs:
        node.prim_attrs = {**node.prim_attrs, "dtype": node.dtype}
    return [*found, node, *([_cast(node, x.dtype)] if x.dtype.name in HALF else [])]


def _cast(node: Node, dtype: np.dtype[Any]) -> Node:
    code = code_of(CAST, [node.dtype], dtype)
    return Node("map", (node,), node.shape, dtype, {"code": code}, CAST, {"dtype": dtype})


def _node_of(x: Tensor, ins: tuple[Node, ...], wide: np.dtype[Any] | None = None) -> Node:
    """The node of a tensor, of another dtype where it is given."""
    prim: Any = x.prim  # nodes are recorded: they have one
    if prim.multi:
        return Node("call", ins, (), np.dtype(np.int8), {"outputs": x.aval}, prim, x.attrs)
    dtype = wide or x.dtype
    node = Node("call", ins, x.shape, dtype, {}, prim, x.attrs)
    if prim.name == "pick":
        node.op, node.attrs = "pick", x.attrs
    elif prim.name in _READERS:
        _READERS[prim.name](node)
    else:
        code = code_of(prim, [y.dtype for y in ins], dtype)
        if code is not None:
            node.op, node.attrs = "map", {"code": code}
    return node


def _read_transpose(node: Node) -> None:
    rank = len(node.shape)
    perm = node.prim_attrs["perm"]
    node.op, node.attrs = "transpose", {"order": (*range(rank - len(perm)), *(p + rank for p in perm))}


def _read_slice(node: Node) -> None:
    where = node.prim_attrs["where"]
    free = len(node.shape) - len(where)
    start = (*(0,) * free, *(a for a, _, _ in where))
    step = (*(1,) * free, *(s for _, _, s in where))
    node.op, node.attrs = "slice", {"start": start, "step": step}


def _read_unslice(node: Node) -> None:
    where = node.prim_attrs["where"]
    if all(step == 1 for _, _, step in where):
        starts = (*(0,) * (len(node.shape) - len(where)), *(start for start, _, _ in where))
        node.op, node.attrs = "join", {"starts": (starts,)}


def _read_concat(node: Node) -> None:
    axis, start, starts = len(node.shape) + node.prim_attrs["axis"], 0, []
    for x in node.ins:
        starts.append(tuple(start if i == axis else 0 for i in range(len(node.shape))))
        start += x.shape[axis]
    node.op, node.attrs = "join", {"starts": tuple(starts)}


def _read_reduction(node: Node) -> None:
    rank, attrs = len(node.ins[0].shape), node.prim_attrs
    if node.dtype.name in C_TYPE:
        axes = frozenset(a + rank for a in attrs["axis"])
        kind = node.name
        node.op, node.attrs = "reduce", {"kind": kind, "axes": axes, "keepdims": attrs["keepdims"]}


def _read_as(op: str) -> Callable[[Node], None]:
    def read_node(node: Node) -> None:
        node.op = op

    return read_node


def _read_matmul(node: Node) -> None:
    if node.dtype.name in ("float32", "float64"):
        node.op, node.attrs = "matmul", {"summed": 0}


_READERS: dict[str, Callable[[Node], None]] = {
    "transpose": _read_transpose,
    "slice": _read_slice,
    "unslice": _read_unslice,
    "concat": _read_concat,
    "reshape": _read_as("reshape"),
    "broadcast_to": _read_as("broadcast"),
    "matmul": _read_matmul,
    **dict.fromkeys(("sum", "prod", "max", "min"), _read_reduction),
}
