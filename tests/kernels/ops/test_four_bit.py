"""4-bit weights: the published errors, ties, blocks that span rows, double quantisation, products, errors."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument, BadDtype
from kernels.quant.codes import FP4, NF4
from tests.kernels.ops.test_blockwise import relative_error

VERSIONS = ("v1_naive", "v2_vector", "oracle")
NORMAL = np.random.default_rng(0).standard_normal(2**18).astype(np.float32)
ERRORS = {
    "nf4": {32: 0.0873, 64: 0.0920, 128: 0.0956, 256: 0.0987, 1024: 0.1042, 4096: 0.1099},
    "fp4": {32: 0.1142, 64: 0.1220, 128: 0.1287, 256: 0.1347, 1024: 0.1461, 4096: 0.1575},
}


def codes(weight: object) -> np.ndarray:
    packed = weight.packed.ravel()  # type: ignore[attr-defined]
    return np.stack([packed >> 4, packed & 15], axis=1).ravel()


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
def test_the_errors_on_normal_numbers_are_the_published_ones(kind: str) -> None:
    for blocksize, error in ERRORS[kind].items():
        weight = kernels.quantize_4bit(NORMAL, quant_type=kind, blocksize=blocksize)
        assert relative_error(NORMAL, kernels.dequantize_4bit(weight)) == pytest.approx(error, rel=0.01)


def test_double_quantisation_costs_next_to_nothing() -> None:
    plain = kernels.quantize_4bit(NORMAL)
    weight = kernels.quantize_4bit(NORMAL, compress_statistics=True)
    assert weight.nested is not None
    assert relative_error(NORMAL, kernels.dequantize_4bit(weight)) == pytest.approx(0.0920, rel=0.01)
    steps = replace(weight, packed=np.full_like(weight.packed, 0xFF))  # code 15 is 1: the scales themselves
    scales = kernels.dequantize_4bit(steps).reshape(-1, 64)[:, 0]
    assert relative_error(plain.absmax, scales) == pytest.approx(0.0020, rel=0.1)
    bytes_used = weight.packed.nbytes + weight.absmax.nbytes + weight.nested.absmax.nbytes
    assert 8 * bytes_used / NORMAL.size == pytest.approx(4.127, abs=0.001)
    assert 8 * (plain.packed.nbytes + plain.absmax.nbytes) / NORMAL.size == 4.5


def test_what_was_decoded_encodes_to_the_same_codes() -> None:
    weight = kernels.quantize_4bit(NORMAL[:4096])
    again = kernels.quantize_4bit(kernels.dequantize_4bit(weight))
    assert (again.packed == weight.packed).all()
    assert (again.absmax == weight.absmax).all()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("kind", "table"), [("nf4", NF4), ("fp4", FP4)])
def test_every_value_of_the_table_gets_its_own_code(version: str, kind: str, table: np.ndarray) -> None:
    x = np.concatenate([table, np.ones(16, np.float32)])
    weight = kernels.quantize_4bit(x, quant_type=kind, blocksize=32, version=version)
    expected = np.arange(16)
    if kind == "fp4":
        expected[8] = 0  # its second zero
    assert codes(weight)[:16].tolist() == expected.tolist()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("kind", "zero"), [("nf4", 7), ("fp4", 0)])
def test_zeros_get_the_code_of_zero(version: str, kind: str, zero: int) -> None:
    weight = kernels.quantize_4bit(np.zeros(65, np.float32), quant_type=kind, version=version)
    assert (codes(weight)[:65] == zero).all()
    assert codes(weight)[65] == 0  # what fills the last byte
    assert weight.absmax.tolist() == [0, 0]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_marks_its_block_alone(version: str, kind: str, bad: float) -> None:
    x = np.ones(192, np.float32)
    x[100] = bad
    y = kernels.dequantize_4bit(kernels.quantize_4bit(x, quant_type=kind, version=version), version=version)
    assert np.isfinite(y).reshape(3, 64).any(axis=1).tolist() == [True, False, True]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("shape", [(8, 96), (16, 48), (3, 33), (5, 7, 11)])
def test_scales_belong_to_flat_blocks_whatever_the_rows(version: str, shape: tuple[int, ...]) -> None:
    """8 x 96 in blocks of 64 is what an other library's vector code decodes with wrong scales."""
    x = NORMAL[: np.prod(shape)].reshape(shape) * np.geomspace(0.01, 100, shape[0]).reshape(
        (-1,) + (1,) * (len(shape) - 1)
    ).astype(np.float32)
    weight = kernels.quantize_4bit(x, version=version)
    y = kernels.dequantize_4bit(weight, version=version)
    assert y.shape == shape
    expected = NF4[codes(weight)[: x.size]] * np.repeat(weight.absmax, 64)[: x.size]
    assert (y.ravel() == expected).all()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("compressed", [False, True])
def test_sixteen_bit_results_are_the_rounded_float32_ones(dtype: type, compressed: bool) -> None:
    weight = kernels.quantize_4bit(NORMAL[:70_000], compress_statistics=compressed)
    exact = kernels.dequantize_4bit(weight)
    assert (kernels.dequantize_4bit(weight, dtype=dtype) == exact.astype(dtype)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("offset", [0, 3, 6])
def test_what_is_written_past_the_caches_is_what_stays_in_them(dtype: type, offset: int) -> None:
    """Large, of an odd length, from an address inside a line, which may begin within a byte of codes."""
    n = (5 << 20) // np.dtype(dtype).itemsize + 77
    weight = kernels.quantize_4bit(np.resize(NORMAL, n), blocksize=32, compress_statistics=True)
    plain = kernels.dequantize_4bit(weight, dtype=dtype, version="v2_vector")
    store = np.full(n + 64, 7, dtype)
    for version in ("v3_stream", None):  # None: the best of this machine
        out = store[offset : n + offset]
        kernels.dequantize_4bit(weight, out=out, version=version)
        np.testing.assert_array_equal(out, plain)
        assert (store[:offset] == 7).all()
        assert (store[n + offset :] == 7).all()
        out[...] = 7


def test_the_result_has_the_shape_and_dtype_of_what_was_quantised() -> None:
    for shape in [(), (5,), (1, 5), (2, 0, 3)]:
        x = np.ones(shape, np.float16)
        y = kernels.dequantize_4bit(kernels.quantize_4bit(x))
        assert (y.shape, y.dtype) == (shape, x.dtype)


def test_results_go_where_they_are_wanted() -> None:
    weight = kernels.quantize_4bit(NORMAL[:60].reshape(3, 4, 5))
    expected = kernels.dequantize_4bit(weight)
    out = np.full((3, 4, 5), np.nan, np.float32)
    assert kernels.dequantize_4bit(weight, out=out) is out
    assert (out == expected).all()
    strided = np.full((3, 4, 10), np.nan, np.float32)[..., ::2]
    assert kernels.dequantize_4bit(weight, out=strided) is strided
    assert (strided == expected).all()
    packed, absmax = np.zeros((30, 1), np.uint8), np.zeros(1, np.float32)
    assert kernels.quantize_4bit(NORMAL[:60], out=(packed, absmax)).packed is packed


@pytest.mark.parametrize("m", [1, 2, 3, 4, 5, 9, 40])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_product_is_that_with_the_decoded_weight(m: int, compressed: bool) -> None:
    weight = kernels.quantize_4bit(NORMAL[: 33 * 96].reshape(33, 96), compress_statistics=compressed)
    x, bias = NORMAL[-m * 96 :].reshape(m, 96), NORMAL[:33]
    expected = x.astype(np.float64) @ kernels.dequantize_4bit(weight).T.astype(np.float64) + bias
    np.testing.assert_allclose(kernels.gemm_4bit(x, weight, bias), expected, atol=2e-5)


@pytest.mark.parametrize("n", [1, 5, 33])
def test_a_product_with_a_vector_takes_any_number_of_rows(n: int) -> None:
    """32 rows and multiples of it are all that an other library survives."""
    weight = kernels.quantize_4bit(NORMAL[: n * 128].reshape(n, 128))
    expected = kernels.dequantize_4bit(weight) @ NORMAL[:128]
    np.testing.assert_allclose(kernels.gemv_4bit(NORMAL[:128], weight), expected, rtol=1e-4, atol=1e-4)


def test_errors_say_what_was_given_and_what_is_needed() -> None:
    x = np.zeros((4, 32), np.float32)
    weight = kernels.quantize_4bit(x)
    with pytest.raises(BadArgument, match="blocksize is 48; allowed: 32, 64"):
        kernels.quantize_4bit(x, blocksize=48)
    with pytest.raises(BadArgument, match="'int4'; allowed: nf4, fp4"):
        kernels.quantize_4bit(x, quant_type="int4")
    with pytest.raises(BadArgument, match="packed has 60 bytes; 128 elements need 64"):
        kernels.dequantize_4bit(replace(weight, packed=weight.packed[:60].copy()))
    with pytest.raises(BadArgument, match="1 scales given; 128 elements in blocks of 64 have 2"):
        kernels.dequantize_4bit(replace(weight, absmax=weight.absmax[:1].copy()))
    with pytest.raises(BadArgument, match=r"x has shape \(31,\); the weight \(4, 32\)"):
        kernels.gemv_4bit(np.zeros(31, np.float32), weight)
    with pytest.raises(BadDtype, match="float64"):
        kernels.dequantize_4bit(weight, dtype=np.float64)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_weight_without_its_scales_is_refused(compressed: bool) -> None:
    whole = kernels.quantize_4bit(NORMAL[:128].reshape(4, 32), compress_statistics=compressed)
    broken = [replace(whole, absmax=None)]
    if whole.nested:
        broken += [replace(whole, nested=replace(whole.nested, **{k: None})) for k in ("absmax", "values")]
    for weight in broken:
        for run in (kernels.dequantize_4bit, lambda w: kernels.gemv_4bit(NORMAL[:32], w)):
            with pytest.raises(BadArgument, match=r"weight of shape \(4, 32\): its scales are None; absmax"):
                run(weight)
