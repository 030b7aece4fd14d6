"""Judge the judge: labelled submissions, honest, wrong and cheating, through the real director and sandbox.

A folder of `cases/` is a submission with `expect.toml`: `about`, `job` (check or rank), `outcome`, and
optionally `reason`, `may_be_faster` (false: whatever it tries, it must not count as faster), `time_seconds`
(else the task's), `log_lacks`, `slow`. The letter of a folder's name is the kind of trick: C clock, R replay,
W wrong but passes, P Python, O operating system; E is about entry files.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench_runner import director
from bench_runner.contract import JobKind, JobSpec, Result, Speed
from bench_runner.fingerprint import Machine
from bench_runner.sandbox import Sandbox
from bench_runner.sandbox.slots import FIRST_UID, UIDS_A_SLOT
from bench_runner.workspace import Revision
from tasks.spec import Task, load_folder, read_folder

HERE = Path(__file__).parent
TASK = HERE / "task" / "mirror-add"
CASES = sorted(path.parent for path in (HERE / "cases").glob("*/expect.toml"))

pytestmark = pytest.mark.sandbox


def _parameter(folder: Path) -> Any:
    expected = tomllib.loads((folder / "expect.toml").read_text())
    marks = [pytest.mark.slow] if expected.get("slow") or expected["job"] == "rank" else []
    return pytest.param(folder, expected, id=folder.name, marks=marks)


def _task(expected: dict[str, Any]) -> Task:
    task = load_folder(TASK)
    seconds = expected.get("time_seconds", task.limits.time_seconds)
    return replace(task, limits=replace(task.limits, time_seconds=seconds))


def _judge(folder: Path, expected: dict[str, Any], sandbox: Sandbox, machine: Machine) -> Result:
    task = _task(expected)
    files = {name: content for name, content in read_folder(folder).items() if name != "expect.toml"}
    spec = JobSpec(
        "job", "attempt", "token", JobKind(expected["job"]), task.slug, task.digest, "cpu", files, 600.0
    )
    return director.judge(spec, Revision(task, TASK), sandbox, machine, lambda event: None, lambda: False)


@pytest.mark.parametrize(("folder", "expected"), [_parameter(folder) for folder in CASES])
def test_a_labelled_submission_gets_the_verdict_of_its_label(
    folder: Path, expected: dict[str, Any], sandbox: Sandbox, machine: Machine
):
    result = _judge(folder, expected, sandbox, machine)

    assert result.outcome.value == expected["outcome"], (result.reason, result.reason_args, result.log)
    assert result.reason == expected.get("reason", result.reason)
    if expected.get("may_be_faster") is False:
        assert result.summary is not None
        assert result.summary.speed is not Speed.FASTER
    assert "log_lacks" not in expected or expected["log_lacks"] not in result.log
    assert len(result.log) <= 16 * 1024 + 100
    assert not _left_behind(sandbox.slot), "something of the guest outlived its verdict"


WANTED = """
    C1 C3 C4 C8 C15 R1 R3 R6 R7 R8 R9 R15 W1 W2 W3 W4 W5 W6 W7 W10 W11 P1 P3 P6 P7 P8 P12
    O3 O4 O5 O10 O11 O13 O14 O15
"""


def test_the_rows_of_the_list_of_cheats_that_are_claimed_are_covered():
    rows = {folder.name.split("-")[0] for folder in CASES}
    assert {*WANTED.split()} <= rows


def _left_behind(slot: int) -> list[str]:
    """Processes of the slot's guests that still live; a dead one that init has not reaped yet does not."""
    first = FIRST_UID + slot * UIDS_A_SLOT
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            state = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z" and first <= os.stat(f"/proc/{name}").st_uid < first + UIDS_A_SLOT:
                found.append(name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
