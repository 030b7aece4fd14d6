"""Which machine this is, and what it can do at best."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench_runner import calibration
from bench_runner.calibration import WORKING_SETS, Calibration, Level, calibrate
from bench_runner.errors import InfrastructureFault
from bench_runner.fingerprint import FLOOR_MARGIN, Machine, conditions, describe, hardware_class

LEVELS = tuple(
    Level(size, copy, read)
    for size, copy, read in zip(WORKING_SETS, (4e11, 1e11, 3e10, 2e10), (3e11, 2e11, 3e10, 1e10), strict=True)
)
MACHINE = Machine("cpu-x86", {}, Calibration("cpu", 1e11, LEVELS, 0.1))


@pytest.mark.parametrize(
    ("architecture", "flags", "expected"),
    [
        ("x86_64", {"avx2", "avx512f"}, "cpu-x86-avx512"),
        ("x86_64", {"avx2"}, "cpu-x86-avx2"),
        ("x86_64", {"sse4_2"}, "cpu-x86"),
        ("aarch64", set(), "cpu-arm64"),
        ("riscv64", set(), "cpu-riscv64"),
    ],
)
def test_the_hardware_class_is_earned_by_what_the_cpu_can_do(
    architecture: str, flags: set[str], expected: str
) -> None:
    assert hardware_class(architecture, flags) == expected


def test_the_roofline_is_the_slower_of_memory_and_arithmetic() -> None:
    assert MACHINE.roofline_seconds(200 << 20, 1) == (200 << 20) / 2e10
    assert MACHINE.roofline_seconds(1000, 1e9) == 1e9 / 1e11
    assert MACHINE.roofline_seconds(1000, 1e9, cpus=2) == 1e9 / 2e11


def test_the_floor_is_below_everything_that_an_honest_program_can_reach() -> None:
    for bytes_moved in (1000, 100_000, 4 << 20, 200 << 20, 10**10):
        floor = MACHINE.floor_seconds(bytes_moved, 0)
        assert floor > 0
        assert floor <= MACHINE.roofline_seconds(bytes_moved, 0) / FLOOR_MARGIN
    # One cache level nearer: a case of 4 MiB is held against the speed of the level below.
    assert MACHINE.floor_seconds(4 << 20, 0) == (4 << 20) / 2e11 / FLOOR_MARGIN


def test_the_machine_is_measured_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration.os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    first = calibrate("this cpu", tmp_path)
    assert first.flops > 1e8
    assert all(level.copy > 1e8 for level in first.levels)
    monkeypatch.setattr(calibration, "_run", None)  # would fail if it were called
    assert calibrate("this cpu", tmp_path) == first
    json.loads((tmp_path / "calibration.json").read_text())


def test_another_cpu_a_damaged_file_or_a_busy_machine_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure_as(flops: float, load: float) -> None:
        monkeypatch.setattr(
            calibration, "measure", lambda cpu: Calibration(cpu, flops, MACHINE.calibration.levels, load)
        )

    measure_as(1e9, load=2.0)
    assert calibrate("a", tmp_path).flops == 1e9
    measure_as(5e8, load=0.1)  # the machine was busy before: again, and the better of both is kept
    assert calibrate("a", tmp_path).flops == 1e9
    measure_as(7e9, load=0.1)
    assert calibrate("a", tmp_path).flops == 1e9
    assert calibrate("b", tmp_path).flops == 7e9
    (tmp_path / "calibration.json").write_text("{")
    measure_as(8e9, load=0.1)
    assert calibrate("b", tmp_path).flops == 8e9


def test_a_machine_without_a_compiler_is_told_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(InfrastructureFault, match=r"cannot be calibrated.*apt-get install gcc"):
        calibration.measure("cpu")


def test_the_environment_goes_into_json() -> None:
    words = json.loads(json.dumps({**describe(), **conditions()}))
    assert words["cores"] >= 1
    assert words["numpy"]
    assert words["load"] >= 0
