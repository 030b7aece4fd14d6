"""What this machine can do at most, measured in the run whose figures are compared with it.

Copying and updating in place are measured at the working set of the case they serve, read and written bytes
counted: an array that fits a cache is not held against the memory. By that count updating is up to twice as
quick, as what is written was fetched already. Where in memory arrays happen to lie can make a third, so the
best of several places counts. Arithmetic is measured once per kind: `f32` multiply-adds, and where the
processor has them `bf16` and `i8` in tiles (AMX), else pairs by AVX-512 BF16 and bytes by VNNI.
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

SECONDS, TRIES = 0.1, 5  # per measurement, at least; the best of the tries counts
PLACES = 3  # of arrays in memory
ROUNDS, CHAINS = 20_000, 12  # CHAINS as in ceilings.cpp
TILE_OPERATIONS = 4 * 2 * 16 * 16 * 64  # a round of ceilings.cpp, in bytes


@functools.cache
def _library(level: str) -> ctypes.CDLL:
    unit = cc.Unit(Path(__file__).with_name("ceilings.cpp"), isa.FLAGS[level])
    return cc.load(cc.library(f"ceilings-{level}", [unit]))


def copy_bandwidth(working_set: int, threads: int) -> float:
    """Bytes per second, read and written, of a copy whose two arrays together are about so large."""
    return _bandwidth("copy", _size(working_set), threads)


def update_bandwidth(working_set: int, threads: int) -> float:
    """Bytes per second, read and written, where arrays that together are about so large are updated."""
    return _bandwidth("update", 2 * _size(working_set), threads)


def _size(working_set: int) -> int:
    return max(4096, 1 << (working_set.bit_length() - 2))


@functools.cache
def _bandwidth(what: str, size: int, threads: int) -> float:
    run, best = _library(isa.chosen())[f"ceiling_{what}"], float("inf")
    for _ in range(PLACES):
        # Not of zeros: no page of them would be there yet.
        arrays = [np.ones(size, np.uint8) for _ in range(2 if what == "copy" else 1)]
        where = [ctypes.c_void_p(address(each)) for each in arrays]
        call = functools.partial(run, *where, ctypes.c_int64(size), threads)
        best = min(best, _best(call, max(1, (1 << 22) // size)))
    return 2 * size / best


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
    what, operations = "fma", 2 * library.ceiling_lanes()
    if kind == "i8" and level in ("vnni", "bf16"):
        what, operations = "vnni", 128
    elif kind == "bf16" and level == "bf16":
        what, operations = "bf16", 64
    run = library[f"ceiling_{what}"]
    spent = _best(lambda: run(ctypes.c_void_p(address(out)), rounds, threads), 1)
    return float(operations * CHAINS * ROUNDS * threads / spent)


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
