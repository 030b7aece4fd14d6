"""What is special about softmax, log-softmax and their gradients."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import kernels
from kernels.ops.softmax import SOFTMAX, oracle
from tests.kernels.ops.differences import slope, versions

FORWARD = [(kernels.softmax, kernels.softmax_grad), (kernels.log_softmax, kernels.log_softmax_grad)]
rng = np.random.default_rng(7)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_the_gradient_of_the_oracle_is_its_slope(name: str) -> None:
    x, dy = rng.standard_normal((2, 3, 5))
    forward, gradient = getattr(oracle, name), getattr(oracle, f"{name}_grad")
    np.testing.assert_allclose(gradient(dy, forward(x)), slope(forward, x, dy), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.slow
def test_at_full_size_the_gradient_is_that_of_the_formula(name: str) -> None:
    x, dy = rng.standard_normal((2, 64, 1024)).astype(np.float32)
    y = getattr(kernels, name)(x)
    share = y.astype(np.float64) if name == "softmax" else np.exp(y.astype(np.float64))
    jacobian = (
        share * (dy - (share * dy).sum(-1, keepdims=True))
        if name == "softmax"
        else dy - share * dy.sum(-1, keepdims=True, dtype=np.float64)
    )
    np.testing.assert_allclose(getattr(kernels, f"{name}_grad")(dy, y), jacobian, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("axis", [0, 1, -2, 2])
@pytest.mark.parametrize(("forward", "gradient"), FORWARD)
def test_any_axis_will_do(forward: Any, gradient: Any, axis: int) -> None:
    x, dy = rng.standard_normal((2, 3, 4, 5)).astype(np.float32)
    y = forward(x, axis=axis)
    turned = forward(np.moveaxis(x, axis, -1).copy())
    np.testing.assert_array_equal(np.moveaxis(y, axis, -1), turned)
    dx = gradient(dy, y, axis=axis)
    np.testing.assert_array_equal(
        np.moveaxis(dx, axis, -1), gradient(np.moveaxis(dy, axis, -1).copy(), turned)
    )


def test_gradients_refuse_what_does_not_fit() -> None:
    dy, y = np.zeros((3, 4), np.float32), np.zeros(4, np.float32)
    with pytest.raises(kernels.errors.BadArgument, match="y has shape"):
        kernels.softmax_grad(dy, y, axis=0)
    with pytest.raises(kernels.errors.BadArgument, match="log_softmax_grad: axis is 2"):
        kernels.log_softmax_grad(dy, dy, axis=2)


@pytest.mark.parametrize("version", ["oracle", *versions(SOFTMAX)])
@pytest.mark.parametrize("n", [40, 1024, 5000])
def test_the_result_may_take_the_place_of_the_input(version: str, n: int) -> None:
    for function, _ in FORWARD:
        x = rng.standard_normal((3, n)).astype(np.float32)
        wanted = function(x, version=version)
        assert function(x, out=x, version=version) is x
        np.testing.assert_array_equal(x, wanted)


@pytest.mark.parametrize("n", [40, 5000])
def test_a_half_wide_result_may_take_the_place_of_the_input(n: int) -> None:
    for function, gradient in FORWARD:
        x = rng.standard_normal((3, n)).astype(ml_dtypes.bfloat16)
        wanted = function(x)
        np.testing.assert_array_equal(function(x.copy(), out=x), wanted)
        dy = rng.standard_normal((3, n)).astype(ml_dtypes.bfloat16)
        slopes = gradient(dy, wanted)
        np.testing.assert_array_equal(gradient(dy, wanted, out=dy), slopes)


@pytest.mark.parametrize("n", [7, 1000, 6000])
def test_a_shift_changes_nothing_and_rows_sum_to_one(n: int) -> None:
    x = rng.integers(-8, 9, (4, n)).astype(np.float32)  # so that the shift is exact
    y = kernels.softmax(x)
    np.testing.assert_array_equal(kernels.softmax(x + 4096), y)
    np.testing.assert_allclose(y.sum(-1, dtype=np.float64), 1, atol=1e-6)


def test_log_softmax_is_finite_where_softmax_is_zero() -> None:
    x = np.array([[0, -500]], np.float32)
    assert kernels.softmax(x)[0, 1] == 0
    np.testing.assert_array_equal(kernels.log_softmax(x), [[0, -500]])
