"""Which machine this is, and what it can do at best."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench_runner import calibration
from bench_runner.calibration import SETS, Calibration, Level, Peak, caches, calibrate
from bench_runner.errors import InfrastructureFault
from bench_runner.fingerprint import FLOOR_MARGIN, Machine, conditions, describe, hardware_class

KIB, MIB = 2**10, 2**20
LEVELS = (
    Level("L1", 32 * KIB, 4e11, 3e11),
    Level("L2", 2 * MIB, 1e11, 2e11),
    Level("L3", 32 * MIB, 3e10, 3e10),
    Level("memory", 256 * MIB, 1.2e10, 1e10),
)
PEAKS = (
    Peak("scalar", "f32", 1e10),
    Peak("scalar", "f64", 1e10),
    Peak("avx2", "f32", 1e11),
    Peak("avx2", "f64", 5e10),
    Peak("amx-bf16", "bf16", 2e12),
)
MACHINE = Machine("cpu-x86", {}, Calibration("cpu", PEAKS, LEVELS, 0.1))


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
    assert MACHINE.roofline_seconds(16 * KIB, 1) == 16 * KIB / 4e11
    assert MACHINE.roofline_seconds(1000, 1e9) == 1e9 / 1e11
    assert MACHINE.roofline_seconds(1000, 1e9, dtype="float64") == 1e9 / 5e10
    assert MACHINE.roofline_seconds(1000, 1e9, cpus=2) == 1e9 / 2e11


def test_more_bytes_than_a_cache_holds_take_the_next_one_s_time_for_the_rest() -> None:
    whole = MACHINE.roofline_seconds(200 * MIB, 1)
    caches = 32 * KIB / 4e11 + 2 * MIB / 2e11 + 32 * MIB / 3e10
    rest = 200 * MIB - 34 * MIB - 32 * KIB
    assert whole == pytest.approx(caches + rest / 1.2e10)
    times = [MACHINE.roofline_seconds(size, 0) for size in range(1, 300 * MIB, 99_991)]
    assert times == sorted(times)  # no cliff that a case of the right size could fall off


def streaming(machine: Machine, moved: int) -> float:
    """What the machine's own copy needs for so many bytes: the quickest level that holds all of them."""
    level = next((lv for lv in machine.calibration.levels if moved <= lv.capacity), LEVELS[-1])
    return moved / level.copy


@pytest.mark.parametrize("moved", [1000, 32 * KIB, 100_000, 2 * MIB, 5 * MIB, 32 * MIB, 200 * MIB, 10**10])
def test_the_machine_s_own_copy_is_above_the_floor_and_within_the_roofline(moved: int) -> None:
    took = streaming(MACHINE, moved)
    assert MACHINE.floor_seconds(moved, 0) < took / FLOOR_MARGIN * 1.0001
    assert MACHINE.roofline_seconds(moved, 0) <= 1.05 * took


@pytest.mark.parametrize(("dtype", "rate"), [("float32", 1e11), ("float64", 5e10)])
def test_the_machine_s_own_multiply_add_is_above_the_floor_and_within_the_roofline(
    dtype: str, rate: float
) -> None:
    took = 1e9 / rate
    assert MACHINE.floor_seconds(0, 1e9) < took / FLOOR_MARGIN
    assert MACHINE.roofline_seconds(0, 1e9, dtype=dtype) <= 1.05 * took


def test_products_put_together_from_narrow_numbers_stay_above_the_floor() -> None:
    three_products_of_bf16 = 3 * 1e9 / 2e12  # a float32 product: many times quicker than any in float32
    assert three_products_of_bf16 < MACHINE.roofline_seconds(0, 1e9)
    assert MACHINE.floor_seconds(0, 1e9) < three_products_of_bf16


def test_a_machine_that_was_busy_while_measured_holds_nobody_for_impossible() -> None:
    halved = Calibration(
        "cpu",
        tuple(Peak(p.set, p.kind, p.rate / 2) for p in PEAKS),
        tuple(Level(lv.name, lv.capacity, lv.copy / 2, lv.read / 2) for lv in LEVELS),
        load=2.0,
    )
    busy = Machine("cpu-x86", {}, halved)
    for moved in (1000, 100_000, 5 * MIB, 200 * MIB):
        assert busy.floor_seconds(moved, 1e6) <= MACHINE.floor_seconds(moved, 1e6)


@pytest.mark.slow
def test_the_machine_is_measured_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration.os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    flags = set(calibration_flags())
    first = calibrate("this cpu", flags, tmp_path)
    assert {peak.set for peak in first.peaks} >= {"scalar", "vector"}
    assert {peak.set for peak in first.peaks} <= {name for name in SETS if set(SETS[name]) <= flags}
    assert all(peak.rate > 1e8 for peak in first.peaks)
    assert first.peak("float32") >= max(peak.rate for peak in first.peaks if peak.kind == "f32")
    assert [level.name for level in first.levels] == [*(name for name, _ in caches()), "memory"]
    assert all(level.copy > 1e8 and level.read > 1e8 for level in first.levels)
    monkeypatch.setattr(calibration, "_program", None)  # would fail if it were called
    assert calibrate("this cpu", flags, tmp_path) == first
    json.loads((tmp_path / "calibration.json").read_text())


def calibration_flags() -> list[str]:
    line = next(ln for ln in Path("/proc/cpuinfo").read_text().splitlines() if ln.startswith("flags"))
    return line.split()[2:]


@pytest.mark.slow
def test_only_sets_that_the_cpu_has_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def run(program: str, what: str, *arguments: str) -> list[list[str]]:
        if what == "ops":
            asked.append(arguments[0])
            return [["f32", "1"], ["f64", "1"]]
        return [[size, "1", "1"] for size in arguments[2:]]

    monkeypatch.setattr(calibration, "_run", run)
    calibration.measure("cpu", {"avx2", "fma", "avx512_vnni"}, 0.001)
    assert asked == ["scalar", "vector", "avx2"]


def test_a_set_that_the_compiler_or_the_hypervisor_lacks_is_left_out(tmp_path: Path) -> None:
    for ending in ("exit 3", "kill -ILL $$"):
        program = tmp_path / "calibrate"
        program.write_text(f"#!/bin/sh\n{ending}\n")
        program.chmod(0o755)
        assert calibration._run(str(program), "ops", "amx-bf16", "0.01") == []
    program.write_text("#!/bin/sh\necho no memory >&2; exit 1\n")
    with pytest.raises(InfrastructureFault, match=r"calibrate ended with 1: no memory"):
        calibration._run(str(program), "ops", "scalar", "0.01")


def test_the_caches_are_those_that_the_machine_shows(tmp_path: Path) -> None:
    shown = [("1", "Data", "48K"), ("1", "Instruction", "32K"), ("2", "Unified", "2048K")]
    for number, words in enumerate(shown):
        folder = tmp_path / f"index{number}"
        folder.mkdir()
        for name, word in zip(("level", "type", "size"), words, strict=True):
            (folder / name).write_text(word + "\n")
    assert caches(tmp_path) == (("L1", 48 * KIB), ("L2", 2 * MIB))
    assert [name for name, _ in caches(tmp_path / "nothing")] == ["L1", "L2", "L3"]


def test_another_cpu_other_caches_a_damaged_file_or_a_busy_machine_is_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "caches", lambda: tuple((lv.name, lv.capacity) for lv in LEVELS[:-1]))

    def measure_as(rate: float, load: float) -> None:
        fresh = (Peak("scalar", "f32", rate),)
        monkeypatch.setattr(calibration, "measure", lambda cpu, *_: Calibration(cpu, fresh, LEVELS, load))

    def kept(cpu: str, *, thorough: bool = False) -> float:
        return calibrate(cpu, set(), tmp_path, thorough=thorough).peak("float32")

    measure_as(1e9, load=2.0)
    assert kept("a") == 1e9
    measure_as(5e8, load=0.1)  # the machine was busy before: again, and the better of both is kept
    assert kept("a") == 1e9
    measure_as(7e9, load=0.1)
    assert kept("a") == 1e9
    assert kept("a", thorough=True) == 7e9  # asked for: measured again, and no figure goes down
    measure_as(6e9, load=0.1)
    assert kept("a", thorough=True) == 7e9
    assert kept("b") == 6e9
    (tmp_path / "calibration.json").write_text("{")
    measure_as(8e9, load=0.1)
    assert kept("b") == 8e9
    monkeypatch.setattr(calibration, "caches", lambda: (("L1", 1),))
    measure_as(9e9, load=0.1)
    assert kept("b") == 9e9


def test_a_machine_without_a_compiler_is_told_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(InfrastructureFault, match=r"cannot be calibrated.*apt-get install gcc"):
        calibration.measure("cpu", set(), 0.01)


def test_the_environment_goes_into_json() -> None:
    words = json.loads(json.dumps({**describe(), **conditions()}))
    assert words["cores"] >= 1
    assert words["numpy"]
    assert words["load"] >= 0
