"""Are gradients right? Compared with finite differences, to any order, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from framework.core import tree
from framework.core.arguments import checked
from framework.core.tensor import Tensor, as_tensor
from framework.errors import ArgumentError, GradientError
from framework.ops import cast
from framework.transforms.autodiff import differentiable, jvp, vjp


@checked
def check_grads(
    fn: Callable[..., Any], args: Sequence[Any], order: int = 1, modes: Sequence[str] = ("fwd", "rev"),
    eps: float = 1e-4, rtol: float = 1e-5, atol: float = 1e-6, seed: int = 0,
) -> None:  # fmt: skip
    """Compare derivatives of `fn` at `args` with central differences along random directions, in float64.

    "fwd" compares the jvp with a difference of fourth order in `eps`, "rev" the vjp with the jvp so checked;
    order 2 does the same to the jvp and to the vjp, and so on. Integer arguments are kept as they are. Raises
    GradientError quoting the order, the mode and both numbers where they differ by more than `atol + rtol ·
    |value|`, DTypeError for `args` that are no tuple or list, ArgumentError for an order below 1.
    """
    if order < 1:
        raise ArgumentError(f"check_grads: order is {order}; 1 or more is needed")
    given = [_double(x) for x in args]
    rng = np.random.default_rng(seed)
    _check(fn, given, order, tuple(modes), (eps, rtol, atol), rng, "")


def _double(x: Any) -> Any:
    return tree.map_leaves(lambda v: cast(as_tensor(v), np.float64) if differentiable(v) else v, x)


def _check(fn: Any, args: list[Any], order: int, modes: Any, limits: Any, rng: Any, path: str) -> None:
    flat, shape = tree.flatten(args)
    places = [i for i, x in enumerate(flat) if differentiable(x)]
    xs = [flat[i] for i in places]
    vs = [Tensor(rng.standard_normal(x.shape)) for x in xs]

    def of_floats(*ts: Any) -> list[Tensor]:
        row = list(flat)
        for i, t in zip(places, ts, strict=True):
            row[i] = t
        outs = tree.flatten(fn(*tree.unflatten(shape, row)))[0]
        return [as_tensor(y) for y in outs if differentiable(as_tensor(y))]

    outs, tangents = jvp(of_floats, tuple(xs), tuple(vs))
    differences = _differences(of_floats, xs, vs, limits[0])
    if "fwd" in modes:
        for a, b in zip(tangents, differences, strict=True):
            _compare(a.asnumpy(), b, limits, f"{path}jvp", "finite differences give")
    if "rev" in modes:
        gs = [Tensor(rng.standard_normal(y.shape)) for y in outs]
        found = tree.flatten(vjp(of_floats, *xs)[1](*gs))[0]
        pulled = sum(float((g * v).sum()) for g, v in zip(found, vs, strict=True))
        pushed = sum(float(np.sum(g.asnumpy() * d)) for g, d in zip(gs, differences, strict=True))
        _compare(np.array(pulled), np.array(pushed), limits, f"{path}vjp", "finite differences give")
    if order > 1:
        if "fwd" in modes:
            _check(
                lambda *ts: jvp(of_floats, ts, tuple(vs))[1],
                xs,
                order - 1,
                modes,
                limits,
                rng,
                f"{path}jvp of ",
            )
        if "rev" in modes:
            _check(
                lambda *ts: vjp(of_floats, *ts)[1](*gs), xs, order - 1, modes, limits, rng, f"{path}vjp of "
            )


def _differences(f: Any, xs: list[Tensor], vs: list[Tensor], eps: float) -> list[np.ndarray]:
    """(8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12 h: the error is of order h to the fourth."""
    at = {
        k: [y.asnumpy() for y in f(*[x + v * (k * eps) for x, v in zip(xs, vs, strict=True)])]
        for k in (-2, -1, 1, 2)
    }
    rows = zip(at[-2], at[-1], at[1], at[2], strict=True)
    return [(8 * (c - b) - (d - a)) / (12 * eps) for a, b, c, d in rows]


def _compare(a: np.ndarray, b: np.ndarray, limits: Any, what: str, other: str) -> None:
    wrong = ~(np.abs(a - b) <= limits[2] + limits[1] * np.abs(b))
    if wrong.any():
        i = tuple(int(k[0]) for k in np.nonzero(np.atleast_1d(wrong)))
        first, second = np.atleast_1d(a)[i], np.atleast_1d(b)[i]
        raise GradientError(
            f"check_grads: {what}, element {i}: the rule gives {first:.10g}, {other} {second:.10g}"
        )
