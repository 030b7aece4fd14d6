"""A real sandbox for all cases, and a machine whose limits no honest kernel reaches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench_runner import guests
from bench_runner.calibration import WORKING_SETS, Calibration, Level
from bench_runner.fingerprint import Machine
from bench_runner.sandbox import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    opened = Sandbox.open(slot=8)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def machine() -> Machine:
    levels = tuple(Level(size, copy=1e12, read=1e12) for size in WORKING_SETS)
    return Machine("cpu", {}, Calibration("test", flops=1e13, levels=levels, load=0.0))


@pytest.fixture(autouse=True)
def _little_time_to_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "LOAD_SECONDS", 3.0)
