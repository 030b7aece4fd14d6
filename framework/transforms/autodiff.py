"""Gradients: vjp, jvp, grad, value_and_grad.

Theory of operation. To differentiate `fn` at `x`: make a leaf (a recorded copy of x), run `fn` on it with a
recorder on, collect the nodes between the leaf and the outputs, and walk them: backward with cotangents (vjp)
or forward with tangents (jvp). Rules call public operators, so the walk itself is recorded if x was, and
differentiates again: the leaf is tied to x by `identity`. A transform follows only nodes that depend on its
own leaves, which is why nesting cannot confuse one perturbation with another. The walk sums each cotangent to
the shape and casts it to the dtype of its input: that is how broadcasting is differentiated, and no rule
needs to know of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from framework import ops
from framework.core import dtypes, tree
from framework.core.graph import dependents
from framework.core.prim import Prim
from framework.core.tensor import (
    PICK,
    Parameter,
    Tensor,
    apply,
    as_tensor,
    detach,
    is_recording,
    leaf,
    outputs_of,
    recording,
)
from framework.errors import DTypeError, GradientError, ShapeError

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


def by_expansion(prim: Prim, g: Any, ins: Sequence[Tensor], attrs: dict[str, Any]) -> tuple[Any, ...]:
    """The cotangents of a primitive's inputs from the definition by smaller primitives."""
    run = Run(functools.partial(prim.definition, **attrs), ins, {}, range(len(ins)), None, False)
    return tuple(run.pull(g if prim.multi else (g,))[0])


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
    held[id(x)] = g if old is None else ops.add(old, g)


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
    given = [ops.zeros_like(x) if t is None else t for x, t in zip(node.ins, ts, strict=True)]
    expand = functools.partial(node.prim.definition, **node.attrs)
    return tree.flatten(jvp(expand, node.ins, tuple(given))[1])[0]


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


def differentiable(x: Any) -> bool:
    """Is this argument's leaf one that a gradient can be taken of?"""
    return isinstance(x, float | complex) or (hasattr(x, "dtype") and dtypes.is_inexact(as_tensor(x).dtype))


def _leaves_of(value: Any) -> tuple[Any, list[Tensor | None], tree.Tree]:
    """The argument with recorded leaves for its inexact ones; those, None for others; its structure."""
    flat, shape = tree.flatten(value)
    leaves = [leaf(as_tensor(x)) if differentiable(x) else None for x in flat]
    return (
        tree.unflatten(shape, [x if t is None else t for x, t in zip(flat, leaves, strict=True)]),
        leaves,
        shape,
    )


def released(value: Any) -> Any:
    """A result without the tape, unless somebody else still differentiates through it."""
    return (
        value
        if is_recording()
        else tree.map_leaves(lambda x: detach(x) if isinstance(x, Tensor) else x, value)
    )


class Run:
    """One recorded run of a function: its leaves, its outputs, and the nodes between them."""

    def __init__(
        self,
        fn: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        positions: Sequence[int],
        weights: Any,
        has_aux: bool,
    ) -> None:
        with recording():
            given = list(args)
            self.leaves: list[list[Tensor | None]] = []
            self.trees: list[tree.Tree] = []
            for i in positions:
                given[i], leaves, shape = _leaves_of(args[i])
                self.leaves.append(leaves)
                self.trees.append(shape)
            parameters, self.weights_tree = tree.flatten(weights)
            self.weights = [_Borrowed(p) for p in parameters]
            try:
                out = fn(*given, **kwargs)
            finally:
                for borrowed in self.weights:
                    borrowed.give_back()
        self.aux: Any = None
        if has_aux:
            out, self.aux = out
        flat, self.out_tree = tree.flatten(out)
        self.outputs = [as_tensor(x) for x in flat]
        self.all_leaves = [x for row in self.leaves for x in row if x is not None] + [
            b.leaf for b in self.weights
        ]
        self.nodes = dependents(self.outputs, self.all_leaves)

    def value(self) -> Any:
        """What the function returned."""
        return released(tree.unflatten(self.out_tree, self.outputs))

    def pull(self, gs: Sequence[Tensor | None]) -> tuple[list[Any], Any]:
        """The gradients of the inputs, in their structures, and of the weights."""
        found = iter(pull(self.nodes, self.outputs, gs, self.all_leaves))

        def of(x: Tensor | None) -> Tensor | None:
            if x is None:
                return None
            g = next(found)
            return ops.zeros_like(x) if g is None else g

        inputs = [
            tree.unflatten(t, [of(x) for x in row]) for t, row in zip(self.trees, self.leaves, strict=True)
        ]
        return inputs, tree.unflatten(self.weights_tree, [of(b.leaf) for b in self.weights])


class _Borrowed:
    """A parameter with a recorded leaf in its box until it is given back."""

    def __init__(self, parameter: Any) -> None:
        if not isinstance(parameter, Parameter):
            raise DTypeError(
                f"weights: {parameter!r:.100} is no Parameter; give parameters, as net.trainable_params()"
            )
        self.parameter = parameter
        self.before = parameter.held
        self.leaf = parameter.held = leaf(parameter.held)

    def give_back(self) -> None:
        if self.parameter.held is self.leaf:  # else it was assigned meanwhile, and keeps that
            self.parameter.held = self.before


def vjp(fn: Callable[..., Any], *inputs: Any, weights: Any = None, has_aux: bool = False) -> tuple[Any, ...]:
    """`(out, vjp_fn)` or, with `has_aux`, `(out, vjp_fn, aux)`.

    `vjp_fn(*cotangents)`, one per output, gives the gradients of the inputs (one, or a tuple; None for
    integer leaves); with `weights`, `(input gradients, weight gradients)`. It may be called again.
    """
    run = Run(fn, inputs, {}, range(len(inputs)), weights, has_aux)

    def vjp_fn(*gs: Any) -> Any:
        flat = tree.flatten(gs[0] if len(gs) == 1 else gs)[0]
        if len(flat) != len(run.outputs):
            raise GradientError(
                f"vjp_fn: {len(flat)} cotangents for {len(run.outputs)} outputs; give one for each"
            )
        given = []
        for g, out in zip(flat, run.outputs, strict=True):
            t = as_tensor(g)
            if t.shape != out.shape:
                raise ShapeError(f"vjp_fn: cotangent of shape {t.shape} for an output of shape {out.shape}")
            given.append(ops.cast(t, out.dtype))
        found, of_weights = run.pull(given)
        of_inputs = found[0] if len(found) == 1 else tuple(found)
        return of_inputs if weights is None else (of_inputs, of_weights)

    return (run.value(), vjp_fn, released(run.aux)) if has_aux else (run.value(), vjp_fn)


def jvp(fn: Callable[..., Any], inputs: Any, v: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """`(out, tangent)` or `(out, tangent, aux)`: the derivative of `fn` at `inputs` along `v`.

    `inputs` and `v` are a tensor each, or tuples of one per argument.
    """
    args = inputs if isinstance(inputs, tuple) else (inputs,)
    directions = v if isinstance(v, tuple) else (v,)
    run = Run(fn, args, {}, range(len(args)), None, has_aux)
    flat = tree.flatten(directions)[0]
    leaves = [x for row in run.leaves for x in row]
    if len(flat) != len(leaves):
        raise GradientError(f"jvp: {len(flat)} tangents for {len(leaves)} inputs; give one for each")
    given = [
        None if x is None else ops.cast(as_tensor(t), x.dtype) for t, x in zip(flat, leaves, strict=True)
    ]
    for t, x in zip(given, leaves, strict=True):
        if t is not None and x is not None and t.shape != x.shape:
            raise ShapeError(f"jvp: tangent of shape {t.shape} for an input of shape {x.shape}")
    found = push(run.nodes, run.outputs, [t for t in given if t is not None], run.all_leaves)
    tangents = [ops.zeros_like(x) if t is None else t for x, t in zip(run.outputs, found, strict=True)]
    result = (run.value(), tree.unflatten(run.out_tree, tangents))
    return (*result, released(run.aux)) if has_aux else result


def value_and_grad(
    fn: Callable[..., Any],
    grad_position: int | tuple[int, ...] | None = 0,
    weights: Any = None,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function that returns `(value, gradients)` of a scalar-valued `fn`.

    `grad_position` names positional arguments (one, several, or None for none): their gradients have the
    arguments' structure, a tuple of them if several were named. `weights` are Parameters in any container,
    whose gradients come in the same container; with both, gradients are `(of inputs, of weights)`. With
    `has_aux`, `fn` returns `(loss, aux)` and the value is that pair. Raises GradientError for a loss that is
    no scalar, a position that is not there, an argument that is not floating point.
    """
    positions = (
        () if grad_position is None else (grad_position,) if isinstance(grad_position, int) else grad_position
    )
    if not positions and weights is None:
        raise GradientError(
            "grad: grad_position is None and weights is None: there is nothing to differentiate by"
        )

    @functools.wraps(fn, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        _check_positions(positions, args)
        run = Run(fn, args, kwargs, positions, weights, has_aux)
        seed = _seed(run.outputs)
        of_inputs, of_weights = run.pull([seed])
        inputs = of_inputs[0] if isinstance(grad_position, int) else tuple(of_inputs)
        gradients = (
            inputs if weights is None else of_weights if grad_position is None else (inputs, of_weights)
        )
        return ((run.value(), released(run.aux)) if has_aux else run.value()), gradients

    return wrapped


def _check_positions(positions: Sequence[int], args: Sequence[Any]) -> None:
    for i in positions:
        if not -len(args) <= i < len(args):
            raise GradientError(
                f"grad_position {i} with {len(args)} positional arguments: name one that is given"
            )
        for x in tree.flatten(args[i])[0]:
            if not differentiable(x):
                raise GradientError(
                    f"grad_position {i}: {x!r:.100} is not floating point, so it has no gradient"
                )


def _seed(outputs: Sequence[Tensor]) -> Tensor:
    if len(outputs) != 1 or outputs[0].shape != () or not dtypes.is_float(outputs[0].dtype):
        what = ", ".join(f"{x.dtype.name}{list(x.shape)}" for x in outputs)
        raise GradientError(
            f"grad: the function returned {what}; it must be one real scalar: take .sum() or use vjp"
        )
    return ops.ones_like(detach(outputs[0]))


def grad(
    fn: Callable[..., Any],
    grad_position: int | tuple[int, ...] | None = 0,
    weights: Any = None,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """A function that returns the gradients alone, `(gradients, aux)` with `has_aux`. As `value_and_grad`
    otherwise.
    """
    both = value_and_grad(fn, grad_position, weights, has_aux)

    @functools.wraps(fn, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return wrapped
