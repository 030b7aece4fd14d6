"""A real sandbox, and a machine that no honest kernel outruns, for the tests of the judge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench_runner.calibration import WORKING_SETS, Calibration, Level
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
    levels = tuple(Level(size, copy=1e12, read=1e12) for size in WORKING_SETS)
    return Machine("cpu", {"cpu": "of a test"}, Calibration("test", flops=1e13, levels=levels, load=0.0))
