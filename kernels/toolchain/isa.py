"""Instruction-set levels: what a kernel may be compiled for, and which of them this processor runs.

A level includes those before it. `KERNELS_ISA=avx2` holds a process down to a lower one (to compare levels,
or to test them); asking for more than the processor has is refused.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
from pathlib import Path

from kernels.errors import BadArgument

VARIABLE = "KERNELS_ISA"
BASELINE = "baseline"
_V4 = ("-march=x86-64-v4", "-mprefer-vector-width=512")
_VNNI = (*_V4, "-mavx512vnni")
_BF16 = (*_VNNI, "-mavx512bf16")
FLAGS: dict[str, tuple[str, ...]] = {
    BASELINE: (),
    "avx2": ("-march=x86-64-v3",),
    "avx512": _V4,
    "vnni": _VNNI,
    "bf16": _BF16,
    "amx": (*_BF16, "-mamx-tile", "-mamx-int8", "-mamx-bf16"),
}
LEVELS = tuple(FLAGS)
SIMD = ("baseline", "avx2", "avx512")  # what most kernels are compiled for
# The flags of /proc/cpuinfo that each level adds.
_NEEDED = {
    "avx2": {"avx2", "fma", "bmi1", "bmi2", "f16c", "movbe"},
    "avx512": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
    "vnni": {"avx512_vnni"},
    "bf16": {"avx512_bf16"},
    "amx": {"amx_tile", "amx_int8", "amx_bf16"},
}
_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA = 158, 0x1023, 18


def available() -> tuple[str, ...]:
    """The levels this process may use, lowest first."""
    level, _ = _barrier()
    return LEVELS[: LEVELS.index(level)] if level else LEVELS


def missing() -> str:
    """Why the next level above those is not among them; empty if it is the highest."""
    level, reason = _barrier()
    return f"not {level}: {reason}" if level else ""


@functools.cache
def _barrier() -> tuple[str, str]:
    """The first level that cannot be used, and why."""
    has = _cpu_flags()
    for level in LEVELS[1:]:
        if lacking := _NEEDED[level] - has:
            return level, f"the processor lacks {', '.join(sorted(lacking))}"
        if level == "amx" and not _amx_permitted():
            return level, "the system refuses the tile registers"
    return "", ""


def chosen() -> str:
    """The level to use: the highest, unless `KERNELS_ISA` says another.

    Raises:
        BadArgument: `KERNELS_ISA` names no level, or one that this processor lacks.
    """
    wanted = os.environ.get(VARIABLE, "").strip()
    if wanted and wanted not in available():
        raise BadArgument(f"{VARIABLE} is {wanted!r}; this processor runs: {', '.join(available())}")
    return wanted or available()[-1]


def best_of(compiled_for: tuple[str, ...], level: str) -> str | None:
    """The highest of the levels a source is compiled for that `level` includes."""
    up_to = LEVELS[: LEVELS.index(level) + 1]
    return max((each for each in compiled_for if each in up_to), key=LEVELS.index, default=None)


def _cpu_flags() -> set[str]:
    if platform.machine() != "x86_64":
        return set()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.partition(":")[2].split())
    return set()


def _amx_permitted() -> bool:
    """Ask the system for the tile registers; without asking, the first tile instruction kills the process."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.syscall(_ARCH_PRCTL, _ARCH_REQ_XCOMP_PERM, _XFEATURE_XTILEDATA) == 0)
