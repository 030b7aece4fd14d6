"""A real sandbox, and a machine that no honest kernel outruns, for the tests of the judge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench_runner.calibration import Calibration, Level, Peak
from bench_runner.fingerprint import Machine
from bench_runner.sandbox import Sandbox, SandboxUnavailable


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    try:
        opened = Sandbox.open(slot=4)
    except SandboxUnavailable as fault:
        pytest.skip(f"no sandbox on this machine: {fault}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def machine() -> Machine:
    levels = (Level("memory", 2**28, copy=1e12, read=1e12),)
    best = Calibration("test", (Peak("vector", "f32", 1e13),), levels, load=0.0)
    return Machine("cpu", {"cpu": "of a test"}, best)
