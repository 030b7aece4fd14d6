"""Custom gradients and recomputation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import framework as fw
from framework import ops
from framework.errors import GradientError

X = fw.Tensor(np.array([0.3, -0.7, 1.2]))


def doubled() -> Any:
    """exp with twice its gradient."""
    return fw.custom_vjp(ops.exp, lambda x: (ops.exp(x), x), lambda x, g: (g * ops.exp(x) * 2,))


def test_a_custom_gradient_holds_in_every_transform() -> None:
    f, wanted = doubled(), 2 * np.exp(X.asnumpy())
    for found in (
        fw.grad(lambda x: f(x).sum())(X),
        fw.vmap(fw.grad(f))(X),
        fw.grad(lambda x: fw.vmap(f)(x).sum())(X),
        fw.jvp(f, X, ops.ones_like(X))[1],
        fw.grad(lambda x: fw.grad(lambda y: f(y).sum())(x).sum())(X),
    ):
        np.testing.assert_allclose(found.asnumpy(), wanted)


def test_a_wrong_number_or_shape_of_gradients_is_told() -> None:
    few = fw.custom_vjp(lambda x, y: x * y, lambda x, y: (x * y, None), lambda r, g: (g,))
    with pytest.raises(GradientError, match="backward returned 1 gradients; a tuple of 2 is needed"):
        fw.grad(lambda x: few(x, x).sum())(X)
    wrong = fw.custom_vjp(ops.exp, lambda x: (ops.exp(x), None), lambda r, g: (g.sum(),))
    with pytest.raises(GradientError, match=r"gradient of shape \(\) for an argument of shape \(3,\)"):
        fw.grad(lambda x: wrong(x).sum())(X)


def test_recomputing_gives_the_gradients_of_keeping_weights_included() -> None:
    w = fw.Parameter(np.eye(3) + 0.1)

    def block(x: Any) -> Any:
        return ops.tanh(w @ x) * x

    kept = fw.value_and_grad(lambda x: (block(block(x)) * x).sum(), 0, [w])(X)
    again = fw.value_and_grad(lambda x: (fw.recompute(block, fw.recompute(block, x)) * x).sum(), 0, [w])(X)
    for a, b in zip((kept[0], kept[1][0], *kept[1][1]), (again[0], again[1][0], *again[1][1]), strict=True):
        np.testing.assert_allclose(a.asnumpy(), b.asnumpy(), rtol=1e-12)
    fw.check_grads(lambda x: fw.recompute(lambda y: ops.sin(y) * x, x), [X], 2)
    np.testing.assert_allclose(fw.vmap(lambda x: fw.recompute(ops.sin, x))(X).asnumpy(), np.sin(X.asnumpy()))


def test_recomputing_keeps_the_inputs_alone() -> None:
    import weakref

    inner = []

    def block(x: Any) -> Any:
        y = ops.exp(x)
        inner.append(weakref.ref(y))
        return y * y

    _, pull = fw.vjp(lambda x: fw.recompute(block, x), X)
    assert inner[0]() is None
    np.testing.assert_allclose(pull(ops.ones_like(X)).asnumpy(), 2 * np.exp(2 * X.asnumpy()))


def test_recomputing_draws_the_same_random_numbers() -> None:
    def block(x: Any) -> Any:
        return ops.dropout(x * x, 0.5)

    out, pull = fw.vjp(lambda x: fw.recompute(block, x), X)
    dropped = out.asnumpy() == 0
    assert ((pull(ops.ones_like(X)).asnumpy() == 0) == dropped).all()
