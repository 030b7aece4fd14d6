"""LLM.int8(): exact sums, outlying columns, constants, what is not finite, the gradient."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument
from kernels.ops.int8_linear import LINEAR
from kernels.ops.int8_linear.oracle import int8_linear as oracle
from kernels.quant.state import Int8
from tests.kernels.ops.differences import slope, versions

ROWS = (1, 3, 20)  # for products of vectors and of tiles


def layer(n: int, k: int, seed: int = 0) -> Int8:
    codes, absmax, _ = kernels.int8_quantize_rows(
        np.random.default_rng(seed).standard_normal((n, k)).astype(np.float32)
    )
    return Int8(codes, absmax)


def spiky(m: int, k: int, seed: int = 1) -> np.ndarray:
    x = np.random.default_rng(seed).standard_normal((m, k)).astype(np.float32)
    x[0, 3], x[-1, k - 1] = 40, -25
    return x


def test_a_row_reaches_127_and_rounds_ties_to_even() -> None:
    codes, absmax, outliers = kernels.int8_quantize_rows(np.array([[127, 0.5, 1.5, -2.5, -127]], np.float32))
    assert codes.tolist() == [[127, 0, 2, -2, -127]]
    assert absmax.tolist() == [127]
    assert not outliers.any()


def test_columns_of_large_values_are_left_out_of_codes_and_scales() -> None:
    x = np.array([[1, 8, 2], [4, 3, -0.5]], np.float32)
    codes, absmax, outliers = kernels.int8_quantize_rows(x, threshold=6.0)
    assert outliers.tolist() == [False, True, False]
    assert absmax.tolist() == [2, 4]  # the 3 beside an outlier still counts, the 8 does not
    assert codes[:, 1].tolist() == [0, 0]
    assert codes[0].tolist() == [64, 0, 127]


def test_rows_of_zeros_and_columns_all_out_give_zeros() -> None:
    codes, absmax, _ = kernels.int8_quantize_rows(np.zeros((2, 5), np.float32))
    assert not codes.any()
    assert not absmax.any()
    y = kernels.int8_linear(np.full((2, 64), 7, np.float32), layer(3, 64), threshold=6.0)
    weight = layer(3, 64)
    expected = np.full((2, 64), 7.0) @ (weight.codes * (weight.absmax[:, None] / 127.0)).T
    np.testing.assert_allclose(y, expected, rtol=1e-5)


@pytest.mark.parametrize("m", ROWS)
def test_outliers_in_floating_point_beat_int8_alone(m: int) -> None:
    weight, x = layer(30, 256), spiky(m, 256)
    exact = x.astype(np.float64) @ (weight.codes * (weight.absmax[:, None].astype(np.float64) / 127)).T
    apart = np.abs(kernels.int8_linear(x, weight, threshold=6.0) - exact)
    alone = np.abs(kernels.int8_linear(x, weight, threshold=0.0) - exact)
    assert apart[0].mean() < alone[0].mean() / 5


@pytest.mark.parametrize("m", ROWS)
@pytest.mark.parametrize("version", versions(LINEAR))
def test_sums_are_exact_at_the_greatest_magnitudes(m: int, version: str) -> None:
    k = 5000
    weight = Int8(np.full((17, k), -127, np.int8), np.ones(17, np.float32))
    try:
        y = kernels.int8_linear(np.full((m, k), 3, np.float32), weight, threshold=0.0, version=version)
    except kernels.errors.NoVersion:
        pytest.skip("not for so few rows, or not on this machine")
    assert (y == -3.0 * k).all()  # 1/127^2 is derived: a typed 6.200124e-05 is off by 2e-7


@pytest.mark.parametrize("m", ROWS)
def test_results_beyond_float16_are_kept_in_bfloat16(m: int) -> None:
    x = np.full((m, 1024), 3, np.float32).astype(ml_dtypes.bfloat16)
    y = kernels.int8_linear(x, Int8(np.full((2, 1024), 127, np.int8), np.full(2, 100, np.float32)))
    np.testing.assert_allclose(y.astype(np.float32), 307_200, rtol=4e-3)


@pytest.mark.parametrize("m", ROWS)
@pytest.mark.parametrize("threshold", [0.0, 6.0])
def test_what_is_not_finite_does_not_pass_for_a_number(m: int, threshold: float) -> None:
    x = np.ones((m, 70), np.float32)
    x[0, 5] = np.nan
    y = kernels.int8_linear(x, layer(4, 70), threshold=threshold)
    assert np.isnan(y[0]).all()
    assert np.isfinite(y[1:]).all()


def test_any_leading_axes_and_their_absence() -> None:
    weight, x = layer(6, 40), spiky(6, 40).reshape(2, 3, 40)
    y = kernels.int8_linear(x, weight)
    assert y.shape == (2, 3, 6)
    for version in ("v1_naive", "oracle"):
        np.testing.assert_allclose(y, kernels.int8_linear(x, weight, version=version), rtol=1e-4, atol=1e-5)
    assert kernels.int8_linear(x[0, 0], weight, threshold=0.0).shape == (6,)


def test_the_gradient_is_that_of_the_product_with_the_decoded_weight() -> None:
    weight, rng = layer(5, 9), np.random.default_rng(4)
    grad = rng.standard_normal((2, 5))
    decoded = weight.codes * (weight.absmax[:, None].astype(np.float64) / 127)
    expected = slope(lambda x: x @ decoded.T, rng.standard_normal((2, 9)), grad)
    found = kernels.int8_linear_grad(grad.astype(np.float32), weight)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_rounding_keeps_close_to_the_exact_product() -> None:
    weight, x = layer(64, 512), spiky(8, 512)
    exact = x.astype(np.float64) @ (weight.codes * (weight.absmax[:, None].astype(np.float64) / 127)).T
    error = np.sqrt(
        np.mean((oracle(x, weight.codes, weight.absmax, None, 6.0) - exact) ** 2) / np.mean(exact**2)
    )
    assert error < 0.01


def test_rows_longer_than_int32_can_sum_are_refused() -> None:
    k = 133_145
    with pytest.raises(BadArgument, match="k is 133145; up to 133,144"):
        kernels.int8_linear(
            np.zeros((1, k), np.float32), Int8(np.zeros((1, k), np.int8), np.zeros(1, np.float32))
        )
