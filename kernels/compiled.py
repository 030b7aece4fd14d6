"""The compiled function of an operator's version: built or found, loaded, its argument types set.

One library per operator folder and instruction-set level, so that the first use of an operator compiles that
operator alone, for this processor alone. `python -m kernels build` compiles everything for every level.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path

from kernels.registry import Cpu, Operator, folders
from kernels.schema import Schema
from kernels.toolchain import cc, isa

Function = Callable[..., int]


def function(operator: Operator, version: Cpu, dtypes: str) -> Function:
    """What a call plan calls: pointers, dimensions, attributes, threads.

    Raises:
        BuildFailed: it does not compile.
    """
    found = getattr(_library(operator.module, isa.chosen()), operator.symbol(version, dtypes))
    found.argtypes = _argument_types(operator.schema)
    found.restype = ctypes.c_int
    return found  # type: ignore[no-any-return]


def serves(version: Cpu, level: str) -> bool:
    """Whether the version is compiled for that level, or for one that it includes."""
    return isa.best_of(version.levels, level) is not None


def units(module: str, level: str) -> list[cc.Unit]:
    """What the library of an operator folder is linked from at a level."""
    found: dict[tuple[Path, str], None] = {}
    for operator in _operators_of(module):
        for version in operator.versions:
            if isinstance(version, Cpu) and (best := isa.best_of(version.levels, level)):
                found[operator.folder / version.file, best] = None
    return [cc.Unit(source, isa.FLAGS[best]) for source, best in found]


def build(module: str, level: str, folder: Path | None = None) -> Path:
    """Compile an operator folder for a level, unless that is done already."""
    return cc.library(f"{module.rpartition('.')[2]}-{level}", units(module, level), folder)


@functools.cache
def _library(module: str, level: str) -> ctypes.CDLL:
    return cc.load(build(module, level))


def _operators_of(module: str) -> tuple[Operator, ...]:
    return next(each.OPERATORS for each in folders() if each.__name__ == module)


def _argument_types(schema: Schema) -> list[type]:
    scalars = [ctypes.c_double if each.kind == "float" else ctypes.c_int64 for each in schema.attributes]
    pointers, sizes = [ctypes.c_void_p] * len(schema.arrays), [ctypes.c_int64] * len(schema.dimensions())
    return [*pointers, *sizes, *scalars, ctypes.c_int]
