"""Submissions for cards, run on the processor: CUDA C++ by the emulator of `tests/kernels`, CuPy on NumPy.

Not in charge of anything that only a card has: streams, memory beside the buffers, time.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import re
import subprocess
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from kernels.toolchain import nvrtc
from tasks.abi import Slot, bind
from tasks.bundle import write_files

HERE = Path(__file__).parent
EMULATOR = HERE.parents[1] / "kernels" / "emulator"
BOTH_SIDES = """
#include "emulator.h"
#define __CUDACC__
#include "solution.cu"
#undef __CUDACC__
#include "solution.cu"
"""
KERNEL_ALONE = '#include "emulator.h"\n'
numbers = itertools.count()  # no two libraries share a name: the loader would take them for one


class Array(np.ndarray):
    """An array as if on a card: with an address, and with a way to the host."""

    @property
    def data(self) -> Any:
        return types.SimpleNamespace(ptr=self.ctypes.data)

    def get(self) -> Any:
        return np.asarray(self)


class ElementwiseKernel:
    """CuPy's, for one line `y = …` of C."""

    NAMES = {"expf": np.exp, "erff": np.vectorize(math.erf, otypes=[float])}

    def __init__(self, inputs: str, outputs: str, code: str, name: str) -> None:
        self.inputs = [part.split()[1] for part in inputs.split(",")]
        self.code = re.sub(r"(\d)f\b", r"\1", code.partition("=")[2])

    def __call__(self, *arrays: Any) -> None:
        *inputs, out = arrays
        given = dict(zip(self.inputs, inputs, strict=True))
        out[...] = eval(self.code, {**self.NAMES, **given})


class RawKernel:
    """CuPy's: the emulator runs it."""

    def __init__(self, code: str, name: str, folder: Path) -> None:
        self.library = compiled(KERNEL_ALONE + code, folder, {})
        self.kernel = ctypes.cast(getattr(self.library, name), ctypes.c_void_p)
        self.library.emulate.restype = ctypes.c_char_p

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], arguments: tuple[Any, ...]) -> None:
        words = [each.ctypes.data if isinstance(each, np.ndarray) else each for each in arguments]
        given = (ctypes.c_longlong * len(words))(*words)
        sizes = [(ctypes.c_uint * 3)(*each, *[1] * (3 - len(each))) for each in (grid, block)]
        said = self.library.emulate(
            self.kernel, *sizes, ctypes.c_size_t(0), given, len(words), ctypes.byref(ctypes.c_double()), 0, 0
        )
        assert not said, said.decode()


def compiled(code: str, folder: Path, files: Mapping[str, bytes]) -> ctypes.CDLL:
    """A library of it."""
    place = folder / f"emulated-{next(numbers)}"
    place.mkdir()
    write_files(files, place)
    (place / "both.cpp").write_text(code)
    include = [f"-I{path}" for path in (place, HERE, EMULATOR, nvrtc.INCLUDE)]
    options = ["-std=c++20", "-O1", "-shared", "-fPIC", "-w", "-ldl"]
    command = ["g++", *options, *include, "-o", place / "both.so", place / "both.cpp"]
    subprocess.run(command, check=True, timeout=120)
    return ctypes.CDLL(str(place / "both.so"))


def cuda(files: Mapping[str, bytes], symbol: str, folder: Path) -> Callable[..., None]:
    """Its function, on NumPy arrays and dims."""
    library = compiled(BOTH_SIDES, folder, files)
    library.what_was_said.restype = ctypes.c_char_p

    def call(arrays: list[Any], dims: list[int]) -> None:
        slots = [Slot(array.ctypes.data, str(array.dtype), array.shape, True) for array in arrays]
        bind("cuda", getattr(library, symbol), slots, dims)()
        assert not library.what_was_said(), library.what_was_said().decode()

    return call


@contextmanager
def cupy(files: Mapping[str, bytes], symbol: str, folder: Path) -> Iterator[Callable[..., None]]:
    """Its function, on NumPy arrays and dims, with a `cupy` made of NumPy."""
    module = types.ModuleType("cupy")
    vars(module).update({name: getattr(np, name) for name in np.__all__})
    module.ElementwiseKernel = ElementwiseKernel  # type: ignore[attr-defined]
    module.RawKernel = lambda code, name: RawKernel(code, name, folder)  # type: ignore[attr-defined]
    module.cuda = types.SimpleNamespace(runtime=types.SimpleNamespace())  # type: ignore[attr-defined]
    before = sys.modules.get("cupy")
    sys.modules["cupy"] = module
    try:
        space: dict[str, Any] = {"__name__": "solution_cupy"}
        exec(compile(files["solution_cupy.py"], "solution_cupy.py", "exec"), space)
        yield lambda arrays, dims: space[symbol](*(array.view(Array) for array in arrays))
    finally:
        sys.modules.pop("cupy")
        if before is not None:
            sys.modules["cupy"] = before


def empty(shape: tuple[int, ...], dtype: str) -> Any:
    """An output as the judge hands it over: unwritten is not a number."""
    kind = np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)
    return np.full(shape, np.nan, kind)
