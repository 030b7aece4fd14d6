"""Labelled submissions: read one, judge it with the real director and sandbox, say what is not as labelled.

Not in charge of which tricks there are (`README.md`), nor of running many (`__main__.py`, `test_judge.py`).

A folder of `cases/` is a submission with `expect.toml`. Its name begins with `honest-`, with `wrong-`, or
with the row of the list of tricks that it tries. Keys of `expect.toml`:

    about          one line: what it does
    outcome        the verdict's outcome
    reason         the verdict's reason; several where chance decides which
    job            "check" (if it says nothing) or "rank"
    task           a folder of `task/`; "mirror-add" if it says nothing
    may_be_faster  rank only; false: whatever it tries, it must not count as faster
    time_seconds   rank only: for the whole timing, else the task's
    log_lacks      text that the verdict's log must not show
    files          more files, by name, for names that no folder should hold
    slow           left out of the quick test run
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

from bench_runner import director, guests
from bench_runner.calibration import Calibration, Level, Peak
from bench_runner.contract import JobKind, JobSpec, Outcome, Result, Speed
from bench_runner.errors import InfrastructureFault
from bench_runner.fingerprint import Machine
from bench_runner.messages import REASONS
from bench_runner.sandbox import Sandbox
from bench_runner.sandbox.slots import FIRST_UID, UIDS_A_SLOT
from bench_runner.workspace import Revision
from tasks.spec import Task, load_folder, read_folder

HERE = Path(__file__).parent
CASES = HERE / "cases"
ROW = re.compile(r"([A-Z][0-9]+)-")
LOAD_SECONDS = 2.0  # instead of the judge's own 20: some of the cases never finish loading
ATTEMPTS = 3  # of the hub, until it gives a job up
LOG_ROOM = 100  # characters: "(cut)" and the like


@dataclass(frozen=True)
class Label:
    """A submission and the verdict it must get."""

    folder: Path
    about: str
    outcome: Outcome
    reasons: tuple[str, ...]
    job: JobKind = JobKind.CHECK
    task: str = "mirror-add"
    may_be_faster: bool = True
    time_seconds: float = 0.0
    log_lacks: str = ""
    slow: bool = False
    files: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def row(self) -> str:
        """The row of the list of tricks; empty for honest and wrong ones."""
        found = ROW.match(self.name)
        return found[1] if found else ""

    @property
    def kind(self) -> str:
        return "cheat" if self.row else self.name.split("-")[0]


def read(folder: Path) -> Label:
    """The label of one folder.

    Raises:
        ValueError: a key is missing, unknown or wrong.
    """
    keys: dict[str, Any] = tomllib.loads((folder / "expect.toml").read_text(encoding="utf-8"))
    reasons = keys.pop("reason", ())
    keys["reasons"] = (reasons,) if isinstance(reasons, str) else tuple(reasons)
    keys["outcome"], keys["job"] = Outcome(keys.get("outcome")), JobKind(keys.get("job", "check"))
    try:
        label = Label(folder, **keys)
    except TypeError as problem:
        raise ValueError(f"{folder.name}/expect.toml: {problem}; labelled.py lists the keys") from problem
    for reason in label.reasons:
        if reason not in REASONS or REASONS[reason].outcome is not label.outcome:
            raise ValueError(f"{folder.name}/expect.toml: {label.outcome.value} has no reason {reason!r}")
    if not label.reasons or label.kind not in ("honest", "wrong", "cheat"):
        raise ValueError(f"{folder.name}: without a reason, or named neither honest-, wrong- nor by a row")
    return label


def everything() -> list[Label]:
    return [read(path.parent) for path in sorted(CASES.glob("*/expect.toml"))]


def judge(label: Label, sandbox: Sandbox) -> Result:
    """The verdict of the real judge, with less patience for loading.

    A timing that our machine spoiled is repeated, as the hub repeats it.

    Raises:
        InfrastructureFault: the judge itself failed.
    """
    spoiled = 0 if label.job is JobKind.RANK else ATTEMPTS - 1
    while True:
        try:
            return _judge_once(label, sandbox)
        except InfrastructureFault:
            spoiled += 1
            if spoiled == ATTEMPTS:
                raise


def faults(label: Label, result: Result, sandbox: Sandbox) -> list[str]:
    """What is not as labelled, a sentence each; empty: the judge was right."""
    found = []
    got = f"{result.outcome.value} ({result.reason} {result.reason_args})"
    if result.outcome is not label.outcome:
        found.append(f"expected {label.outcome.value}, got {got}: {result.log[-500:]}")
    elif result.reason not in label.reasons:
        found.append(f"expected reason {' or '.join(label.reasons)}, got {got}")
    if not label.may_be_faster and result.summary is not None and result.summary.speed is Speed.FASTER:
        found.append(f"its trick made it {result.summary.ratio:.3f} times as fast")
    if label.log_lacks and label.log_lacks in result.log:
        found.append(f"the log shows {label.log_lacks!r}")
    if len(result.log) > load_folder(HERE / "task" / label.task).limits.log_kb * 1024 + LOG_ROOM:
        found.append(f"the log has {len(result.log)} characters")
    if left := _left_behind(sandbox.slot):
        found.append(f"outlived its verdict: processes {', '.join(left)}")
    return found


def _judge_once(label: Label, sandbox: Sandbox) -> Result:
    folder = HERE / "task" / label.task
    task = _task(label, folder)
    files = {name: content for name, content in read_folder(label.folder).items() if name != "expect.toml"}
    files |= {name: text.encode() for name, text in label.files.items()}
    spec = JobSpec("job", "attempt", "token", label.job, task.slug, task.digest, "cpu", files, 600.0)
    with mock.patch.object(guests, "LOAD_SECONDS", LOAD_SECONDS):
        return director.judge(
            spec, Revision(task, folder), sandbox, _machine(), lambda event: None, lambda: False
        )


def _task(label: Label, folder: Path) -> Task:
    task = load_folder(folder)
    seconds = label.time_seconds or task.limits.time_seconds
    return replace(task, limits=replace(task.limits, time_seconds=seconds))


def _machine() -> Machine:
    """A machine whose limits no honest kernel reaches."""
    peaks = (Peak("vector", "f32", 1e13), Peak("vector", "f64", 1e13))
    levels = (Level("memory", 2**28, copy=1e12, read=1e12),)
    return Machine("cpu", {}, Calibration("test", peaks, levels, load=0.0))


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
