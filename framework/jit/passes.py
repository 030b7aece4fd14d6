"""Rewrites of a program. Those of `simplified` keep every bit; `for_code` also does what only compiled code
can run."""

from __future__ import annotations

from typing import Any

import numpy as np

from framework.jit.ir import Node, Program

FOLD_LIMIT = 1 << 16  # elements of a result that is computed once, when compiling


def simplified(program: Program) -> Program:
    """Without what does nothing, is computed twice, is known, or is not needed."""
    now: dict[Node, Node] = {}
    known: dict[object, Node] = {}
    nodes: list[Node] = []
    inputs = list(program.inputs)
    for node in program.nodes:
        node.ins = tuple(now.get(x, x) for x in node.ins)
        new = _simpler(node)
        if new is node and _foldable(node):
            new = folded(node)
            inputs.append(new)
        if new is node:
            key = (node.prim, tuple(node.prim_attrs.items()), node.ins)
            new = known.setdefault(key, node) if node.prim is not None else node
        if new is node:
            nodes.append(node)
        now[node] = new
    result = Program(inputs, nodes, [now.get(x, x) for x in program.outputs])
    result.nodes = result.used()
    return result


def _simpler(node: Node) -> Node:
    """What the node is equal to, bit by bit, if that is simpler."""
    x = node.ins[0] if node.ins else node
    name = node.name
    if name in ("identity", "stop_gradient") or (name == "conj" and node.dtype.kind != "c"):
        return x
    if name in ("reshape", "broadcast_to", "cast") and (x.shape, x.dtype) == (
        node.shape,
        node.dtype,
    ):
        return x
    if node.op == "slice" and x.shape == node.shape and set(node.attrs["step"]) <= {1}:
        return x
    if name == "transpose" and node.attrs["order"] == tuple(range(len(node.shape))):
        return x
    if name == "reshape" and x.op == "reshape":
        node.ins = x.ins
        return _simpler(node)
    if name == "transpose" and x.op == "transpose":
        order = tuple(x.attrs["order"][i] for i in node.attrs["order"])
        if order == tuple(range(len(order))):
            return x.ins[0]
    if name == "neg" and x.prim is node.prim:
        return x.ins[0]
    if name in ("mul", "div"):
        a, b = node.ins
        if _is(b, 1) and a.shape == node.shape:
            return a
        if name == "mul" and _is(a, 1) and b.shape == node.shape:
            return b
    return node


def _is(node: Node, number: int) -> bool:
    """Is it known to be this number in every element?"""
    while node.op in ("broadcast", "reshape", "transpose"):
        node = node.ins[0]
    return node.value is not None and 0 < node.size <= FOLD_LIMIT and bool((node.value == number).all())


def _foldable(node: Node) -> bool:
    fixed = bool(node.ins) and all(x.value is not None for x in node.ins)
    return (
        fixed
        and not node.is_view
        and node.op != "pick"
        and "outputs" not in node.attrs
        and node.size <= FOLD_LIMIT
    )


def folded(node: Node) -> Node:
    """The constant that a node of constants is."""
    prim: Any = node.prim  # what has none is made by later rewrites
    value = np.asarray(prim.impl(np, *(x.value for x in node.ins), **node.prim_attrs))
    return Node("input", (), node.shape, node.dtype, value=value)
