"""Records of control flow, whose attributes are traced graphs, and of custom gradients.

Outside a trace, `cond`, `scan` and `while_loop` are Python's own (`ops/control.py`), recorded step by step;
these nodes stand in traces. Their derivatives are control flow again, so every order and nesting exists. A
graph's inputs are the node's operands: what its function closed over and a gradient could reach is among
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import framework.ops as ops
from framework.core import dtypes
from framework.core.graph import Graph, replay
from framework.core.prim import Aval, Prim, define
from framework.core.tensor import Tensor, apply, wrap
from framework.prims.shape import to_front


def _avals(xs: Sequence[Any]) -> tuple[Aval, ...]:
    return tuple([Aval(x.shape, x.dtype) for x in xs])


def _values(ts: Sequence[Tensor]) -> tuple[Any, ...]:
    return tuple([t.value for t in ts])


def _run(graph: Graph, arrays: Sequence[Any]) -> tuple[Any, ...]:
    return _values(replay(graph, [wrap(a) for a in arrays]))


CALL = define(  # a graph as one node: its backward pass computes it again, which is what recompute is for
    "call",
    lambda xp, *arrays, graph: _run(graph, arrays),
    lambda *avals, graph: _avals(graph.outputs),
    expand=lambda *ins, graph: tuple(replay(graph, ins)),
    multi=True,
)


def filled(gs: Sequence[Tensor | None], outs: Sequence[Any]) -> list[Tensor]:
    """Cotangents with zeros for those that did not arrive."""
    return [ops.zeros_like(out) if g is None else g for g, out in zip(gs, outs, strict=True)]


def pulled(graph: Graph, ins: Sequence[Tensor], gs: Sequence[Tensor]) -> list[Tensor]:
    """The cotangents of a graph's inexact inputs."""
    from framework.transforms.autodiff import vjp

    found = vjp(lambda *xs: tuple(replay(graph, xs)), *ins)[1](*gs)
    return [g for g in (found if len(ins) > 1 else (found,)) if g is not None]


def spread(found: Sequence[Any], ins: Sequence[Any]) -> list[Any]:
    """Results for inexact inputs, None in the places of others."""
    left = iter(found)
    return [next(left) if dtypes.is_inexact(x.dtype) else None for x in ins]


# cond: one of two graphs of the same operands.
def _cond_vjp(gs: Any, outs: Any, pred: Tensor, *ins: Tensor, then: Graph, other: Graph) -> tuple[Any, ...]:
    given = filled(gs, outs)
    n = len(given)
    found = ops.cond(
        pred,
        lambda *xs: pulled(then, xs[n:], xs[:n]),
        lambda *xs: pulled(other, xs[n:], xs[:n]),
        *given,
        *ins,
    )
    return (None, *spread(found, ins))


def batched_call(graph: Graph, bdims: Sequence[int | None]) -> Any:
    """The function of a graph on batched inputs, all outputs with the batch in front."""
    from framework.transforms.vmap import vmap

    return lambda *xs: vmap(lambda *ys: replay(graph, ys), in_axes=tuple(bdims))(*xs)


def _batched_cond(
    prim: Prim, ins: Sequence[Tensor], bdims: Sequence[int | None], attrs: dict[str, Graph]
) -> Any:
    pred, *operands = ins
    then, other = batched_call(attrs["then"], bdims[1:]), batched_call(attrs["other"], bdims[1:])
    if bdims[0] is None:
        outs = ops.cond(pred, then, other, *operands)
    else:
        if all(d is None for d in bdims[1:]):
            yes, no = [[ops.expand_dims(y, 0) for y in replay(attrs[k], operands)] for k in ("then", "other")]
        else:
            yes, no = then(*operands), other(*operands)
        outs = [_chosen(pred, a, b) for a, b in zip(yes, no, strict=True)]
    return tuple(outs), (0,) * len(outs)


def _chosen(pred: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """a or b by a condition for each example of the batch in front."""
    return ops.where(ops.reshape(pred, (*pred.shape, *(1,) * (max(a.ndim, b.ndim) - 1))), a, b)


COND = define(
    "cond",
    lambda xp, pred, *arrays, then, other: _run(then if bool(pred) else other, arrays),
    lambda pred, *avals, then, other: _avals(then.outputs),
    vjp=_cond_vjp,
    vmap=_batched_cond,
    multi=True,
)


# scan: a graph of (carries, elements of xs, captured) -> (carries, elements of ys), along xs' first axis.
def scan_node(
    body: Graph,
    carries: Sequence[Tensor],
    xs: Sequence[Tensor],
    captured: Sequence[Tensor],
    length: int,
    reverse: bool,
) -> tuple[Tensor, ...]:
    """The node of a scan."""
    attrs = {"body": body, "carries": len(carries), "length": length, "reverse": reverse, "xs": len(xs)}
    found: tuple[Tensor, ...] = apply(SCAN, *carries, *xs, *captured, **attrs)
    return found


def _scan_impl(xp: Any, *arrays: Any, body: Graph, carries: int, xs: int, length: int, reverse: bool) -> Any:
    state, rows, rest = arrays[:carries], arrays[carries : carries + xs], arrays[carries + xs :]
    outs: list[Any] = [None] * length
    for i in reversed(range(length)) if reverse else range(length):
        found = _run(body, (*state, *[row[i] for row in rows], *rest))
        state, outs[i] = found[:carries], found[carries:]
    ys = [xp.stack(column) for column in zip(*outs, strict=True)]
    if not length:
        ys = [xp.zeros((0, *y.shape), y.dtype) for y in body.outputs[carries:]]
    return (*state, *ys)


def _scan_infer(
    *avals: Any, body: Graph, carries: int, xs: int, length: int, reverse: bool
) -> tuple[Aval, ...]:
    outs = _avals(body.outputs)
    return (*outs[:carries], *[Aval((length, *y.shape), y.dtype) for y in outs[carries:]])


def _scan_vjp(
    gs: Any, outs: Any, *ins: Tensor, body: Graph, carries: int, xs: int, length: int, reverse: bool
) -> tuple[Any, ...]:
    """Forward again for the carries, then back over them with the pullback of the body."""
    state, rows, rest = list(ins[:carries]), list(ins[carries : carries + xs]), list(ins[carries + xs :])
    given = filled(gs, outs)
    _, before = ops.scan(
        lambda c, x: (replay(body, (*c, *x, *rest))[:carries], c), state, rows, length=length, reverse=reverse
    )
    moving = [i for i, x in enumerate(state) if dtypes.is_inexact(x.dtype)]
    fixed = [x for x in rest if dtypes.is_inexact(x.dtype)]

    def back(sums: Any, row: Any) -> Any:
        g_state, g_rest = sums
        at, elements, g_out = row
        g_carries = [ops.zeros_like(x) for x in at]
        for i, g in zip(moving, g_state, strict=True):
            g_carries[i] = g
        found = pulled(body, (*at, *elements, *rest), (*g_carries, *g_out))
        tail = found[len(found) - len(fixed) :] if fixed else []
        return (found[: len(moving)], [a + b for a, b in zip(g_rest, tail, strict=True)]), found[
            len(moving) : len(found) - len(fixed)
        ]

    start = ([given[i] for i in moving], [ops.zeros_like(x) for x in fixed])
    (g_state, g_rest), g_rows = ops.scan(
        back, start, (before, rows, given[carries:]), length=length, reverse=not reverse
    )
    return tuple(spread([*g_state, *g_rows, *g_rest], ins))


def _batched_carries(ins: Sequence[Tensor], bdims: Sequence[int | None], n: int) -> list[Tensor]:
    """The first n operands, one for each example: any may become different for each."""
    size = next(x.shape[d] for x, d in zip(ins, bdims, strict=True) if d is not None)
    return [
        ops.broadcast_to(x, (size, *x.shape)) if d is None else to_front(x, d)
        for x, d in zip(ins[:n], bdims[:n], strict=True)
    ]


def _batched_scan(
    prim: Prim, ins: Sequence[Tensor], bdims: Sequence[int | None], attrs: dict[str, Any]
) -> Any:
    """The body batched."""
    n, m = attrs["carries"], attrs["xs"]
    state = _batched_carries(ins, bdims, n)
    rows = [
        x if d is None else ops.moveaxis(x, d, 1)
        for x, d in zip(ins[n : n + m], bdims[n : n + m], strict=True)
    ]
    dims = [0] * n + [None if d is None else 0 for d in bdims[n : n + m]] + list(bdims[n + m :])
    step = batched_call(attrs["body"], dims)

    def body(c: Any, x: Any) -> Any:
        outs = step(*c, *x, *ins[n + m :])
        return outs[:n], outs[n:]

    last, ys = ops.scan(body, state, rows, length=attrs["length"], reverse=attrs["reverse"])
    return (*last, *ys), (*(0,) * n, *(1,) * len(ys))


SCAN = define("scan", _scan_impl, _scan_infer, vjp=_scan_vjp, vmap=_batched_scan, multi=True)


# while: carries change by the body as long as the condition holds.
def _while_impl(xp: Any, *arrays: Any, test: Graph, body: Graph, carries: int, tested: int) -> Any:
    state, rest = arrays[:carries], arrays[carries:]
    while bool(_run(test, (*state, *rest[:tested]))[0]):
        state = _run(body, (*state, *rest[tested:]))
    return state


def _while_vjp(
    gs: Any, outs: Any, *ins: Tensor, test: Graph, body: Graph, carries: int, tested: int
) -> tuple[Any, ...]:
    """Back from the last step, each step's carries computed again from the first: steps · (steps + 1) / 2
    bodies.

    A loop of unknown length has no room for its history; `max_steps` of `while_loop` gives it one.
    """
    state, rest = list(ins[:carries]), list(ins[carries + tested :])
    zero = ops.zeros((), dtypes.int64)

    def step(c: Sequence[Tensor]) -> list[Tensor]:
        return replay(body, (*c, *rest))

    count, _ = ops.while_loop(
        lambda c: replay(test, (*c[1], *ins[carries : carries + tested]))[0],
        lambda c: (c[0] + 1, step(c[1])),
        (zero, state),
    )
    fixed = [x for x in rest if dtypes.is_inexact(x.dtype)]
    moving = [i for i, x in enumerate(state) if dtypes.is_inexact(x.dtype)]
    given = filled(gs, outs)

    def back(c: Any) -> Any:
        left, g_state, g_rest = c
        _, at = ops.while_loop(lambda d: d[0] < left - 1, lambda d: (d[0] + 1, step(d[1])), (zero, state))
        g_carries = [ops.zeros_like(x) for x in at]
        for i, g in zip(moving, g_state, strict=True):
            g_carries[i] = g
        found = pulled(body, (*at, *rest), g_carries)
        return (
            left - 1,
            found[: len(moving)],
            [a + b for a, b in zip(g_rest, found[len(moving) :], strict=True)],
        )

    start = (count, [given[i] for i in moving], [ops.zeros_like(x) for x in fixed])
    _, g_state, g_rest = ops.while_loop(lambda c: c[0] > 0, back, start)
    tests = (None,) * tested
    return (*spread(g_state, state), *tests, *spread(g_rest, rest))


def _batched_while(
    prim: Prim, ins: Sequence[Tensor], bdims: Sequence[int | None], attrs: dict[str, Any]
) -> Any:
    """All examples step until the last is done; those that are keep what they have."""
    n, t = attrs["carries"], attrs["tested"]
    state = _batched_carries(ins, bdims, n)
    test = batched_call(attrs["test"], [0] * n + list(bdims[n : n + t]))
    body = batched_call(attrs["body"], [0] * n + list(bdims[n + t :]))

    def step(c: Any) -> Any:
        going = test(*c, *ins[n : n + t])[0]
        return [_chosen(going, a, b) for a, b in zip(body(*c, *ins[n + t :]), c, strict=True)]

    return tuple(ops.while_loop(lambda c: ops.any(test(*c, *ins[n : n + t])[0]), step, state)), (0,) * n


WHILE = define(
    "while",
    _while_impl,
    lambda *avals, test, body, carries, tested: _avals(body.outputs),
    vjp=_while_vjp,
    vmap=_batched_while,
    multi=True,
)


# Outputs whose gradient goes, by a rule of the user's, to the arguments they were computed from.
def _custom_vjp(
    gs: Any, outs: Any, *ins: Tensor, outputs: int, arguments: int, backward: Any
) -> tuple[Any, ...]:
    found = backward(ins[outputs + arguments :], filled(gs, outs))
    return (*(None,) * outputs, *found, *(None,) * (len(ins) - outputs - arguments))


def _batched_custom(
    prim: Prim, ins: Sequence[Tensor], bdims: Sequence[int | None], attrs: dict[str, Any]
) -> Any:
    from framework.transforms.vmap import vmap

    n, m, backward = attrs["outputs"], attrs["arguments"], attrs["backward"]
    size = next(x.shape[d] for x, d in zip(ins, bdims, strict=True) if d is not None)
    fronted = [
        ops.broadcast_to(x, (size, *x.shape)) if d is None else to_front(x, d)
        for x, d in zip(ins, bdims, strict=True)
    ]

    def batched(residuals: Any, gs: Any) -> Any:
        return vmap(lambda r, g: tuple(backward(r, g)))(list(residuals), list(gs))

    outs = apply(prim, *fronted, outputs=n, arguments=m, backward=batched)
    return outs, (0,) * n


CUSTOM_GRADIENT = define(
    "custom_gradient",
    lambda xp, *arrays, outputs, arguments, backward: arrays[:outputs],
    lambda *avals, outputs, arguments, backward: _avals(avals[:outputs]),
    vjp=_custom_vjp,
    vmap=_batched_custom,
    multi=True,
)
