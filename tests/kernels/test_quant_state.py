"""Quantised tensors in files: the names and the JSON of bitsandbytes, and what is refused in words."""

from __future__ import annotations

import json
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import kernels
from kernels.errors import BadArgument
from kernels.quant.state import (
    FourBit,
    Int8,
    pack_4bit,
    pack_int8,
    pack_moments,
    unpack_4bit,
    unpack_int8,
    unpack_moments,
)

pytestmark = pytest.mark.slow  # the compiler takes half a minute over the kernels that quantise

NAME = "model.layers.0.q_proj.weight"


def weight(compressed: bool = False, shape: tuple[int, ...] = (7, 33), kind: str = "nf4") -> FourBit:
    x = np.random.default_rng(0).standard_normal(shape).astype(ml_dtypes.bfloat16)
    return kernels.quantize_4bit(x, quant_type=kind, compress_statistics=compressed)


def about(arrays: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The same arrays with another JSON; a key changed to None is left out."""
    key = next(each for each in arrays if "quant_state" in each)
    found = {**json.loads(arrays[key].tobytes().decode()), **changes}
    text = json.dumps({name: value for name, value in found.items() if value is not None})
    return {**arrays, key: np.frombuffer(text.encode(), np.uint8)}


def test_the_names_and_the_json_of_a_4_bit_weight() -> None:
    arrays = pack_4bit(weight(), NAME)
    assert set(arrays) == {
        NAME,
        f"{NAME}.absmax",
        f"{NAME}.quant_map",
        f"{NAME}.quant_state.bitsandbytes__nf4",
    }
    assert json.loads(arrays[f"{NAME}.quant_state.bitsandbytes__nf4"].tobytes().decode()) == {
        "quant_type": "nf4",
        "blocksize": 64,
        "dtype": "bfloat16",
        "shape": [7, 33],
    }
    assert arrays[NAME].shape == (116, 1)
    nested = pack_4bit(weight(compressed=True), NAME)
    assert set(nested) - set(arrays) == {f"{NAME}.nested_absmax", f"{NAME}.nested_quant_map"}
    assert nested[f"{NAME}.absmax"].dtype == np.uint8


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("shape", [(7, 33), (64,), (0, 4)])
def test_a_4_bit_weight_comes_back_from_its_arrays(
    compressed: bool, kind: str, shape: tuple[int, ...]
) -> None:
    before = weight(compressed, shape, kind)
    after = unpack_4bit(pack_4bit(before, NAME), NAME)
    assert (after.shape, after.dtype, after.quant_type, after.blocksize) == (shape, "bfloat16", kind, 64)
    assert (kernels.dequantize_4bit(after) == kernels.dequantize_4bit(before)).all()


@pytest.mark.parametrize("storage", [np.float32, np.int8, ml_dtypes.bfloat16])
def test_the_bytes_may_be_stored_as_another_dtype(storage: type) -> None:
    before = weight(shape=(8, 64))
    arrays = pack_4bit(before, NAME)
    arrays[NAME] = arrays[NAME].reshape(-1).view(storage).reshape(-1, 1)
    assert (unpack_4bit(arrays, NAME).packed == before.packed).all()


def test_a_file_is_read_with_its_own_table() -> None:
    arrays = pack_4bit(weight(), NAME)
    arrays[f"{NAME}.quant_map"] = arrays[f"{NAME}.quant_map"] * np.float32(2)
    doubled = kernels.dequantize_4bit(unpack_4bit(arrays, NAME), dtype="float32")
    assert (doubled == 2 * kernels.dequantize_4bit(weight(), dtype="float32")).all()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda a: {k: v for k, v in a.items() if "quant_state" not in k},
            "one array named .*, 0 found; there are",
        ),
        (lambda a: {k: v for k, v in a.items() if k != NAME}, "weight is missing; there are"),
        (lambda a: {k: v for k, v in a.items() if "absmax" not in k}, "absmax is missing"),
        (
            lambda a: {**a, f"{NAME}.absmax": np.zeros(9, np.float32)},
            "with 9 elements; needed: float32 with 4",
        ),
        (
            lambda a: {**a, f"{NAME}.absmax": np.zeros(4, np.uint8)},
            "is uint8 with 4 elements; needed: float32",
        ),
        (lambda a: {**a, f"{NAME}.quant_map": np.zeros(15, np.float32)}, "needed: float32 with 16"),
        (lambda a: {**a, NAME: a[NAME][:9]}, "has 9 bytes; 231 elements of 4 bits need 116"),
        (lambda a: about(a, shape=[7, 34]), "has 116 bytes; 238 elements of 4 bits need 119"),
        (lambda a: about(a, shape=[-7, -33]), r"shape of its JSON is \[-7, -33\]"),
        (lambda a: about(a, shape=None), "shape of its JSON is None"),
        (lambda a: about(a, blocksize=0), "blocksize of its JSON is 0"),
        (lambda a: about(a, blocksize="64"), "blocksize of its JSON is '64'"),
        (lambda a: about(a, dtype="int4"), "dtype of its JSON is 'int4'; allowed: float32"),
        (lambda a: about(a, quant_type="fp4"), "its JSON says quant_type 'fp4'; its name allows 'nf4'"),
        (lambda a: about(a, nested_offset=0.5), "nested_blocksize|needed: uint8"),
        (
            lambda a: {**a, f"{NAME}.quant_state.bitsandbytes__nf4": np.array([123, 34], np.uint8)},
            "2 bytes that are no JSON",
        ),
        (
            lambda a: {**a, f"{NAME}.quant_state.bitsandbytes__nf4": np.frombuffer(b"[1]", np.uint8)},
            "quant_type None",
        ),
    ],
)
def test_a_damaged_4_bit_weight_is_refused_in_words(spoil: Any, told: str) -> None:
    with pytest.raises(BadArgument, match=told):
        unpack_4bit(spoil(pack_4bit(weight(), NAME)), NAME)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"nested_blocksize": None}, "nested_blocksize of its JSON is None"),
        ({"nested_offset": "0"}, "nested_offset of its JSON is '0'"),
        ({"nested_dtype": "float16"}, "allowed: float32"),
    ],
)
def test_damaged_nested_statistics_are_refused_in_words(change: dict[str, Any], told: str) -> None:
    with pytest.raises(BadArgument, match=told):
        unpack_4bit(about(pack_4bit(weight(compressed=True), NAME), **change), NAME)


def test_an_int8_weight_comes_back_from_its_arrays() -> None:
    codes, absmax, _ = kernels.int8_quantize_rows(
        np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
    )
    arrays = pack_int8(Int8(codes, absmax), "fc.")
    assert {name: (each.dtype.name, each.shape) for name, each in arrays.items()} == {
        "fc.weight": ("int8", (5, 8)),
        "fc.SCB": ("float32", (5,)),
        "fc.weight_format": ("uint8", ()),
    }
    after = unpack_int8(arrays, "fc.")
    assert (after.codes == codes).all()
    assert (after.absmax == absmax).all()
    del arrays["fc.weight_format"]
    unpack_int8(arrays, "fc.")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"weight_format": np.array(2, np.uint8)}, r"weight_format is 2 \(col_turing\)"),
        ({"weight": np.zeros((2, 3), np.float32)}, r"weight is float32 of shape \(2, 3\); needed: int8"),
        ({"SCB": np.zeros(3, np.float32)}, "SCB is float32 with 3 elements; needed: float32 with 2"),
    ],
)
def test_a_damaged_int8_weight_is_refused_in_words(change: dict[str, Any], told: str) -> None:
    arrays = {"weight": np.zeros((2, 3), np.int8), "SCB": np.zeros(2, np.float32), **change}
    with pytest.raises(BadArgument, match=told):
        unpack_int8(arrays)


@pytest.mark.parametrize("states", [1, 2, 3])
def test_an_optimisers_state_comes_back_from_its_entry(states: int) -> None:
    before = kernels.moments_8bit(np.zeros((3, 200), np.float32), states)
    before.step = 9
    entry = pack_moments(before)
    names = {"state1", "qmap1", "absmax1"} | ({"state2", "qmap2", "absmax2"} if states > 1 else set())
    assert set(entry["__bnb_optimizer_quant_state__"]) == names
    after = unpack_moments(entry)
    assert after.step == 9
    for name in ("codes1", "absmax1", "values1", "codes2", "absmax2", "values2"):
        old, new = getattr(before, name), getattr(after, name)
        assert (old is None) == (new is None)
        assert old is None or (old.shape == new.shape and (old == new).all())


def test_a_float32_state_is_told_from_an_8_bit_one() -> None:
    with pytest.raises(BadArgument, match="state1 is float32; needed: uint8"):
        unpack_moments({"state1": np.zeros(10, np.float32), "absmax1": np.zeros(1, np.float32)})
    with pytest.raises(BadArgument, match="state1 is missing; there are: step"):
        unpack_moments({"step": 1})
