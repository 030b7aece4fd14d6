"""From C text to a function that takes arrays: NumPy's own BLAS, the compiler and its cache, the call.

Compiling, caching and loading is `kernels.toolchain.cc`'s: a library is named by its source, flags and
compiler, and flags name the instruction set, so code never meets a processor it was not made for.
"""

from __future__ import annotations

import _ctypes
import ctypes
import functools
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np

from kernels import arrays, threads
from kernels.errors import BuildFailed
from kernels.toolchain import cc, isa

RUNTIME = Path(__file__).with_name("runtime.h")
HALF = Path(__file__).with_name("half.h")  # for C and CUDA alike
# Names of CBLAS with 64-bit sizes in the libraries that NumPy's wheels bring.
_SGEMM = ("scipy_cblas_sgemm64_", "cblas_sgemm64_", "cblas_sgemm")
_SET_THREADS = ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_")
_CORE = "scipy_openblas_get_corename64_"
Host = Callable[[int, Any], int]
HOST = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
# Called with Python's lock, which it lets go itself: what a signal raises meanwhile is raised by the call.
RUN = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p)
_PYTHON = {
    "leave": "PyEval_SaveThread",
    "enter": "PyEval_RestoreThread",
    "hold": "PyGILState_Ensure",
    "release": "PyGILState_Release",
    "signals": "PyErr_CheckSignals",
}


class Blas(ctypes.Structure):
    """How many threads a product takes; `struct blas` of runtime.h. One for all programs of the process."""

    _fields_ = (
        ("set_threads", ctypes.c_void_p),
        ("get_threads", ctypes.c_void_p),
        ("lock", ctypes.c_int),
        ("users", ctypes.c_int),
        ("before", ctypes.c_int),
    )


class Env(ctypes.Structure):
    """What generated code reaches the outside by; `struct env` of runtime.h."""

    _fields_ = (
        ("sgemm", ctypes.c_void_p),
        ("dgemm", ctypes.c_void_p),
        ("blas", ctypes.POINTER(Blas)),
        ("unpacked", ctypes.c_int),
        ("ndarray", ctypes.c_void_p),
        ("threads", ctypes.c_void_p),
        ("host", ctypes.c_void_p),
        ("clock", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in _PYTHON),
    )


@functools.cache
def blas() -> tuple[int, int] | None:
    """The addresses of sgemm and dgemm with 64-bit sizes in NumPy's OpenBLAS; None where there is none."""
    for library in _libraries():
        for name in _SGEMM:
            if hasattr(library, name) and hasattr(library, name.replace("sgemm", "dgemm")):
                return _address(library, name), _address(library, name.replace("sgemm", "dgemm"))
    return None


@functools.cache
def blas_threads() -> Blas | None:
    """Where the number of its threads is set; None where it cannot be."""
    for library in _libraries():
        for name in _SET_THREADS:
            if hasattr(library, name) and hasattr(library, name.replace("set", "get")):
                return Blas(_address(library, name), _address(library, name.replace("set", "get")))
    return None


@functools.cache
def multiplies_unpacked() -> bool:
    """Does it multiply small matrices without packing them? Its kernels for AVX-512 do."""
    for library in _libraries():
        if name := getattr(library, _CORE, None):
            name.restype = ctypes.c_char_p
            return name() in (b"SkylakeX", b"Cooperlake", b"SapphireRapids")
    return False


def _libraries() -> Iterator[ctypes.CDLL]:
    folder = Path(np.__file__).parent.with_name("numpy.libs")
    return (ctypes.CDLL(str(path)) for path in sorted(folder.glob("*openblas64*")))


def _address(library: ctypes.CDLL, name: str) -> int:
    return ctypes.cast(library[name], ctypes.c_void_p).value or 0


def missing() -> str:
    """Why code cannot be compiled here; empty if it can."""
    if not cc.available():
        return f"there is no C compiler ({cc.CURE})"
    if not arrays.FIELDS_ARE_THERE:
        return "this interpreter lays arrays out in another way than NumPy's interface says"
    return ""


def flags() -> tuple[str, ...]:
    """The compiler's flags for the best instruction set here that has vectors of floats."""
    # -O3 takes half as long again, and what it does beyond making vectors has shown in no step's time.
    return (*isa.FLAGS[isa.best_of(isa.SIMD, isa.chosen()) or isa.BASELINE], "-O2", "-ftree-vectorize")


def build(source: str) -> tuple[Any, Callable[[], None]]:
    """The function `run` of a C source, compiled unless it is in the cache, and what unloads it.

    Raises:
        BuildFailed: it does not compile, or there is no compiler.
    """
    threads.in_use()
    name = "jit-" + hashlib.sha256(source.encode()).hexdigest()[:20]
    file = cc.cache() / f"{name}.c"
    if not file.is_file() or file.read_text() != source:
        private = file.with_suffix(f".{os.getpid()}.{get_ident()}")
        private.write_text(source)
        private.replace(file)  # nobody sees half of it
    library = _loaded(name, cc.Unit(file, flags()))
    return RUN(("run", library)), functools.partial(_ctypes.dlclose, library._handle)


def _loaded(name: str, unit: cc.Unit) -> ctypes.CDLL:
    """The library of a unit, built again where what the cache has of it is damaged."""
    try:
        return cc.load(cc.library(name, [unit]))
    except OSError:
        for damaged in cc.cache().glob(f"{name}-*"):
            damaged.unlink(missing_ok=True)
        return cc.load(cc.library(name, [unit]))


def environment(host: Any) -> Env:
    """The outside of one program; `host` is called for what has no C."""
    found = blas() or (None, None)
    shared = blas_threads()
    return Env(
        sgemm=found[0],
        dgemm=found[1],
        blas=ctypes.pointer(shared) if shared else None,
        unpacked=multiplies_unpacked(),
        ndarray=id(np.ndarray),
        threads=threads.ADDRESS,
        host=ctypes.cast(host, ctypes.c_void_p),
        **{name: _address(ctypes.pythonapi, function) for name, function in _PYTHON.items()},
    )


__all__ = ["HOST", "BuildFailed", "Env", "blas", "build", "environment", "missing"]
