"""The two walks over recorded nodes, backward with cotangents and forward with tangents, and what rules give.

The backward walk sums each cotangent to the shape and casts it to the dtype of its input: that is how
broadcasting is differentiated, and no rule needs to know of it. A primitive without a rule for a direction
has it from its definition (`expand`), or from the other direction: the transpose of the vjp is the jvp.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framework import ops
from framework.core import dtypes, tree
from framework.core.graph import dependents
from framework.core.prim import Prim
from framework.core.tensor import PICK, Tensor, apply, leaf, outputs_of, recording
from framework.prims.elementwise import ADD

Cotangent = Any  # Tensor | None; of a `multi` node a list of them


def fit(g: Tensor, x: Tensor) -> Tensor:
    """A cotangent summed to the shape and cast to the dtype of the input it belongs to."""
    if g.shape != x.shape:
        g = ops.sum_to(g, x.shape)
    if g.dtype is not x.dtype and g.dtype != x.dtype:
        g = ops.cast(
            ops.real(g) if dtypes.is_complex(g.dtype) and not dtypes.is_complex(x.dtype) else g, x.dtype
        )
    return g


def cotangents(node: Tensor, g: Cotangent) -> Sequence[Tensor | None]:
    """The cotangent that the rule gives each input; None where no gradient passes."""
    prim, ins, attrs = node.prim, node.ins, node.attrs
    g = tuple(g) if prim.multi else g
    out: Any = outputs_of(node) if prim.multi else node
    if prim.vjp is None:
        return (None,) * len(ins) if prim.expand is None else by_expansion(prim, g, ins, attrs)
    if isinstance(prim.vjp, tuple):
        return [None if rule is None else rule(g, out, *ins, **attrs) for rule in prim.vjp]
    found: Sequence[Tensor | None] = prim.vjp(g, out, *ins, **attrs)
    return found


def by_expansion(
    prim: Prim, g: Any, ins: Sequence[Tensor], attrs: dict[str, Any]
) -> tuple[Tensor | None, ...]:
    """The cotangents of a primitive's inputs from its definition by smaller primitives."""
    nodes, outs, leaves = _expansion(prim, ins, attrs)
    found = pull(nodes, outs, g if prim.multi else (g,), [x for x in leaves if x is not None])
    left = iter(found)
    return tuple([None if x is None else next(left) for x in leaves])


def _expansion(prim: Prim, ins: Sequence[Tensor], attrs: dict[str, Any]) -> Any:
    """The definition recorded on leaves: nodes, outputs, and a leaf for each inexact input."""
    with recording():
        leaves = [leaf(x) if dtypes.is_inexact(x.dtype) else None for x in ins]
        given = [x if t is None else t for x, t in zip(ins, leaves, strict=True)]
        outs = tree.flatten(prim.definition(*given, **attrs))[0]
    return dependents(outs, [x for x in leaves if x is not None]), outs, leaves


def pull(
    nodes: Sequence[Tensor], outputs: Sequence[Tensor], gs: Sequence[Tensor | None], leaves: Sequence[Tensor]
) -> list[Tensor | None]:
    """Walk nodes backward: the cotangent of each leaf, None where no gradient arrives."""
    inside = {id(x) for x in nodes}
    inside.update([id(x) for x in leaves])
    held: dict[int, Cotangent] = {}

    for x, g in zip(outputs, gs, strict=True):
        if g is not None and id(x) in inside:
            _accumulate(held, x, g)
    for node in reversed(nodes):
        g = held.pop(id(node), None)
        if g is None:
            continue
        prim, ins, attrs = node.prim, node.ins, node.attrs
        if prim is PICK:
            width = len(ins[0].aval if ins[0].value is None else ins[0].value)
            row, i = held.setdefault(id(ins[0]), [None] * width), attrs["i"]
            row[i] = g if row[i] is None else ops.add(row[i], g)  # rules may have picked one output again
        elif prim.vjp.__class__ is tuple and not prim.multi:
            for x, rule in zip(ins, prim.vjp, strict=True):
                if rule is not None and id(x) in inside:
                    gx = rule(g, node, *ins, **attrs) if attrs else rule(g, node, *ins)
                    if gx is not None:
                        _accumulate(held, x, gx)
        else:
            for x, gx in zip(ins, cotangents(node, g), strict=True):
                if gx is not None and id(x) in inside:
                    _accumulate(held, x, gx)
    return [held.get(id(x)) for x in leaves]


def _accumulate(held: dict[int, Cotangent], x: Tensor, g: Tensor) -> None:
    """Add to the cotangent of x, in its shape and dtype."""
    a, b = g.value, x.value
    if a is None or b is None or a.shape != b.shape or a.dtype is not b.dtype:
        g = fit(g, x)
    old = held.get(id(x))
    held[id(x)] = g if old is None else apply(ADD, old, g)


def push(
    nodes: Sequence[Tensor],
    outputs: Sequence[Tensor],
    tangents: Sequence[Tensor | None],
    leaves: Sequence[Tensor],
) -> list[Tensor | None]:
    """Walk nodes forward: the tangent of each output, None where it is zero."""
    held: dict[int, Any] = {id(x): t for x, t in zip(leaves, tangents, strict=True) if t is not None}
    for node in nodes:
        prim = node.prim
        ts = [held.get(id(x)) for x in node.ins]
        if all(t is None for t in ts):
            continue
        if prim is PICK:
            t = held[id(node.ins[0])][node.attrs["i"]]
        elif prim.multi:
            t = several_tangents(node, ts)
        else:
            t = tangent(node, ts)
        if t is not None:
            held[id(node)] = t
    return [held.get(id(x)) for x in outputs]


def tangent(node: Tensor, ts: Sequence[Tensor | None]) -> Tensor | None:
    """The tangent of a node with one output, from those of its inputs."""
    prim = node.prim
    if prim.jvp == "linear":
        given = [ops.zeros_like(x) if t is None else t for x, t in zip(node.ins, ts, strict=True)]
        result: Tensor = apply(prim, *given, **node.attrs)
        return result
    if prim.jvp == "diagonal":
        t = diagonal(node, ts)
    elif callable(prim.jvp):
        t = prim.jvp(node, node.ins, ts, **node.attrs)
    else:
        t = by_two_vjps(node, ts) if prim.expand is None else forward_expansion(node, ts)[0]
    if t is None:
        return None
    if dtypes.is_complex(t.dtype) and not dtypes.is_complex(node.dtype):
        t = ops.real(t)
    return t if t.shape == node.shape else ops.broadcast_to(t, node.shape)


def several_tangents(node: Tensor, ts: Sequence[Tensor | None]) -> Any:
    """The tangents of the outputs of a `multi` node."""
    prim = node.prim
    if callable(prim.jvp):
        return prim.jvp(outputs_of(node), node.ins, ts, **node.attrs)
    return by_two_vjps(node, ts) if prim.expand is None else forward_expansion(node, ts)


def forward_expansion(node: Tensor, ts: Sequence[Tensor | None]) -> list[Tensor | None]:
    """The tangents of a node's outputs from its definition by smaller primitives."""
    nodes, outs, leaves = _expansion(node.prim, node.ins, node.attrs)
    pairs = [(x, t) for x, t in zip(leaves, ts, strict=True) if x is not None]
    return push(nodes, outs, [t for _, t in pairs], [x for x, _ in pairs])


def diagonal(node: Tensor, ts: Sequence[Tensor | None]) -> Tensor | None:
    """Elementwise: tangents are multiplied by what cotangents are, but for conjugation."""
    total: Tensor | None = None
    for t, rule in zip(ts, node.prim.vjp, strict=True):
        if t is None or rule is None:
            continue
        part = ops.conj(rule(ops.conj(t), node, *node.ins, **node.attrs))
        total = part if total is None else ops.add(total, part)
    return total


def by_two_vjps(node: Tensor, ts: Sequence[Tensor | None]) -> Any:
    """The transpose of the vjp, which is linear in its cotangent, is the jvp."""
    outs = outputs_of(node) if node.prim.multi else (node,)
    with recording():
        us = [leaf(ops.zeros_like(x)) for x in outs]
        found = cotangents(node, us if node.prim.multi else us[0])
        pairs = [
            (fit(g, x), t)
            for g, x, t in zip(found, node.ins, ts, strict=True)
            if g is not None and t is not None
        ]
    gs = [g for g, _ in pairs]
    back = pull(dependents(gs, us), gs, [ops.conj(t) for _, t in pairs], us)
    result = [None if t is None else ops.conj(t) for t in back]
    return result if node.prim.multi else result[0]
