"""The calling convention of submissions: from buffer addresses to a call. Standard library only.

Not in charge of buffers, clocks or checks. Mounted read-only into the sandbox beside the guest, so it imports
nothing of this project; NumPy is imported for Python submissions only.

C, C++ (extern "C"):  void SYMBOL(const T* in0, …, T* out0, …, int64_t dim0, …)
CUDA C++:             the same; the addresses are of the card's memory
Python:               SYMBOL(in0, …, out0, …) in solution.py; NumPy arrays, inputs read-only, outputs to fill
CuPy:                 SYMBOL(in0, …, out0, …) in solution_cupy.py; CuPy arrays, outputs to fill
Triton:               SYMBOL(in0, …, out0, …) in solution_triton.py; torch tensors, outputs to fill

`load` once per process, `bind` once per set of addresses and dims, then call. A bound call is one C-level
`functools.partial` with ready-made arguments: it runs inside the timed window and must cost next to nothing.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import math
import os
import sys

# Every guest starts with this file: `typing` alone would cost it 10 of its 25 ms.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

ARTEFACT = {
    "c": "solution.so",
    "cpp": "solution.so",
    "cuda": "solution.so",
    "python": "solution.py",
    "cupy": "solution_cupy.py",
    "triton": "solution_triton.py",
}
PYTHON = ("python", "cupy", "triton")
ON_CARDS = ("cuda", "cupy", "triton")
ITEM_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4, "float64": 8}


class NoEntry(Exception):
    """The artefact cannot be loaded or has no function of the wanted name; the text says which."""


class Slot:
    """One tensor of a call: where it lies and what it is."""

    def __init__(self, address: int, dtype: str, shape: tuple[int, ...], writable: bool) -> None:
        self.address, self.dtype, self.shape, self.writable = address, dtype, shape, writable


def load(language: str, folder: str, symbol: str) -> Callable[..., object]:
    """Load the artefact in `folder` and find its function. Runs the submission's initialisers.

    Raises:
        NoEntry: it does not load or lacks the symbol. Whatever a Python module raises comes through.
    """
    if language in PYTHON:
        return _load_python(folder, ARTEFACT[language], symbol)
    path = os.path.join(folder, ARTEFACT[language])
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise NoEntry(f"{ARTEFACT[language]} does not load: {error}") from None
    try:
        function = getattr(library, symbol)
    except AttributeError:
        hint = "" if language == "c" else ' declared extern "C"'
        raise NoEntry(f"no function {symbol!r}; define one with that name{hint}, not static") from None
    function.restype = None
    return function  # type: ignore[no-any-return]


def bind(
    language: str, function: Callable[..., object], slots: Sequence[Slot], dims: Sequence[int]
) -> Callable[[], object]:
    """The function with its arguments; call the result without any, as often as the addresses hold."""
    if language in PYTHON:
        view = {"python": _view, "cupy": _view_on_card, "triton": _view_in_torch}[language]
        return functools.partial(function, *(view(slot) for slot in slots))
    # Ready-made ctypes instances need no conversion at call time; argtypes would only add checks.
    arguments: list[Any] = [ctypes.c_void_p(slot.address) for slot in slots]
    arguments += [ctypes.c_int64(size) for size in dims]
    return functools.partial(function, *arguments)


def _load_python(folder: str, file: str, symbol: str) -> Callable[..., object]:
    sys.path.insert(0, folder)  # helper modules lie beside the entry file
    importlib.invalidate_caches()
    function = getattr(importlib.import_module(file.removesuffix(".py")), symbol, None)
    if not callable(function):
        raise NoEntry(f"{file} has no function {symbol!r}; define one with that name")
    return function  # type: ignore[no-any-return]


def _view(slot: Slot) -> Any:
    """A NumPy array on the buffer itself; an empty tensor needs none, its address means nothing."""
    import numpy as np

    dtype, count = _dtype(slot), math.prod(slot.shape)
    if not count:
        return np.empty(slot.shape, dtype)
    memory: Any = (ctypes.c_char * (count * ITEM_BYTES[slot.dtype])).from_address(slot.address)
    array = np.ndarray(slot.shape, dtype, buffer=memory)
    array.flags.writeable = slot.writable
    return array


def _view_on_card(slot: Slot) -> Any:
    """A CuPy array on memory that others own. CuPy knows no read-only arrays."""
    import cupy

    dtype, count = _dtype(slot), math.prod(slot.shape)
    if not count:
        return cupy.empty(slot.shape, dtype)
    memory = cupy.cuda.UnownedMemory(slot.address, count * ITEM_BYTES[slot.dtype], slot, device_id=0)
    return cupy.ndarray(slot.shape, dtype, cupy.cuda.MemoryPointer(memory, 0))


def _view_in_torch(slot: Slot) -> Any:
    """A torch tensor on memory that others own: what kernels of Triton are called with."""
    import torch

    dtype = getattr(torch, slot.dtype)
    if not math.prod(slot.shape):
        return torch.empty(slot.shape, dtype=dtype, device="cuda")
    return torch.as_tensor(_Words(slot), device="cuda").view(dtype)


class _Words:
    """A tensor's memory as integers of its elements' size: the interface has no name for bfloat16."""

    def __init__(self, slot: Slot) -> None:
        self.__cuda_array_interface__ = {
            "shape": slot.shape, "typestr": f"<i{ITEM_BYTES[slot.dtype]}", "data": (slot.address, False),
            "version": 3,
        }  # fmt: skip


def _dtype(slot: Slot) -> Any:
    import numpy as np

    if slot.dtype == "bfloat16":
        import ml_dtypes  # noqa: F401 - with it NumPy knows the name
    return np.dtype(slot.dtype)
