"""Quantised tensors and how they are named in files: the names and the JSON that bitsandbytes writes.

What is read and written here are dictionaries of arrays by name, as safetensors files hold them; opening
files is somebody else's job. Everything read is checked before it is used, as it may come from strangers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.dtypes import BY_NAME, FLOATS, name_of
from kernels.errors import BadArgument
from kernels.quant.codes import FOUR_BIT

Arrays = Mapping[str, Any]
JSON_NAME = "quant_state.bitsandbytes__"
OPTIMISER_KEY = "__bnb_optimizer_quant_state__"
# What the words of `weight_format` mean; only plain rows are laid out the same on every machine.
FORMATS = {0: "row", 1: "col32", 2: "col_turing", 3: "col_ampere"}
_DTYPES = tuple(str(BY_NAME[name]) for name in FLOATS)


@dataclass(frozen=True)
class Nested:
    """Scales that are themselves in 8 bits: values[code] * absmax of their block + offset."""

    absmax: Any
    values: Any
    blocksize: int
    offset: float


@dataclass(frozen=True)
class FourBit:
    """A tensor in 4-bit codes.

    Attributes:
        packed: uint8 [(n + 1) // 2, 1], the first code in the upper half of a byte.
        absmax: one scale per block: float32, or uint8 where `nested` decodes it.
        values: float32 [16], what each code stands for.
        quant_type: `nf4` or `fp4`.
        blocksize: flat elements per scale.
        shape, dtype: of what was quantised.
    """

    packed: Any
    absmax: Any
    values: Any
    quant_type: str
    blocksize: int
    shape: tuple[int, ...]
    dtype: str
    nested: Nested | None = None

    def arrays(self) -> tuple[Any, ...]:
        """As the operators take them: packed, values, absmax, absmax8, nested_absmax, nested_values.

        Raises:
            BadArgument: scales are missing, which to an operator are optional one by one.
        """
        nested = self.nested
        scales = (self.absmax,) if nested is None else (self.absmax, nested.absmax, nested.values)
        if any(each is None for each in scales):
            raise BadArgument(
                f"a 4-bit weight of shape {self.shape}: its scales are None; absmax, and where it is nested "
                "absmax and values of that, are needed"
            )
        if nested is None:
            return self.packed, self.values, self.absmax, None, None, None
        return self.packed, self.values, None, self.absmax, nested.absmax, nested.values

    def statistics(self) -> tuple[int, int, float]:
        """As the operators take them: blocksize, nested_blocksize, nested_offset."""
        if self.nested is None:
            return self.blocksize, 0, 0.0
        return self.blocksize, self.nested.blocksize, self.nested.offset


@dataclass(frozen=True)
class Int8:
    """A weight [N, K] in int8, and the largest magnitude of each row, float32 [N], that 127 stands for."""

    codes: Any
    absmax: Any


@dataclass
class Moments:
    """What an 8-bit optimiser remembers of a tensor: codes, their maps and a scale per block.

    `codes2` and what belongs to it are None for an optimiser of one state. `step` counts updates.
    """

    codes1: Any
    absmax1: Any
    values1: Any
    codes2: Any = None
    absmax2: Any = None
    values2: Any = None
    step: int = 0


# ---- 4-bit


def pack_4bit(weight: FourBit, name: str = "weight") -> dict[str, Any]:
    """The arrays of a file that hold a 4-bit tensor."""
    about: dict[str, Any] = {
        "quant_type": weight.quant_type,
        "blocksize": weight.blocksize,
        "dtype": weight.dtype,
        "shape": list(weight.shape),
    }
    found = {name: weight.packed, f"{name}.absmax": weight.absmax, f"{name}.quant_map": weight.values}
    if weight.nested:
        about |= {
            "nested_blocksize": weight.nested.blocksize,
            "nested_dtype": "float32",
            "nested_offset": weight.nested.offset,
        }
        found[f"{name}.nested_absmax"] = weight.nested.absmax
        found[f"{name}.nested_quant_map"] = weight.nested.values
    text = json.dumps(about).encode()
    found[f"{name}.{JSON_NAME}{weight.quant_type}"] = np.frombuffer(text, np.uint8).copy()
    return found


def unpack_4bit(arrays: Arrays, name: str = "weight") -> FourBit:
    """A 4-bit tensor from the arrays of a file.

    Raises:
        BadArgument: one is missing, the JSON is damaged, or sizes and dtypes do not fit together.
    """
    about = _about(arrays, name)
    shape = _shape(name, about)
    count = int(np.prod(shape, dtype=object))
    blocksize = _number(name, about, "blocksize")
    nested = "nested_offset" in about
    packed = _packed(arrays, name, count)
    absmax = _get(arrays, f"{name}.absmax", "u8" if nested else "f32", -(-count // blocksize))
    values = _get(arrays, f"{name}.quant_map", "f32", 16)
    dtype = about.get("dtype")
    if dtype not in _DTYPES:
        raise BadArgument(f"{name}: the dtype of its JSON is {dtype!r}; allowed: {', '.join(_DTYPES)}")
    inner = _nested(arrays, name, about, absmax.size) if nested else None
    return FourBit(packed, absmax, values, about["quant_type"], blocksize, shape, dtype, inner)


def _about(arrays: Arrays, name: str) -> dict[str, Any]:
    """The JSON beside a 4-bit tensor."""
    start = f"{name}.{JSON_NAME}"
    keys = [key for key in arrays if key.startswith(start)]
    if len(keys) != 1:
        beside = sorted(key for key in arrays if key == name or key.startswith(f"{name}."))
        raise BadArgument(
            f"{name}: one array named {start}nf4 or {start}fp4 is needed to read it as 4-bit, "
            f"{len(keys)} found; there are: {', '.join(beside) or 'none of that name'}"
        )
    raw = np.ascontiguousarray(arrays[keys[0]]).view(np.uint8).tobytes()
    try:
        about = json.loads(raw.decode())
    except (UnicodeDecodeError, json.JSONDecodeError) as fault:
        raise BadArgument(f"{keys[0]}: {len(raw)} bytes that are no JSON: {fault}") from None
    quant_type = about.get("quant_type") if isinstance(about, dict) else None
    if quant_type not in FOUR_BIT or keys[0] != start + quant_type:
        raise BadArgument(
            f"{keys[0]}: its JSON says quant_type {quant_type!r}; its name allows {keys[0][len(start) :]!r}, "
            f"and there are {', '.join(FOUR_BIT)}"
        )
    return dict(about)


def _packed(arrays: Arrays, name: str, count: int) -> Any:
    """The bytes of a tensor, whichever dtype it is stored as (`quant_storage`)."""
    if name not in arrays:
        raise BadArgument(f"{name} is missing; there are: {', '.join(sorted(arrays))}")
    packed = np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8)
    needed = (count + 1) // 2
    if packed.size != needed:
        raise BadArgument(f"{name} has {packed.size} bytes; {count} elements of 4 bits need {needed}")
    return packed.reshape(-1, 1)


def _nested(arrays: Arrays, name: str, about: dict[str, Any], blocks: int) -> Nested:
    blocksize = _number(name, about, "nested_blocksize")
    offset = about["nested_offset"]
    if isinstance(offset, bool) or not isinstance(offset, int | float):
        raise BadArgument(f"{name}: nested_offset of its JSON is {offset!r}; a real number is needed")
    if about.get("nested_dtype", "float32") != "float32":
        raise BadArgument(f"{name}: nested_dtype of its JSON is {about['nested_dtype']!r}; allowed: float32")
    absmax = _get(arrays, f"{name}.nested_absmax", "f32", -(-blocks // blocksize))
    values = _get(arrays, f"{name}.nested_quant_map", "f32", 256)
    return Nested(absmax, values, blocksize, float(offset))


def _shape(name: str, about: dict[str, Any]) -> tuple[int, ...]:
    shape = about.get("shape")
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise BadArgument(f"{name}: the shape of its JSON is {shape!r}; a list of whole numbers is needed")
    return tuple(shape)


def _number(name: str, about: dict[str, Any], key: str) -> int:
    value = about.get(key)
    if type(value) is not int or value < 1:
        raise BadArgument(f"{name}: {key} of its JSON is {value!r}; a whole number from 1 up is needed")
    return value


def _get(arrays: Arrays, key: str, dtype: str, size: int) -> Any:
    """An array as one row, if it is of this dtype and size."""
    if key not in arrays:
        raise BadArgument(f"{key} is missing; there are: {', '.join(sorted(arrays))}")
    array = np.asarray(arrays[key])
    if name_of(array.dtype) != dtype or array.size != size:
        raise BadArgument(
            f"{key} is {array.dtype} with {array.size} elements; needed: {BY_NAME[dtype]} with {size}"
        )
    return np.ascontiguousarray(array).reshape(-1)


# ---- int8


def pack_int8(weight: Int8, prefix: str = "") -> dict[str, Any]:
    """The arrays of a file that hold the int8 weight of a layer whose names start with `prefix`."""
    return {
        f"{prefix}weight": weight.codes,
        f"{prefix}SCB": weight.absmax,
        f"{prefix}weight_format": np.array(0, np.uint8),
    }


def unpack_int8(arrays: Arrays, prefix: str = "") -> Int8:
    """The int8 weight of a layer from the arrays of a file.

    Raises:
        BadArgument: one is missing, its dtype or size does not fit, or the weight is in an old tiled layout.
    """
    kind = int(np.asarray(arrays.get(f"{prefix}weight_format", 0)))
    if kind != 0:
        raise BadArgument(
            f"{prefix}weight_format is {kind} ({FORMATS.get(kind, 'unknown')}): a layout for one generation "
            "of cards; load and save the model again with bitsandbytes 0.45 or later, which writes 0 (row)"
        )
    name = f"{prefix}weight"
    codes = np.asarray(arrays[name]) if name in arrays else None
    if codes is None or codes.dtype != np.int8 or codes.ndim != 2:
        given = "missing" if codes is None else f"{codes.dtype} of shape {codes.shape}"
        raise BadArgument(f"{name} is {given}; needed: int8 of shape (n, k)")
    return Int8(np.ascontiguousarray(codes), _get(arrays, f"{prefix}SCB", "f32", codes.shape[0]))


# ---- optimisers


def pack_moments(state: Moments) -> dict[str, Any]:
    """What an optimiser's state file holds of one tensor."""
    found = {"state1": state.codes1, "qmap1": state.values1, "absmax1": state.absmax1}
    if state.codes2 is not None:
        found |= {"state2": state.codes2, "qmap2": state.values2, "absmax2": state.absmax2}
    return {"step": state.step, OPTIMISER_KEY: found}


def unpack_moments(entry: Arrays, blocksize: int = 256) -> Moments:
    """What an optimiser remembers of one tensor, from its entry in a state file.

    Raises:
        BadArgument: an array is missing, or its dtype or size does not fit.
    """
    arrays = entry.get(OPTIMISER_KEY, entry)
    if "state1" not in arrays:
        raise BadArgument(f"state1 is missing; there are: {', '.join(sorted(map(str, arrays)))}")
    state = Moments(None, None, None, step=int(entry.get("step", 0)))
    for number in "12" if "state2" in arrays else "1":
        codes = np.ascontiguousarray(arrays[f"state{number}"])
        # Two averages in one array (AdEMAMix) have scales of their own each.
        given = np.asarray(arrays.get(f"absmax{number}", ()))
        halves = given.shape[0] if given.ndim == 2 else 1
        blocks = -(-(codes.size // halves) // blocksize) * halves
        if codes.dtype != np.uint8:
            raise BadArgument(
                f"state{number} is {codes.dtype}; needed: uint8 (a tensor this small keeps float32)"
            )
        absmax = _get(arrays, f"absmax{number}", "f32", blocks)
        setattr(state, f"codes{number}", codes)
        setattr(state, f"absmax{number}", absmax.reshape(halves, -1) if halves > 1 else absmax)
        setattr(state, f"values{number}", _get(arrays, f"qmap{number}", "f32", 256))
    return state
