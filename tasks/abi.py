"""The calling convention of submissions: from buffer addresses to a call. Standard library only.

Not in charge of buffers, clocks or checks. Mounted read-only into the sandbox beside the guest, so it imports
nothing of this project; NumPy is imported for Python submissions only.

C, C++ (extern "C"):  void SYMBOL(const T* in0, …, T* out0, …, int64_t dim0, …)
Python:               SYMBOL(in0, …, out0, …) in solution.py; NumPy arrays, inputs read-only, outputs to fill

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

ARTEFACT = {"c": "solution.so", "cpp": "solution.so", "python": "solution.py"}
ITEM_BYTES = {"float32": 4, "float64": 8}


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
    if language == "python":
        return _load_python(folder, symbol)
    path = os.path.join(folder, ARTEFACT[language])
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise NoEntry(f"{ARTEFACT[language]} does not load: {error}") from None
    try:
        function = getattr(library, symbol)
    except AttributeError:
        hint = ' declared extern "C"' if language == "cpp" else ""
        raise NoEntry(f"no function {symbol!r}; define one with that name{hint}, not static") from None
    function.restype = None
    return function  # type: ignore[no-any-return]


def bind(
    language: str, function: Callable[..., object], slots: Sequence[Slot], dims: Sequence[int]
) -> Callable[[], object]:
    """The function with its arguments; call the result without any, as often as the addresses hold."""
    if language == "python":
        return functools.partial(function, *(_view(slot) for slot in slots))
    # Ready-made ctypes instances need no conversion at call time; argtypes would only add checks.
    arguments: list[Any] = [ctypes.c_void_p(slot.address) for slot in slots]
    arguments += [ctypes.c_int64(size) for size in dims]
    return functools.partial(function, *arguments)


def _load_python(folder: str, symbol: str) -> Callable[..., object]:
    sys.path.insert(0, folder)  # helper modules lie beside solution.py
    importlib.invalidate_caches()
    function = getattr(importlib.import_module("solution"), symbol, None)
    if not callable(function):
        raise NoEntry(f"solution.py has no function {symbol!r}; define one with that name")
    return function  # type: ignore[no-any-return]


def _view(slot: Slot) -> Any:
    """A NumPy array on the buffer itself; an empty tensor needs none, its address means nothing."""
    import numpy as np

    count = math.prod(slot.shape)
    if not count:
        return np.empty(slot.shape, slot.dtype)
    memory: Any = (ctypes.c_char * (count * ITEM_BYTES[slot.dtype])).from_address(slot.address)
    array = np.ndarray(slot.shape, slot.dtype, buffer=memory)
    array.flags.writeable = slot.writable
    return array
