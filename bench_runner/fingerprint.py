"""Which machine this is: the hardware class it earns, the environment of every number, its best speeds.

Not in charge of measuring the speeds (`calibration.py`) nor of whether strangers' code may run (`doctor.py`).
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_runner.calibration import Calibration, calibrate
from bench_runner.devices.card import Card

# A result is suspicious only beyond every doubt: the best that one core has shown, times this. A core may run
# at twice the clock that it had while it was calibrated, …
FLOOR_MARGIN = 2.0
BUSY_MARGIN = 2.0  # … and may have shown half of its best if others used the machine then


@dataclass(frozen=True)
class Machine:
    """What the judge knows of the machine it runs on."""

    hardware_class: str
    environment: dict[str, Any]  # goes with every result
    calibration: Calibration
    card: Card | None = None  # the one that it judges on: its class, environment and calibration, then

    def roofline_seconds(
        self, bytes_moved: float, flops: float, cpus: int = 1, dtype: str = "float32"
    ) -> float:
        """The least time for this work with the bytes where they fit: 100 % of the roofline.

        Several CPUs count as so many times one, which memory never gives: the share is low.
        """
        arithmetic = flops / self.calibration.peak(dtype)
        return max(self.calibration.seconds(bytes_moved), arithmetic) / cpus

    def floor_seconds(self, bytes_moved: float, flops: float, cpus: int = 1) -> float:
        """Below this the work cannot have been done: one cache level nearer, twice the best speed seen, and
        arithmetic with the narrowest numbers that the machine has."""
        arithmetic = flops / self.calibration.highest_peak
        best = max(self.calibration.optimistic_seconds(bytes_moved), arithmetic)
        margin = FLOOR_MARGIN * (BUSY_MARGIN if self.calibration.busy else 1.0)
        return best / (cpus * margin)

    def fingerprint(self) -> dict[str, Any]:
        """What the hub stores about a worker."""
        levels = self.calibration.levels
        return {
            **self.environment,
            "flops": self.calibration.peak("float32"),
            "bandwidth": levels[-1].copy,
            "cache_bandwidth": levels[0].copy,
        }


def machine(folder: Path, card: Card | None = None, *, thorough: bool = False) -> Machine:
    """This machine, or its card; `folder` keeps the calibration. `thorough`: measure it again, for longer."""
    environment = describe()
    if card is not None:
        from bench_runner.devices.calibration import calibrate_card  # NumPy: only for a worker on a card

        best = calibrate_card(card, folder, thorough=thorough)
        return Machine(card.hardware_class, {**environment, **card.describe()}, best, card)
    found = calibrate(environment["cpu"], _cpu_flags(), folder, thorough=thorough)
    return Machine(hardware_class(), environment, found)


def hardware_class(architecture: str | None = None, flags: set[str] | None = None) -> str:
    """The label under which results are comparable enough to share a board."""
    architecture = architecture or platform.machine()
    if architecture in ("x86_64", "AMD64", "i686"):
        flags = _cpu_flags() if flags is None else flags
        if "avx512f" in flags:
            return "cpu-x86-avx512"
        return "cpu-x86-avx2" if "avx2" in flags else "cpu-x86"
    return "cpu-arm64" if architecture in ("aarch64", "arm64") else f"cpu-{architecture}"


@functools.cache
def describe() -> dict[str, Any]:
    """What does not change while the worker runs."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": f"{platform.system()} {platform.release()}",
        "governor": _word("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "max_mhz": _megahertz("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"),
        "virtual": "hypervisor" in _cpu_flags(),
        "gcc": _gcc_version(),
        "python": platform.python_version(),
        "numpy": _numpy_version(),
    }


def conditions() -> dict[str, Any]:
    """What else the machine was doing at this moment; taken with each result."""
    return {
        "load": round(os.getloadavg()[0], 2),
        "steal_seconds": _steal_seconds(),
        "mhz": _megahertz("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"),
    }


def _steal_seconds() -> float:
    """CPU time that the host gave to others since boot; the difference of two readings counts."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK") if len(fields) > 8 else 0.0


@functools.cache
def _cpuinfo() -> dict[str, str]:
    first = Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _cpu_model() -> str:
    return _cpuinfo().get("model name") or platform.processor() or platform.machine()


def _cpu_flags() -> set[str]:
    return set(_cpuinfo().get("flags", "").split())


def _word(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:  # virtual machines show no clock
        return None


def _megahertz(path: str) -> int | None:
    word = _word(path)
    return int(word) // 1000 if word else None


def _gcc_version() -> str | None:
    try:
        answer = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode().strip()


def _numpy_version() -> str | None:
    try:
        return importlib.metadata.version("numpy")
    except importlib.metadata.PackageNotFoundError:
        return None
