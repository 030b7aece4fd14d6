"""Matrix products: what the walk over all operators does not say."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument, BadDtype
from kernels.ops.matmul import oracle

BF16 = np.dtype(ml_dtypes.bfloat16)


def normal(*shape: int, dtype: np.dtype | type = np.float32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def test_a_view_with_its_axes_swapped_gives_what_transpose_gives() -> None:
    a, b = normal(40, 70), normal(50, 70, seed=1)
    straight = kernels.matmul(a, np.ascontiguousarray(b.T))
    np.testing.assert_array_equal(kernels.matmul(a, b.T), straight)
    np.testing.assert_array_equal(kernels.matmul(a, b, transpose_b=True), straight)
    np.testing.assert_array_equal(kernels.matmul(np.ascontiguousarray(a.T), b.T, transpose_a=True), straight)


def test_the_result_of_16_bit_storage_may_be_float32() -> None:
    a, b = normal(9, 300, dtype=BF16), normal(300, 20, dtype=BF16, seed=1)
    exact = a.astype(np.float64) @ b.astype(np.float64)
    wide = kernels.matmul(a, b, dtype=np.float32)
    assert wide.dtype == np.float32
    np.testing.assert_allclose(wide, exact, rtol=1e-4, atol=1e-4)
    assert kernels.matmul(a, b).dtype == BF16
    into = np.empty((9, 20), np.float32)
    assert kernels.matmul(a, b, out=into) is into
    np.testing.assert_array_equal(into, wide)


@pytest.mark.slow
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("transpose_b", [False, True])
def test_its_gradients_are_products_again(transpose_a: bool, transpose_b: bool) -> None:
    """d(sum(dy * (a b))) by finite differences of the oracle in float64."""
    a, b, dy = (normal(*shape, dtype=np.float64) for shape in ((3, 4), (4, 5), (3, 5)))
    a, b = (a.T if transpose_a else a), (b.T if transpose_b else b)

    def loss(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.sum(dy * oracle.matmul(a, b, None, transpose_a, transpose_b)))

    def difference(at: np.ndarray, change) -> np.ndarray:
        steps = np.zeros_like(at)
        for i in np.ndindex(at.shape):
            step = np.zeros_like(at)
            step[i] = 1e-5
            steps[i] = (change(at + step) - change(at - step)) / 2e-5
        return steps

    x, w, g = (np.ascontiguousarray(each, dtype=np.float32) for each in (a, b, dy))
    if transpose_a:
        da = kernels.matmul(w, g, transpose_a=transpose_b, transpose_b=True)
    else:
        da = kernels.matmul(g, w, transpose_b=not transpose_b)
    if transpose_b:
        db = kernels.matmul(g, x, transpose_a=True, transpose_b=transpose_a)
    else:
        db = kernels.matmul(x, g, transpose_a=not transpose_a)
    np.testing.assert_allclose(da, difference(a, lambda each: loss(each, b)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(db, difference(b, lambda each: loss(a, each)), rtol=1e-4, atol=1e-5)


def test_refusals_quote_both_sides() -> None:
    a = normal(2, 3, 4)
    with pytest.raises(BadArgument, match=r"rows of a have 4 elements, the columns of b 5"):
        kernels.matmul(a, normal(5, 6))
    with pytest.raises(BadArgument, match=r"leading axes of a are \(2,\), those of b \(3,\)"):
        kernels.matmul(a, normal(3, 4, 6))
    with pytest.raises(BadArgument, match=r"bias has 5 elements; the result has 6 columns"):
        kernels.matmul(a, normal(4, 6), bias=normal(5))
    with pytest.raises(BadDtype, match=r"bfloat16; allowed: float32, float32 like a"):
        kernels.matmul(a, normal(4, 6), dtype=BF16)
    ones = np.ones((1, 131_072), np.int8)
    with pytest.raises(BadArgument, match=r"k is 131072; up to 131,071"):
        kernels.matmul_int8(ones, ones, normal(1), normal(1), transpose_b=True)


@pytest.mark.parametrize("ends", [[3, 2, 5], [2, 3, 6], [-1, 2, 3]])
def test_ends_that_decrease_or_pass_the_tokens_are_refused(ends: list[int]) -> None:
    with pytest.raises(BadArgument, match="index lies outside"):
        kernels.grouped_matmul(normal(5, 4), normal(3, 4, 2), np.array(ends))


def test_int8_is_exact_before_it_is_scaled() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(-128, 128, (70, 500), np.int8), rng.integers(-128, 128, (500, 90), np.int8)
    ones = np.ones(90, np.float32)
    exact = a.astype(np.int64) @ b.astype(np.int64)
    found = kernels.matmul_int8(a, b, ones[:70], ones)
    assert np.abs(exact).max() < 2**24
    np.testing.assert_array_equal(found, exact)
    turned = kernels.matmul_int8(a, np.ascontiguousarray(b.T), ones[:70], ones, transpose_b=True)
    np.testing.assert_array_equal(turned, exact)


def test_int8_meets_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    a, b = rng.integers(-128, 128, (33, 64), np.int8), rng.integers(-128, 128, (64, 48), np.int8)
    expected = torch._int_mm(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    ones = np.ones(48, np.float32)
    np.testing.assert_array_equal(kernels.matmul_int8(a, b, ones[:33], ones), expected)


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), BF16])
def test_the_same_threads_give_the_same_bits(dtype: np.dtype) -> None:
    a, b = normal(150, 600, dtype=dtype), normal(600, 200, dtype=dtype, seed=1)
    before = kernels.get_num_threads()
    try:
        kernels.set_num_threads(3)
        first = kernels.matmul(a, b)
        for _ in range(5):
            np.testing.assert_array_equal(kernels.matmul(a, b), first)
    finally:
        kernels.set_num_threads(before)
