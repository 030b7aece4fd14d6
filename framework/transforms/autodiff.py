"""Gradients: vjp, jvp, grad, value_and_grad.

Theory of operation. To differentiate `fn` at `x`: make a leaf (a recorded copy of x), run `fn` on it with a
recorder on, collect the nodes between the leaf and the outputs, and walk them (`walks.py`): backward with
cotangents (vjp) or forward with tangents (jvp). Rules call public operators, so the walk itself is recorded
if x was, and differentiates again: the leaf is tied to x by `identity`. A transform follows only nodes that
depend on its own leaves, which is why nesting cannot confuse one perturbation with another.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from framework import ops
from framework.core import dtypes, tree
from framework.core.arguments import checked
from framework.core.assigned import note
from framework.core.graph import dependents
from framework.core.tensor import Parameter, Tensor, as_tensor, detach, is_recording, leaf, recording
from framework.errors import DTypeError, GradientError, ShapeError
from framework.transforms.walks import pull, push


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
            _check_weights(parameters)
            self.weights = [_Borrowed(p) for p in parameters]
            try:
                out = fn(*given, **kwargs)
            finally:
                for borrowed in self.weights:
                    borrowed.give_back()
        self.aux: Any = None
        if has_aux:
            if not isinstance(out, tuple | list) or len(out) != 2:
                raise GradientError(
                    f"has_aux: the function returned {out!r:.100}; it must return two things, (loss, aux)"
                )
            out, self.aux = out
        flat, self.out_tree = tree.flatten(out)
        self.outputs = [as_tensor(x) for x in flat]
        self.plain = [x for x in flat if not isinstance(x, Tensor)]
        self.all_leaves = [x for row in self.leaves for x in row if x is not None] + [
            b.leaf for b in self.weights
        ]
        self.nodes = dependents(self.outputs, self.all_leaves)

    def value(self) -> Any:
        """What the function returned."""
        return released(tree.unflatten(self.out_tree, self.outputs))

    def pull(self, gs: Sequence[Tensor | None]) -> tuple[list[Any], Any]:
        """The gradients of the inputs, in their structures, and of the weights."""
        found = pull(self.nodes, self.outputs, gs, self.all_leaves)
        if self.weights and all(g is None for g in found[-len(self.weights) :]):
            names = [b.parameter.name for b in self.weights][:5]
            raise GradientError(f"no gradient reaches any of the weights {names}: the loss does not use them")
        left = iter(found)

        def of(x: Tensor | None) -> Tensor | None:
            if x is None:
                return None
            g = next(left)
            return ops.zeros_like(x) if g is None else g

        inputs = [
            tree.unflatten(t, [of(x) for x in row]) for t, row in zip(self.trees, self.leaves, strict=True)
        ]
        return inputs, tree.unflatten(self.weights_tree, [of(b.leaf) for b in self.weights])


def _check_weights(parameters: Sequence[Any]) -> None:
    for p in parameters:
        if not isinstance(p, Parameter):
            raise DTypeError(
                f"weights: {p!r:.100} is no Parameter; give parameters, as net.trainable_params()"
            )
    seen: set[int] = set()
    for at, p in enumerate(parameters):
        if id(p) in seen:
            raise GradientError(
                f"weights: parameter {p.name!r} (shape {p.shape}) stands twice, again at {at}: name it once"
            )
        seen.add(id(p))


class _Borrowed:
    """A parameter with a recorded leaf in its box until it is given back."""

    def __init__(self, parameter: Parameter) -> None:
        self.parameter = parameter
        note(parameter)
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
    if not run.all_leaves:
        raise GradientError(f"jvp: no input is floating point: {inputs!r:.100}; cast one of them first")
    found = push(run.nodes, run.outputs, [t for t in given if t is not None], run.all_leaves)
    tangents = [ops.zeros_like(x) if t is None else t for x, t in zip(run.outputs, found, strict=True)]
    result = (run.value(), tree.unflatten(run.out_tree, tangents))
    return (*result, released(run.aux)) if has_aux else result


@checked
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
    `has_aux`, `fn` returns `(loss, aux)` and the value is that pair. What the loss does not depend on has
    gradient zero. Raises GradientError for a loss that is no scalar, a position that is not there, an
    argument that is not floating point, or where no gradient reaches any of the weights: the loss was
    computed with others. It is raised too
    for weights that stand twice, and for a function that returns a number or an array instead of a tensor.
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
        check_positions(positions, args)
        run = Run(fn, args, kwargs, positions, weights, has_aux)
        seed = _seed(run)
        of_inputs, of_weights = run.pull([seed])
        inputs = of_inputs[0] if isinstance(grad_position, int) else tuple(of_inputs)
        gradients = (
            inputs if weights is None else of_weights if grad_position is None else (inputs, of_weights)
        )
        return ((run.value(), released(run.aux)) if has_aux else run.value()), gradients

    return wrapped


def check_positions(positions: Sequence[int], args: Sequence[Any]) -> None:
    """GradientError where a position is not there, stands twice, or has no floating-point argument."""
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
    if len({i % len(args) for i in positions}) < len(positions):
        raise GradientError(f"grad_position {tuple(positions)} names an argument twice; name each once")


def _seed(run: Run) -> Tensor:
    outputs = run.outputs
    if not outputs:
        raise GradientError("grad: the function returned nothing (None): return the loss, one real scalar")
    if run.plain:
        raise GradientError(
            f"grad: the function returned {run.plain[0]!r:.80}, no tensor, which no gradient follows: "
            "return a tensor; float(), int(), item() and NumPy's arrays leave the gradient behind"
        )
    if len(outputs) != 1 or outputs[0].shape != () or not dtypes.is_float(outputs[0].dtype):
        what = ", ".join(f"{x.dtype.name}{list(x.shape)}" for x in outputs)
        raise GradientError(
            f"grad: the function returned {what}; it must be one real scalar: take .sum() or use vjp"
        )
    return ops.ones_like(detach(outputs[0]))


@checked
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
