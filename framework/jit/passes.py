"""Rewrites of a program. Those of `simplified` keep every bit; `for_code` also does what only compiled code
can run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from framework.jit import link
from framework.jit.fuse import base
from framework.jit.ir import Node, Program
from framework.jit.native import as_int64, has_function, indices_of

FOLD_LIMIT = 1 << 16  # elements of a result that is computed once, when compiling
WIDE_LIMIT = 1 << 16  # elements of a mask that stays in cache with 4 bytes each


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


def for_code(program: Program, allowed: Sequence[set[Node]]) -> None:
    """Rewrites that only compiled code can run; outputs become nodes of their own."""
    if link.blas() is None:
        for node in program.nodes:
            if node.op == "matmul":
                node.op = "call"
    users = _users(program)
    nodes: list[Node] = []
    for node in program.nodes:
        if node.op == "call" and has_function(node):
            places = indices_of(node)
            node.op = "native"
            node.ins = tuple(as_int64(x) if i in places else x for i, x in enumerate(node.ins))
            nodes += [x for i, x in enumerate(node.ins) if i in places and x.prim is None and x.op == "map"]
        source = node.ins[0] if node.ins else node
        if node.op == "reduce" and all(source.shape[axis] == 1 for axis in node.attrs["axes"]):
            node.op = "reshape"
        if source.op == "matmul" and users[source] == 1 and source.attrs["summed"] == 0:
            if node.op == "reduce" and _sums_batch(node, source):
                node.op, node.ins, node.attrs = "matmul", source.ins, {"summed": len(node.attrs["axes"])}
            elif node.op == "transpose" and _swaps(node):  # (a b)ᵀ = bᵀ aᵀ
                nodes += (turned := [_turned(x) for x in reversed(source.ins)])
                node.op, node.ins, node.attrs = "matmul", tuple(turned), {"summed": 0}
        nodes.append(node)
    program.nodes = nodes
    for node, donated in zip(program.outputs, allowed, strict=True):
        _add_onto(node, users, donated)
    seen: set[Node] = set()
    for i, node in enumerate(program.outputs):
        if (
            base(node) in seen
            or node.is_leaf
            or (node.is_view and not _only_reshaped(node))
            or node.op == "pick"
        ):
            program.outputs[i] = node = Node("map", (node,), node.shape, node.dtype, {"code": "{0}"})
            program.nodes.append(node)
        seen.add(base(node))
    program.nodes = program.used()
    _widen_masks(program)


def _widen_masks(program: Program) -> None:
    """Constants of bools that only elementwise loops read, as int32: beside floats, compilers take vectors of
    bytes apart, and a softmax under a mask takes half as long again.
    """
    readers: dict[Node, list[Node]] = {}
    for node in program.nodes:
        for x in node.ins:
            readers.setdefault(x, []).append(node)
    for mask in program.inputs:
        if mask.value is None or mask.dtype != bool or not 1 < mask.size <= WIDE_LIMIT:
            continue
        same, ends = [mask], list[Node]()
        for x in same:
            for node in readers.get(x, []):
                (same if node.is_view else ends).append(node)
        if all(node.op == "map" for node in ends) and not set(same) & set(program.outputs):
            mask.value = mask.value.astype(np.int32)
            for x in same:
                x.dtype = mask.value.dtype


def _add_onto(node: Node, users: dict[Node, int], donated: set[Node]) -> None:
    """x ± scale · (a b), where x may be written over, as one product that adds to x: gradient descent."""
    name = node.name
    if name not in ("add", "sub") or users[node] != 1 or node.op != "map" or node.ins[0] not in donated:
        return
    x, change = node.ins
    scale = None
    if change.op == "map" and change.name == "mul" and users[change] == 1:
        scale, change = sorted(change.ins, key=lambda each: each.op == "matmul")
    single = change.op == "matmul" and users[change] == 1 and change.shape == x.shape
    if single and (scale is None or (scale.is_leaf and scale.size == 1)):
        ins = (*change.ins[:2], x, *([scale] if scale else []))
        node.op, node.ins, node.attrs = "matmul", ins, {**change.attrs, "sign": -1 if name == "sub" else 1}


def _sums_batch(node: Node, source: Node) -> bool:
    """Is it the sum of a batch of products over its first dimensions?"""
    axes = node.attrs["axes"]
    first = axes == frozenset(range(len(axes))) and len(axes) <= len(source.shape) - 2
    return first and node.attrs["kind"] == "sum" and not node.attrs["keepdims"]


def _swaps(node: Node) -> bool:
    """Does it exchange the last two dimensions and nothing else?"""
    rank = len(node.shape)
    return bool(node.attrs["order"] == (*range(rank - 2), rank - 1, rank - 2))


def _turned(node: Node) -> Node:
    rank = len(node.shape)
    order = (*range(rank - 2), rank - 1, rank - 2)
    return Node("transpose", (node,), tuple(node.shape[i] for i in order), node.dtype, {"order": order})


def _only_reshaped(node: Node) -> bool:
    while node.op == "reshape":
        node = node.ins[0]
    return not node.is_view and not node.is_leaf and node.op != "pick"


def _users(program: Program) -> dict[Node, int]:
    count = dict.fromkeys([*program.inputs, *program.nodes], 0)
    for node in program.nodes:
        for x in node.ins:
            count[x] += 1
    for node in program.outputs:
        count[node] += 1
    return count
