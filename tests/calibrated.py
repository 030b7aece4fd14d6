"""A calibration that nobody measured: for tests of workers, where measuring takes longer than they do."""

from __future__ import annotations

from pathlib import Path

from bench_runner import calibration, fingerprint
from bench_runner.calibration import Calibration, Level, Peak

RATE = 1e14  # bytes and operations a second: nothing is faster than possible


def take_for_very_fast(folder: Path) -> None:
    """Let the worker whose data is in `folder` believe that it has measured this machine."""
    levels = (*calibration.caches(), ("memory", calibration.LEAST_MEMORY))
    made_up = Calibration(
        cpu=str(fingerprint.describe()["cpu"]),
        peaks=tuple(Peak("scalar", kind, RATE) for kind in ("f32", "f64")),
        levels=tuple(Level(name, capacity, copy=RATE, read=RATE) for name, capacity in levels),
        load=0.0,
    )
    calibration.keep(made_up, calibration.store_of(folder))
