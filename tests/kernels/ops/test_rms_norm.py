"""What is special about rms_norm and its gradients."""

from __future__ import annotations

import numpy as np
import pytest

import kernels
from kernels.ops.rms_norm import RMS_NORM, oracle
from tests.kernels.ops.differences import slope, versions

VERSIONS = versions(RMS_NORM)
rng = np.random.default_rng(7)


def test_the_gradients_of_the_oracle_are_its_slopes() -> None:
    x, dy = rng.standard_normal((2, 3, 5))
    weight = rng.standard_normal(5)
    dx, dweight = oracle.rms_norm_grad(dy, x, weight, 1e-3)
    by_x = slope(lambda a: oracle.rms_norm(a, weight, 1e-3)[0], x, dy)
    by_weight = slope(lambda a: oracle.rms_norm(x, a, 1e-3)[0], weight, dy)
    np.testing.assert_allclose(dx, by_x, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(dweight, by_weight, rtol=1e-6, atol=1e-8)


def test_at_full_size_the_gradients_are_those_of_the_formulas() -> None:
    x, dy = rng.standard_normal((2, 512, 768)).astype(np.float32)
    weight = rng.standard_normal(768).astype(np.float32)
    wide = x.astype(np.float64)
    root = np.sqrt((wide**2).mean(-1, keepdims=True) + 1e-6)
    g = dy.astype(np.float64) * weight
    dx, dweight = kernels.rms_norm_grad(dy, x, weight)
    np.testing.assert_allclose(dx, g / root - wide * (g * wide).mean(-1, keepdims=True) / root**3, atol=4e-6)
    np.testing.assert_allclose(dweight, (dy * wide / root).sum(0), atol=5e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("threads", [1, 2])
def test_rows_past_the_caches_are_those_within_them(dtype: type, threads: int) -> None:
    """Large arrays, whose rows begin and end anywhere in a line."""
    n = 1021
    rows = (16 << 20) // np.dtype(dtype).itemsize // n + 2
    x, dy = (rng.uniform(-1, 1, (rows, n)).astype(dtype) for _ in range(2))
    weight = rng.uniform(0, 1, n).astype(dtype)
    store = np.full(rows * n + 64, 7, dtype)
    out = store[5 : rows * n + 5].reshape(rows, n)
    halves = slice(rows // 2), slice(rows // 2, rows)
    before = kernels.get_num_threads()
    try:
        kernels.set_num_threads(threads)
        kernels.rms_norm(x, weight, out=out)
        for half in halves:
            np.testing.assert_array_equal(out[half], kernels.rms_norm(x[half], weight))
        kernels.rms_norm_grad(dy, x, weight, out=(out, *(np.empty_like(weight) for _ in range(1))))
        for half in halves:
            dx, *_ = kernels.rms_norm_grad(dy[half], x[half], weight)
            np.testing.assert_array_equal(out[half], dx)
    finally:
        kernels.set_num_threads(before)
    assert (store[:5] == 7).all()
    assert (store[rows * n + 5 :] == 7).all()


@pytest.mark.parametrize("version", VERSIONS)
def test_results_may_take_the_place_of_inputs(version: str) -> None:
    x, dy = rng.standard_normal((2, 9, 130)).astype(np.float32)
    weight = rng.standard_normal(130).astype(np.float32)
    dx = kernels.rms_norm_grad(dy, x, weight, parameters=False, version=version)
    kernels.rms_norm_grad(dy, x, weight, parameters=False, out=dy, version=version)
    np.testing.assert_array_equal(dy, dx)
    y = kernels.rms_norm(x, weight, version=version)
    assert kernels.rms_norm(x, weight, out=x, version=version) is x
    np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_power_of_two_as_factor_changes_nothing_without_eps(version: str) -> None:
    x = rng.standard_normal((3, 200)).astype(np.float32)
    y, rstd = kernels.rms_norm(x, eps=0, statistics=True, version=version)
    again, smaller = kernels.rms_norm(x * 1024, eps=0, statistics=True, version=version)
    np.testing.assert_array_equal(y, again)
    np.testing.assert_array_equal(rstd, smaller * 1024)


def test_no_rows_give_a_gradient_of_zero() -> None:
    none = np.zeros((0, 5), np.float32)
    dx, dweight = kernels.rms_norm_grad(none, none)
    assert dx.shape == (0, 5)
    assert not dweight.any()
