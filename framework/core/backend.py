"""The one switch between NumPy and CuPy: `xp` is the array library that implementations compute with."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from framework.errors import FrameworkError

xp: ModuleType = np
LARGE = 1 << 14  # elements from which a call of `kernels` (1.4 µs, and compiling when first used) is worth it
Array = Any  # numpy.ndarray or cupy.ndarray: one type would need CuPy's


def set_device(target: str) -> None:
    """Choose where new tensors live and operators run: `"cpu"` (NumPy) or `"gpu"` (CuPy, the current device).

    Raises FrameworkError for another name, or where CuPy is not installed.
    """
    global xp
    xp = _module(target)


def _module(device: str) -> Any:
    if device not in ("cpu", "gpu"):
        raise FrameworkError(f"device {device!r} is unknown; give 'cpu' or 'gpu'")
    try:
        return importlib.import_module("numpy" if device == "cpu" else "cupy")
    except ImportError as fault:
        raise FrameworkError("device 'gpu' needs CuPy: pip install 'touchstone-hub[gpu]'") from fault


def get_device() -> str:
    """`"cpu"` or `"gpu"`."""
    return "cpu" if xp is np else "gpu"


def to_numpy(array: Array) -> np.ndarray:
    """The array as NumPy's, copied from the device where it is not."""
    return (
        array
        if isinstance(array, np.ndarray)
        else np.asarray(array.get() if hasattr(array, "get") else array)
    )


def add_at(out: Array, where: Any, values: Array) -> None:
    """out[where] += values, each time where an index stands more than once."""
    if isinstance(out, np.ndarray):
        np.add.at(out, where, values)
    else:
        importlib.import_module("cupyx").scatter_add(out, where, values)


def kernel(name: str, x: Array) -> Callable[..., Any] | None:
    """The function of `kernels` of that name, if it serves arrays like x and is worth calling."""
    if (
        x.size < LARGE
        or x.dtype.name not in ("float32", "float16", "bfloat16")
        or not isinstance(x, np.ndarray)
    ):
        return None
    found: Callable[..., Any] = getattr(importlib.import_module("kernels"), name)
    return found


def place(array: Array, device: str) -> Array:
    """The array on a device: `"cpu"` or `"gpu"`; FrameworkError for another."""
    return to_numpy(array) if device == "cpu" else _module(device).asarray(array)


def shares(a: Array, b: Any) -> bool:
    """Do two arrays share memory?"""
    return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and np.shares_memory(a, b)


def to_backend(array: Array) -> Array:
    """The array as one of the current device's."""
    if xp is np:
        return to_numpy(array)
    return xp.asarray(array)
