"""The compiler's own graph: a traced graph in a few normal forms.

| op | is | attributes |
| --- | --- | --- |
| `input` | argument, parameter, or constant with its `value` | |
| `reshape`, `transpose`, `broadcast`, `slice` | a view: nothing is computed | `order`; `start`, `step` |
| `map` | one element from one of each operand, broadcast | `code`: a C expression of {0}, {1}, … |
| `reduce` | over dimensions, by sum, prod, max or min | `kind`, `axes` (from 0), kept as 1 by `keepdims` |
| `matmul` | (…, m, k) by (…, k, n) | |
| `call` | anything else: the primitive's implementation; `index` of its outputs | |
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framework.core.graph import Graph
from framework.core.prim import Prim
from framework.core.tensor import Tensor
from framework.jit.expressions import C_TYPE, code_of
from framework.jit.index import ZERO, Forms

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
    def is_view(self) -> bool:
        return self.op in VIEWS

    @property
    def is_leaf(self) -> bool:
        return self.op == "input"

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


def read(graph: Graph) -> Program:
    """The program of a traced graph, one node for each of its own but those that do nothing."""
    found: dict[int, Node] = {}
    for x in [*graph.inputs, *graph.consts]:
        found[id(x)] = Node("input", (), x.shape, x.dtype, value=x.value)
    inputs = list(found.values())
    nodes = []
    for x in graph.nodes:
        node = _node_of(x, tuple(found[id(y)] for y in x.ins))
        found[id(x)] = node
        nodes.append(node)
    return Program(inputs, nodes, [found[id(x)] for x in graph.outputs])


def _node_of(x: Tensor, ins: tuple[Node, ...]) -> Node:
    prim: Any = x.prim  # nodes are recorded: they have one
    if prim.multi:
        return Node("call", ins, (), np.dtype(np.int8), {"outputs": x.aval}, prim, x.attrs)
    node = Node("call", ins, x.shape, x.dtype, {}, prim, x.attrs)
    if prim.name == "pick":
        node.op, node.attrs = "pick", x.attrs
    elif prim.name in _READERS:
        _READERS[prim.name](node)
    else:
        code = code_of(prim, [y.dtype for y in ins], x.dtype, x.attrs)
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


def _read_reduction(node: Node) -> None:
    rank, attrs = len(node.ins[0].shape), node.prim_attrs
    if node.dtype.name in C_TYPE:
        axes = frozenset(a + rank for a in attrs["axis"])
        kind = node.prim.name if node.prim else ""
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
    "reshape": _read_as("reshape"),
    "broadcast_to": _read_as("broadcast"),
    "matmul": _read_matmul,
    **dict.fromkeys(("sum", "prod", "max", "min"), _read_reduction),
}
