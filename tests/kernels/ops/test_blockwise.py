"""8-bit blockwise quantisation: the published error, ties, zeros, what is not finite, errors in words."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument, BadDtype
from kernels.quant.codes import DYNAMIC_SIGNED, DYNAMIC_UNSIGNED

VERSIONS = ("v1_naive", "v2_cells", "oracle")


def relative_error(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x.astype(np.float64), y.astype(np.float64)
    return float(np.sqrt(np.mean((x - y) ** 2) / np.mean(x**2)))


def there_and_back(x: np.ndarray, **how: object) -> np.ndarray:
    codes, absmax = kernels.quantize_blockwise(x, **how)
    return kernels.dequantize_blockwise(codes, absmax, blocksize=how.get("blocksize", 4096), dtype=x.dtype)


def test_the_maps_are_the_published_ones() -> None:
    for table in (DYNAMIC_SIGNED, DYNAMIC_UNSIGNED):
        assert table.shape == (256,)
        assert (np.diff(table) > 0).all()
    signed = [DYNAMIC_SIGNED[i] for i in (0, 126, 127, 128, 254, 255)]
    np.testing.assert_allclose(signed, [-0.99296875, -5.5e-7, 0, 5.5e-7, 0.99296875, 1], rtol=3e-7)
    unsigned = [DYNAMIC_UNSIGNED[i] for i in (0, 1, 127, 254, 255)]
    np.testing.assert_allclose(unsigned, [0, 3.25e-7, 0.103515625, 0.9964844, 1], rtol=3e-7)


@pytest.mark.parametrize(("blocksize", "error"), [(256, 0.0108), (4096, 0.0129)])
def test_the_error_on_normal_numbers_is_the_published_one(blocksize: int, error: float) -> None:
    x = np.random.default_rng(0).standard_normal(2**18).astype(np.float32)
    assert relative_error(x, there_and_back(x, blocksize=blocksize)) == pytest.approx(error, rel=0.02)


def test_what_was_decoded_encodes_to_the_same_codes() -> None:
    x = np.random.default_rng(1).standard_normal(5000).astype(np.float32)
    codes, absmax = kernels.quantize_blockwise(x, blocksize=256)
    again, scales = kernels.quantize_blockwise(
        kernels.dequantize_blockwise(codes, absmax, blocksize=256), blocksize=256
    )
    whole = absmax == scales  # a block whose largest element is negative has no code for it
    assert whole.mean() > 0.3
    assert (
        again.reshape(-1)[:4864].reshape(19, 256)[whole[:19]] == codes[:4864].reshape(19, 256)[whole[:19]]
    ).all()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("values", "zero"), [(DYNAMIC_SIGNED, 127), (DYNAMIC_UNSIGNED, 0)])
def test_zero_stays_zero(version: str, values: np.ndarray, zero: int) -> None:
    """A table of 65,536 bins without a comparison makes 2.1e-5 of the scale of it."""
    x = np.array([0.0] * 64 + [1.0, 0.0, -0.0] + [0.5] * 61, np.float32)
    codes, absmax = kernels.quantize_blockwise(x, values, blocksize=64, version=version)
    assert (codes[:64] == zero).all()
    assert (codes[65:67] == zero).all()
    assert absmax.tolist() == [0, 1]
    assert not kernels.dequantize_blockwise(codes, absmax, values, blocksize=64)[:64].any()


def test_second_moments_get_the_nearest_codes() -> None:
    """Squares spread over many decades: there a table of bins alone gives up to a third of wrong codes."""
    v = np.random.default_rng(2).standard_normal(4096).astype(np.float32) ** 8
    codes, absmax = kernels.quantize_blockwise(v, DYNAMIC_UNSIGNED, blocksize=256)
    y = v.reshape(-1, 256) / absmax[:, None]
    nearest = np.abs(y[:, :, None].astype(np.float64) - DYNAMIC_UNSIGNED).min(axis=2)
    mine = np.abs(y - DYNAMIC_UNSIGNED[codes.reshape(-1, 256)].astype(np.float64))
    assert (mine <= nearest + 1e-7 * np.abs(y)).all()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_marks_its_block_alone(version: str, bad: float) -> None:
    x = np.ones(192, np.float32)
    x[70] = bad
    codes, absmax = kernels.quantize_blockwise(x, blocksize=64, version=version)
    y = kernels.dequantize_blockwise(codes, absmax, blocksize=64, version=version)
    assert not np.isfinite(y[64:128]).any()
    assert np.isfinite(y[:64]).all()
    assert np.isfinite(y[128:]).all()


def test_sixteen_bit_results_are_rounded_once() -> None:
    rng = np.random.default_rng(3)
    codes, absmax = rng.integers(0, 256, 1000).astype(np.uint8), rng.uniform(0.1, 9, 4).astype(np.float32)
    exact = kernels.dequantize_blockwise(codes, absmax, blocksize=256)
    for dtype in (np.float16, ml_dtypes.bfloat16):
        found = kernels.dequantize_blockwise(codes, absmax, blocksize=256, dtype=dtype)
        assert (found == exact.astype(dtype)).all()


def test_a_file_is_read_with_its_own_map() -> None:
    codes, absmax = np.arange(256, dtype=np.uint8), np.full(4, 2, np.float32)
    values = np.linspace(-1, 1, 256).astype(np.float32)
    assert (kernels.dequantize_blockwise(codes, absmax, values, blocksize=64) == 2 * values).all()


def test_errors_say_what_was_given_and_what_is_needed() -> None:
    x = np.zeros(100, np.float32)
    with pytest.raises(BadArgument, match="blocksize is 100; allowed: 64, 128"):
        kernels.quantize_blockwise(x, blocksize=100)
    with pytest.raises(BadArgument, match="3 scales given; 100 elements in blocks of 64 have 2"):
        kernels.dequantize_blockwise(x.astype(np.uint8), np.zeros(3, np.float32), blocksize=64)
    with pytest.raises(BadDtype, match="float64"):
        kernels.dequantize_blockwise(
            x.astype(np.uint8), np.zeros(2, np.float32), blocksize=64, dtype="float64"
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_what_is_written_past_the_caches_is_what_stays_in_them(dtype):
    """Large, of an odd length, and from an address inside a line."""
    rng = np.random.default_rng(2)
    n = (5 << 20) // np.dtype(dtype).itemsize + 77
    codes = rng.integers(0, 256, n).astype(np.uint8)
    absmax = rng.uniform(0.1, 3, -(-n // 64)).astype(np.float32)
    store = np.full(n + 64, 7, dtype)
    out = store[5 : n + 5]
    kernels.dequantize_blockwise(codes, absmax, blocksize=64, out=out, version="v3_stream")
    plain = kernels.dequantize_blockwise(codes, absmax, blocksize=64, dtype=dtype, version="v2_cells")
    np.testing.assert_array_equal(out, plain)
    assert (store[:5] == 7).all()
    assert (store[n + 5 :] == 7).all()
