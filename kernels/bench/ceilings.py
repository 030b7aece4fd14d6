"""What this machine can do at most, measured in the run whose figures are compared with it.

Copying is measured at the working set of the case it serves, read and written bytes counted: an array that
fits a cache is not held against the memory. Arithmetic is measured once per kind: `f32` multiply-adds, and
where the processor has them `bf16` and `i8` in tiles (AMX), else bytes by VNNI.
"""

from __future__ import annotations

import ctypes
import functools
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kernels.arrays import address
from kernels.toolchain import cc, isa

SECONDS, TRIES = 0.15, 5  # per measurement, at least; the best of the tries counts
ROUNDS = 20_000
TILE_OPERATIONS = 4 * 2 * 16 * 16 * 64  # a round of ceilings.c, in bytes


@functools.cache
def _library(level: str) -> ctypes.CDLL:
    unit = cc.Unit(Path(__file__).with_name("ceilings.c"), isa.FLAGS[level])
    return cc.load(cc.library(f"ceilings-{level}", [unit]))


@functools.cache
def copy_bandwidth(working_set: int, threads: int) -> float:
    """Bytes per second, read and written, of a copy whose two arrays together are about so large."""
    size = max(4096, 1 << (working_set.bit_length() - 2))
    source, target = np.ones(size, np.uint8), np.ones(size, np.uint8)  # of zeros, no page would be there yet
    run = _library(isa.chosen()).ceiling_copy
    run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int]
    repeats = max(1, (1 << 22) // size)
    return 2 * size / _best(lambda: run(address(source), address(target), size, threads), repeats)


@functools.cache
def operations(kind: str, threads: int) -> float:
    """Operations per second (a multiply-add is two) on `f32`, `bf16` or `i8`."""
    level = isa.chosen()
    library = _library(level)
    out = np.zeros(threads, np.float32)
    rounds = ctypes.c_int64(ROUNDS)
    if kind in ("bf16", "i8") and level == "amx":
        narrow = kind == "i8"
        spent = _best(lambda: library.ceiling_amx(rounds, ctypes.c_int64(not narrow), threads), 1)
        return TILE_OPERATIONS / (1 if narrow else 2) * ROUNDS * threads / spent
    if kind == "i8" and level == "vnni":
        spent = _best(lambda: library.ceiling_vnni(ctypes.c_void_p(address(out)), rounds, threads), 1)
        return 128 * 12 * ROUNDS * threads / spent
    spent = _best(lambda: library.ceiling_fma(ctypes.c_void_p(address(out)), rounds, threads), 1)
    return float(2 * library.ceiling_lanes() * 12 * ROUNDS * threads / spent)


def _best(run: Callable[[], object], repeats: int) -> float:
    """Seconds of one call: a ceiling is the best that was seen, not the usual."""
    best, tries, until = float("inf"), 0, time.perf_counter() + SECONDS
    while tries < TRIES or time.perf_counter() < until:
        tries += 1
        start = time.perf_counter()
        for _ in range(repeats):
            run()
        best = min(best, (time.perf_counter() - start) / repeats)
    return best
