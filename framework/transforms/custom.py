"""Gradients by the user's own rules, and gradients that recompute instead of keeping."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from framework.core import tree
from framework.core.arguments import checked
from framework.core.graph import Graph
from framework.core.tensor import (
    Tensor,
    abstract,
    apply,
    as_tensor,
    is_recording,
    leaf,
    recording,
    without_value,
)
from framework.errors import GradientError
from framework.ops import zeros_like
from framework.prims.control import CALL, CUSTOM_GRADIENT


@checked
def custom_vjp(
    fn: Callable[..., Any], forward: Callable[..., tuple[Any, Any]], backward: Callable[..., Any]
) -> Callable[..., Any]:
    """`fn` with a gradient of one's own.

    `forward(*args)` returns `(out, residuals)`, out being what `fn` gives; `backward(residuals, g)` returns a
    tuple: for each argument its gradient, None for zero. `g` has out's structure. Higher derivatives
    differentiate `backward` and, by the residuals, `forward`. Raises GradientError where `backward` returns
    another number or shape of gradients.
    """

    @functools.wraps(fn, updated=())
    def wrapped(*args: Any) -> Any:
        flat, in_tree = tree.flatten(args)
        if not any(isinstance(x, Tensor) and x.prim is not None for x in flat):
            return fn(*args)
        given = forward(*args)
        if not isinstance(given, tuple) or len(given) != 2:
            raise GradientError(f"custom_vjp: forward returned {given!r:.100}; (out, residuals) is needed")
        out, residuals = given
        outs, out_tree = tree.flatten(out)
        kept, kept_tree = tree.flatten(residuals)
        arguments = [as_tensor(x) for x in flat]

        def pull(held: Sequence[Tensor], gs: Sequence[Tensor]) -> list[Tensor]:
            found = backward(tree.unflatten(kept_tree, held), tree.unflatten(out_tree, gs))
            return _checked(fn, found, in_tree, arguments)

        tensors = [as_tensor(x) for x in (*outs, *arguments, *kept)]
        attrs = {"outputs": len(outs), "arguments": len(arguments), "backward": pull}
        return tree.unflatten(out_tree, apply(CUSTOM_GRADIENT, *tensors, **attrs))

    return wrapped


def _checked(
    fn: Callable[..., Any], found: Any, in_tree: tree.Tree, arguments: Sequence[Tensor]
) -> list[Tensor]:
    """The gradients of all leaves of the arguments, zeros for None."""
    name = getattr(fn, "__name__", repr(fn))
    if not isinstance(found, tuple) or len(found) != len(in_tree.children):
        what = f"{len(found)} gradients" if isinstance(found, tuple) else type(found).__name__
        raise GradientError(
            f"custom_vjp({name}): backward returned {what}; a tuple of {len(in_tree.children)} is needed"
        )
    flat: list[Any] = []
    for g, shape in zip(found, in_tree.children, strict=True):
        flat += [None] * shape.leaves if g is None else tree.flatten(g)[0]
    if len(flat) != len(arguments):
        raise GradientError(
            f"custom_vjp({name}): {len(flat)} gradients for {len(arguments)} tensors of the arguments"
        )
    gradients = [zeros_like(x) if g is None else as_tensor(g) for g, x in zip(flat, arguments, strict=True)]
    for g, x in zip(gradients, arguments, strict=True):
        if g.shape != x.shape:
            raise GradientError(
                f"custom_vjp({name}): gradient of shape {g.shape} for an argument of shape {x.shape}"
            )
    return gradients


def recompute(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """`fn(*args, **kwargs)`, of which a gradient keeps the inputs alone and computes the rest again when
    needed.

    The same nodes are computed again, not Python's code: random numbers and assignments are those of the
    first time. Source: Chen et al. 2016. MindSpore's `recompute`, `torch.utils.checkpoint`.
    """
    flat, shape = tree.flatten((args, kwargs))
    if not is_recording() and all(x.value is not None for x in flat if isinstance(x, Tensor)):
        return fn(*args, **kwargs)
    start = leaf(as_tensor(0)).index
    with recording():
        leaves = [leaf(as_tensor(x)) if isinstance(x, Tensor) else None for x in flat]
        given = [x if t is None else t for x, t in zip(flat, leaves, strict=True)]
        new_args, new_kwargs = tree.unflatten(shape, given)
        out = fn(*new_args, **new_kwargs)
    outs, out_tree = tree.flatten(out)
    inputs = [t for t in leaves if t is not None]
    graph, captured = _without_values([as_tensor(x) for x in outs], inputs, start)
    operands = [t.ins[0] for t in inputs] + captured
    return tree.unflatten(out_tree, apply(CALL, *operands, graph=graph))


def _without_values(
    outputs: Sequence[Tensor], inputs: list[Tensor], start: int
) -> tuple[Graph, list[Tensor]]:
    """The graph of what was recorded since `start`, as abstract nodes; and the recorded tensors from before
    it uses.
    """
    copies: dict[int, Tensor] = {id(t): abstract(t.shape, t.dtype) for t in inputs}
    found: dict[int, Tensor] = {}
    captured: dict[int, Tensor] = {}
    stack = list(outputs)
    while stack:
        node = stack.pop()
        if node.prim is None or id(node) in copies or id(node) in found:
            continue
        (found if node.index > start else captured)[id(node)] = node
        if node.index > start:
            stack += node.ins
    copies.update((key, abstract(x.shape, x.dtype)) for key, x in captured.items())
    nodes = []
    for node in sorted(found.values(), key=lambda node: node.index):
        copy = copies[id(node)] = without_value(node, [copies.get(id(x), x) for x in node.ins])
        nodes.append(copy)
    outs = [copies.get(id(x), x) for x in outputs]
    plain = {id(x): x for x in [x for node in nodes for x in node.ins] + outs if x.prim is None}
    ins = [copies[id(t)] for t in inputs] + [copies[key] for key in captured]
    return Graph(ins, nodes, outs, list(plain.values()), tree.LEAF), list(captured.values())
