"""The doctor names every fault with its cure, and the worker heeds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bench_runner import calibration, doctor, fingerprint, worker
from bench_runner.sandbox import slots
from bench_runner.sandbox.backends import Backend


@pytest.mark.sandbox
@pytest.mark.slow
def test_a_good_machine_passes_every_test(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main() == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line[6:].split(":")[0] for line in lines if line.startswith("ok")]
    assert {"seccomp", "network", "numpy", "gcc", "g++", "memory limit", "process limit"} <= set(names)
    assert lines[-1] == "This machine may run strangers' code."


@pytest.mark.slow
def test_a_calibration_is_printed_and_kept_for_the_workers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("WORKER_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(calibration, "THOROUGH_SECONDS", 0.01)
    monkeypatch.setattr(calibration.os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    assert doctor.calibrate() == 0
    said = capsys.readouterr().out
    assert "scalar" in said
    assert "memory" in said
    assert f"Kept in {tmp_path}/calibration.json" in said
    kept = fingerprint.machine(tmp_path).calibration
    assert f"{kept.peaks[0].rate / 1e9:.1f} billion" in said


@pytest.mark.parametrize(
    ("break_it", "fault", "cure"),
    [
        (
            lambda patch: patch.setattr(slots, "find_backend", lambda: Backend("none", "no groups")),
            "sandbox",
            "root",
        ),
        (lambda patch: patch.setattr(doctor, "TOOLS", ("bwrap", "no-such-tool")), "tools", "apt-get install"),
    ],
    ids=["no groups", "no tool"],
)
@pytest.mark.sandbox
def test_a_fault_is_printed_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, break_it: Callable[[pytest.MonkeyPatch], None], fault: str, cure: str
) -> None:
    break_it(monkeypatch)
    findings = doctor.faults(doctor.quick())
    assert [finding.name for finding in findings] == [fault]
    assert cure in findings[0].cure


def test_a_worker_with_a_fault_takes_no_jobs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    for name, value in {"HUB_URL": "http://h", "REDIS_URL": "redis://r", "WORKER_TOKEN": "t"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WORKER_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(
        doctor, "quick", lambda card: [doctor.Finding("uid", False, "is 0", "start it as root")]
    )
    assert worker.main() == 1
    assert "takes no jobs" in (said := capsys.readouterr().err)
    assert "ERROR uid: is 0: start it as root" in said
