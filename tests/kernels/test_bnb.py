"""The quantised operators beside bitsandbytes, where it is installed: decoded values are compared, not bytes.

Its back ends differ among themselves in the codes of zeros and of ties, and its product with 4-bit weights
ends the process where a size does not suit it, so that is never called.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kernels
from kernels.quant.codes import DYNAMIC_SIGNED, DYNAMIC_UNSIGNED, FP4, NF4
from kernels.quant.state import FourBit, pack_4bit, unpack_4bit

torch: Any
bnb: Any

X = np.random.default_rng(0).standard_normal((48, 128)).astype(np.float32)


@pytest.fixture(scope="module", autouse=True)
def _peers() -> None:
    """Imported when a test of these runs: it takes seconds, which whoever only collects need not wait for."""
    global torch, bnb
    torch = pytest.importorskip("torch")
    bnb = pytest.importorskip("bitsandbytes.functional")


def tensor(array: np.ndarray) -> Any:
    return torch.from_numpy(np.ascontiguousarray(array))


def test_the_tables_are_bit_for_bit_the_same() -> None:
    for kind, table in (("nf4", NF4), ("fp4", FP4)):
        assert (bnb.get_4bit_type(kind, device="cpu").numpy() == table).all()
    for signed, table in ((True, DYNAMIC_SIGNED), (False, DYNAMIC_UNSIGNED)):
        assert (bnb.create_dynamic_map(signed).numpy() == table).all()


@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("blocksize", [64, 128])
def test_each_decodes_what_the_other_encoded_in_4_bits(kind: str, blocksize: int) -> None:
    packed, state = bnb.quantize_4bit(tensor(X), blocksize=blocksize, quant_type=kind)
    ours = kernels.quantize_4bit(X, quant_type=kind, blocksize=blocksize)
    theirs = FourBit(
        packed.numpy(), state.absmax.numpy(), state.code.numpy(), kind, blocksize, X.shape, "float32"
    )
    mine = kernels.dequantize_4bit(ours)
    np.testing.assert_allclose(kernels.dequantize_4bit(theirs), mine, rtol=1e-6)
    back = bnb.dequantize_4bit(tensor(ours.packed), state)
    np.testing.assert_allclose(back.numpy(), mine, rtol=1e-6)


def test_a_state_with_double_quantisation_goes_through_a_file_both_ways() -> None:
    packed, state = bnb.quantize_4bit(tensor(X), blocksize=64, quant_type="nf4", compress_statistics=True)
    expected = bnb.dequantize_4bit(packed, state).numpy()
    written = {
        "weight": packed,
        **{f"weight.{key}": each for key, each in state.as_dict(packed=True).items()},
    }
    read = unpack_4bit({key: each.numpy() for key, each in written.items()})
    np.testing.assert_allclose(kernels.dequantize_4bit(read), expected, rtol=1e-5, atol=1e-7)

    ours = kernels.quantize_4bit(X, compress_statistics=True)
    arrays = {key: tensor(each) for key, each in pack_4bit(ours).items()}
    weight = arrays.pop("weight")
    theirs = bnb.QuantState.from_dict(arrays, device=torch.device("cpu"))
    mine = kernels.dequantize_4bit(ours)
    np.testing.assert_allclose(bnb.dequantize_4bit(weight, theirs).numpy(), mine, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("signed", [True, False])
def test_each_decodes_what_the_other_encoded_in_8_bits(signed: bool) -> None:
    table = DYNAMIC_SIGNED if signed else DYNAMIC_UNSIGNED
    x = X if signed else np.abs(X)
    codes, state = bnb.quantize_blockwise(tensor(x), code=tensor(table.copy()), blocksize=256)
    ours, absmax = kernels.quantize_blockwise(x, table, blocksize=256)
    mine = kernels.dequantize_blockwise(ours, absmax, table, blocksize=256)
    theirs = bnb.dequantize_blockwise(codes, state).numpy()
    assert (state.absmax.numpy() == absmax).all()
    assert np.abs(mine - x).max() <= np.abs(theirs - x).max() * (1 + 1e-6)
    assert (np.abs(mine - x) <= np.abs(theirs - x) + 1e-6).all()  # it is off by a code here and there
    read = kernels.dequantize_blockwise(codes.numpy(), absmax, table, blocksize=256)
    np.testing.assert_allclose(read, theirs, rtol=1e-6)


def test_rows_of_int8_are_the_same_from_float16() -> None:
    x = X.astype(np.float16)
    codes, absmax, _ = torch.ops.bitsandbytes.int8_vectorwise_quant(tensor(x), 0.0)
    ours, scales, _ = kernels.int8_quantize_rows(x)
    np.testing.assert_allclose(absmax.numpy().ravel(), scales, rtol=1e-3)  # its scales may be float16
    assert np.abs(codes.numpy().astype(int) - ours).max() <= 1
    assert (codes.numpy() == ours).mean() > 0.99
