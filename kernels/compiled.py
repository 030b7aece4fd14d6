"""The compiled function of an operator's version: built or found, loaded, and wrapped in a call plan.

One library per operator folder and instruction-set level, so that the first use of an operator compiles that
operator alone, for this processor alone. `python -m kernels build` compiles everything for every level.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kernels import arrays, threads
from kernels.registry import Cpu, Operator
from kernels.schema import Schema
from kernels.toolchain import cc, isa

# As in toolchain/enter.c.
ARRAYS, WHOLE, REAL = 24, 24, 8
ABSENT, READ, UPDATED, WRITTEN = range(4)
ENTRY = cc.PACKAGE / "toolchain" / "enter.c"

Enter = Callable[
    ..., int
]  # with the address of a block and the arrays; 0, a fault above it or a refusal below


class _Operand(ctypes.Structure):
    _fields_ = (("bytes", ctypes.c_int64), ("role", ctypes.c_int64))


class Block(ctypes.Structure):
    """Everything about a call but its arrays."""

    _fields_ = (
        ("kernel", ctypes.c_void_p),
        ("threads", ctypes.c_void_p),
        ("arrays", ctypes.c_int64),
        ("whole_numbers", ctypes.c_int64),
        ("in_place", ctypes.c_int64),
        ("operand", _Operand * ARRAYS),
        ("whole", ctypes.c_int64 * WHOLE),
        ("real", ctypes.c_double * REAL),
    )


class _Described(ctypes.Structure):
    """What `enter.c` reads of an array, for interpreters that lay arrays out in another way."""

    _fields_ = (
        ("skipped", ctypes.c_char * 16),
        ("data", ctypes.c_void_p),
        ("about", ctypes.c_char * 40),
        ("flags", ctypes.c_int),
    )


def block(
    operator: Operator,
    version: Cpu,
    dtypes: str,
    operands: Sequence[tuple[int, int]],
    scalars: Sequence[int | float],
) -> tuple[Enter, Block]:
    """The way into a version's kernel, and the block that goes first.

    Args:
        operands: bytes and role of every array of the schema.
        scalars: dimensions and attributes, in the order of C.

    Raises:
        BuildFailed: it does not compile.
    """
    library = _library(operator.module, isa.chosen())
    whole = [each for each in scalars if isinstance(each, int)]
    real = [each for each in scalars if isinstance(each, float)]
    nothing = _nothing(operator.schema, operands)
    found = Block(
        kernel=None if nothing else _address(library, operator.symbol(version, dtypes)),
        threads=threads.ADDRESS,
        arrays=len(operands),
        whole_numbers=len(whole),
        in_place=len(operator.schema.inputs) if operator.schema.in_place else -1,
    )
    found.operand[: len(operands)] = [_Operand(*each) for each in operands]
    found.whole[: len(whole)], found.real[: len(real)] = whole, real
    return _entry(library, len(operands)), found


def serves(version: Cpu, level: str) -> bool:
    """Whether the version is compiled for that level, or for one that it includes."""
    return isa.best_of(version.levels, level) is not None


def fits(schema: Schema) -> bool:
    """Whether `enter.c` has room for the operands."""
    real = sum(each.kind == "float" for each in schema.attributes)
    whole = len(schema.dimensions()) + len(schema.attributes) - real
    return len(schema.arrays) <= ARRAYS and whole < WHOLE and real <= REAL


def units(module: str, level: str) -> list[cc.Unit]:
    """What the library of an operator folder is linked from at a level."""
    found: dict[tuple[Path, str], None] = {(ENTRY, isa.BASELINE): None}
    for operator in importlib.import_module(module).OPERATORS:
        for version in operator.versions:
            if isinstance(version, Cpu) and (best := isa.best_of(version.levels, level)):
                found[operator.folder / version.file, best] = None
    return [cc.Unit(source, isa.FLAGS[best]) for source, best in found]


def build(module: str, level: str, folder: Path | None = None) -> Path:
    """Compile an operator folder for a level, unless that is done already.

    Raises:
        BuildFailed: see `toolchain/cc.py`.
    """
    return cc.library(f"{module.rpartition('.')[2]}-{level}", units(module, level), folder)


@functools.cache
def _library(module: str, level: str) -> ctypes.CDLL:
    threads.in_use()
    return cc.load(build(module, level))


def _address(library: ctypes.CDLL, symbol: str) -> int | None:
    return ctypes.cast(getattr(library, symbol), ctypes.c_void_p).value


def _nothing(schema: Schema, operands: Sequence[tuple[int, int]]) -> bool:
    """Whether everything that would be written is empty."""
    written = [size for size, role in operands if role in (UPDATED, WRITTEN)]
    return not any(written)


def _entry(library: ctypes.CDLL, count: int) -> Enter:
    enter = library["kernels_enter"]  # a new object each time: what arguments it takes differs
    enter.restype = ctypes.c_int
    if arrays.FIELDS_ARE_THERE:
        enter.argtypes = [ctypes.c_void_p, *[ctypes.py_object] * count]
        return enter
    enter.argtypes = [ctypes.c_void_p, *[ctypes.c_void_p] * count]
    return lambda start, *given: enter(start, *(_describe(each) for each in given))


def _describe(array: Any) -> Any:
    if array is None:
        return None
    flags = array.flags
    return ctypes.pointer(
        _Described(data=arrays.address(array), flags=flags.aligned * 0x100 | flags.writeable * 0x400)
    )
