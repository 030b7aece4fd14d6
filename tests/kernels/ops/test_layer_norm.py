"""What is special about layer_norm and its gradients."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import kernels
from kernels.ops.layer_norm import LAYER_NORM, oracle
from tests.kernels.ops.differences import slope, versions

VERSIONS = versions(LAYER_NORM)
rng = np.random.default_rng(7)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = kernels.get_num_threads()
    kernels.set_num_threads(2)
    yield
    kernels.set_num_threads(before)


def test_the_gradients_of_the_oracle_are_its_slopes() -> None:
    x, dy = rng.standard_normal((2, 3, 5))
    weight, bias = rng.standard_normal((2, 5))

    def y(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        return np.asarray(oracle.layer_norm(x, weight, bias, 1e-3)[0])

    dx, dweight, dbias = oracle.layer_norm_grad(dy, x, weight, 1e-3)
    np.testing.assert_allclose(dx, slope(lambda a: y(a, weight, bias), x, dy), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(dweight, slope(lambda a: y(x, a, bias), weight, dy), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(dbias, slope(lambda a: y(x, weight, a), bias, dy), rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_at_full_size_the_gradients_are_those_of_the_formulas() -> None:
    x, dy = rng.standard_normal((2, 512, 768)).astype(np.float32)
    weight = rng.standard_normal(768).astype(np.float32)
    wide = x.astype(np.float64)
    normal = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    g = dy.astype(np.float64) * weight
    dx, dweight, dbias = kernels.layer_norm_grad(dy, x, weight)
    inner = g - g.mean(-1, keepdims=True) - normal * (g * normal).mean(-1, keepdims=True)
    np.testing.assert_allclose(dx, inner / np.sqrt(wide.var(-1, keepdims=True) + 1e-5), atol=4e-6)
    np.testing.assert_allclose(dweight, (dy * normal).sum(0), atol=5e-5)
    np.testing.assert_allclose(dbias, dy.sum(0, dtype=np.float64), atol=5e-5)


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
        kernels.layer_norm(x, weight, out=out)
        for half in halves:
            np.testing.assert_array_equal(out[half], kernels.layer_norm(x[half], weight))
        kernels.layer_norm_grad(dy, x, weight, out=(out, *(np.empty_like(weight) for _ in range(2))))
        for half in halves:
            dx, *_ = kernels.layer_norm_grad(dy[half], x[half], weight)
            np.testing.assert_array_equal(out[half], dx)
    finally:
        kernels.set_num_threads(before)
    assert (store[:5] == 7).all()
    assert (store[rows * n + 5 :] == 7).all()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("n", [100, 1024, 50_000])
def test_a_mean_of_ten_thousand_costs_no_digits(version: str, n: int) -> None:
    x = (1e4 + rng.standard_normal((3, n))).astype(np.float32)
    y, mean, rstd = kernels.layer_norm(x, statistics=True, version=version)
    truth = oracle.layer_norm(x.astype(np.float64), None, None, 1e-5)
    np.testing.assert_allclose(y, truth[0], rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(mean, truth[1].astype(np.float32))
    np.testing.assert_allclose(rstd, truth[2], rtol=1e-6)
    dx = kernels.layer_norm_grad(y, x, parameters=False, version=version)
    assert np.abs(dx).max() < 1e-4  # a row's own shape is what the norm cannot see


@pytest.mark.parametrize("version", VERSIONS)
def test_weight_and_bias_come_apart(version: str) -> None:
    x = rng.standard_normal((4, 37)).astype(np.float32)
    weight, bias = rng.standard_normal((2, 37)).astype(np.float32)
    plain = kernels.layer_norm(x, version=version)
    assert isinstance(plain, np.ndarray)
    np.testing.assert_allclose(kernels.layer_norm(x, weight, version=version), plain * weight, atol=1e-6)
    np.testing.assert_allclose(kernels.layer_norm(x, bias=bias, version=version), plain + bias, atol=1e-6)


@pytest.mark.parametrize("version", VERSIONS)
def test_results_may_take_the_place_of_inputs(version: str) -> None:
    x, dy = rng.standard_normal((2, 9, 130)).astype(np.float32)
    weight = rng.standard_normal(130).astype(np.float32)
    dx = kernels.layer_norm_grad(dy, x, weight, parameters=False, version=version)
    kernels.layer_norm_grad(dy, x, weight, parameters=False, out=dy, version=version)
    np.testing.assert_array_equal(dy, dx)
    y = kernels.layer_norm(x, weight, version=version)
    assert kernels.layer_norm(x, weight, out=x, version=version) is x
    np.testing.assert_array_equal(x, y)


def test_no_rows_give_a_gradient_of_zero() -> None:
    none = np.zeros((0, 5), np.float32)
    dx, dweight, dbias = kernels.layer_norm_grad(none, none)
    assert dx.shape == (0, 5)
    assert not dweight.any()
    assert not dbias.any()


@pytest.mark.usefixtures("two_threads")
def test_for_a_number_of_threads_the_bits_are_the_same() -> None:
    x, dy = rng.standard_normal((2, 700, 300)).astype(np.float32)
    first = kernels.layer_norm_grad(dy, x)
    for _ in range(9):
        for one, other in zip(first, kernels.layer_norm_grad(dy, x), strict=True):
            assert one.tobytes() == other.tobytes()
    kernels.set_num_threads(1)
    for one, other in zip(first, kernels.layer_norm_grad(dy, x), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
