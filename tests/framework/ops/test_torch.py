"""Values and derivatives to third order are torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework as fw
from framework import ops

WIDE = np.array([0.31, -0.72, 1.4, -1.9])
UNIT = np.array([0.31, -0.72, 0.55, -0.2])
ABOVE = np.array([0.31, 0.72, 1.4, 2.9])
MATRIX = np.array([[2.0, 0.3, -0.1], [0.3, 1.5, 0.2], [-0.1, 0.2, 1.0]])

ONE: dict[str, np.ndarray] = {
    **dict.fromkeys(
        ["exp", "expm1", "sin", "cos", "sinh", "cosh", "tanh", "asinh", "atan", "sigmoid", "erf", "square"],
        WIDE,
    ),
    **dict.fromkeys(["tan", "asin", "acos", "atanh"], UNIT),
    **dict.fromkeys(["log", "log1p", "log2", "log10", "sqrt", "rsqrt", "reciprocal"], ABOVE),
    "acosh": ABOVE + 1,
}
MORE: dict[str, tuple[Any, list[np.ndarray]]] = {
    "pow": (lambda o, x, y: x**y, [ABOVE, WIDE]),
    "div": (lambda o, x, y: x / y, [WIDE, ABOVE]),
    "atan2": (lambda o, x, y: o.atan2(x, y), [WIDE, ABOVE]),
    "logaddexp": (lambda o, x, y: o.logaddexp(x, y), [WIDE, UNIT]),
    "softmax": (lambda o, x: o.softmax(x, -1), [MATRIX]),
    "log_softmax": (lambda o, x: o.log_softmax(x, 0), [MATRIX]),
    "logsumexp": (lambda o, x: o.logsumexp(x, 1), [MATRIX]),
    "cumsum": (lambda o, x: o.cumsum(x, 0) ** 3, [MATRIX]),
    "cumprod": (lambda o, x: o.cumprod(x, 1), [MATRIX]),
    "prod": (lambda o, x: o.prod(x, 1), [MATRIX]),
    "sort": (lambda o, x: (o.sort(x, -1)[0] if o is not ops else o.sort(x)) ** 3, [MATRIX]),
    "matmul": (lambda o, x, y: (x @ y) ** 2, [MATRIX, MATRIX + 1]),
    "einsum": (lambda o, x, y: o.einsum("ij,kj->ik", x, y) ** 2, [MATRIX, MATRIX + 1]),
    "cholesky": (lambda o, x: o.linalg.cholesky((x + x.T) / 2), [MATRIX]),
    "solve": (lambda o, x, y: o.linalg.solve(x, y), [MATRIX, MATRIX + 1]),
    "inv": (lambda o, x: o.linalg.inv(x), [MATRIX]),
    "det": (lambda o, x: o.linalg.det(x), [MATRIX]),
    "eigvalsh": (lambda o, x: o.linalg.eigvalsh((x + x.T) / 2), [MATRIX]),
    "svdvals": (lambda o, x: o.linalg.svdvals(x), [MATRIX + 0.4]),
    "fft": (lambda o, x: o.abs(o.fft.fft(x * x)), [MATRIX]),
}
CASES = {name: (lambda o, x, n=name: getattr(o, n)(x), [x]) for name, x in ONE.items()} | MORE


def ours(f: Any, order: int) -> Any:
    """The sum of f, or of the gradient of the order before, weighted so that no derivative cancels."""
    if order == 0:
        return lambda *xs: _weighted(f(ops, *xs))
    return lambda *xs: sum(_weighted(g) for g in fw.grad(ours(f, order - 1), tuple(range(len(xs))))(*xs))


def _weighted(y: Any) -> Any:
    n = int(np.prod(tuple(y.shape)))
    weights = np.linspace(0.5, 1.5, n).reshape(tuple(y.shape))
    if not isinstance(y, fw.Tensor):
        import torch

        return (y * torch.tensor(weights)).sum()
    return (y * weights).sum()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_three_derivatives_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    f, arrays = CASES[name]
    xs, ts = [fw.Tensor(a) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]
    wanted = _weighted(f(torch, *ts))
    for order in range(4):
        np.testing.assert_allclose(
            ours(f, order)(*xs).item(), wanted.item(), rtol=1e-7, atol=1e-9, err_msg=f"order {order}"
        )
        if order < 3:
            grads = torch.autograd.grad(wanted, ts, create_graph=True)
            wanted = sum(_weighted(g) for g in grads)
