"""One job of a trial, judged like any other, and the record that is kept of it.

Not in charge of how many (`commands.py`) nor of what they prove (`report.py`).
"""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from bench_runner import config, director, fingerprint, stats
from bench_runner.contract import JobKind, JobSpec, Result
from bench_runner.errors import InfrastructureFault, JudgeError
from bench_runner.plan import SAMPLE_SECONDS
from bench_runner.sandbox import Sandbox
from bench_runner.workspace import Revision
from tasks.spec import Bundle, Case, load_folder, read_folder

TASK = Path(__file__).with_name("exact-work")
SMALL = {"20us": 1200, "50us": 3000, "100us": 6000}  # case: n; instead of those of the task
UNITS = b"#define UNITS 100\n"
SOURCE = "solution.c"
BUSY = "import ctypes; ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL\nwhile True: pass"


@dataclass(frozen=True)
class Condition:
    """What is tried: by how many percent the candidate is slower, and whether another process is busy."""

    percent: int
    busy: bool
    small: bool = False  # kernels of 20 to 100 µs

    def __str__(self) -> str:
        what = f"{self.percent} % slower" if self.percent else "the same code"
        size = "20-100 µs" if self.small else "1-20 ms"
        return f"{what}, {size}, {'beside a busy process' if self.busy else 'quiet'}"


@dataclass(frozen=True)
class Record:
    """A job. `cases` has, per case: speed, ratio, low, high, and the log-ratio of every pair."""

    condition: Condition
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    fault: str = ""  # why nothing was ranked
    seconds: float = 0.0  # of the timing, per case
    at: str = ""
    machine: str = ""
    rule: str = ""  # jobs under different rules are not counted together
    environment: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        return cls(**{**data, "condition": Condition(**data["condition"])})


def rule() -> str:
    looks = "/".join(map(str, stats.LOOKS))
    found = f"looks {looks}, margin {stats.MARGIN:.4f}, same {stats.SAME_WITHIN:.4f}, trim 1/{stats.TRIM}"
    return f"{found}, samples of {1e6 * SAMPLE_SECONDS:.0f} µs, awake, quicker half"


def machine_name() -> str:
    return f"{fingerprint.describe()['cpu']}, {os.cpu_count()} CPUs, {platform.node()}"


def slower(files: Bundle, percent: int) -> Bundle:
    """The same code with so many percent more of the same work.

    Raises:
        JudgeError: the task has no line that says how many units.
    """
    if not percent:
        return files
    source = files.get(SOURCE, b"")
    if source.count(UNITS) != 1:
        line = UNITS.decode().strip()
        raise JudgeError(f"{SOURCE} of the task needs the line {line!r} once to be slowed down")
    return {**files, SOURCE: source.replace(UNITS, UNITS.replace(b"100", str(100 + percent).encode()))}


@contextlib.contextmanager
def busy_process(wanted: bool) -> Iterator[None]:
    """Somebody else who wants a CPU, at the usual priority, until we end in whatever way."""
    if not wanted:
        yield
        return
    with subprocess.Popen([sys.executable, "-c", BUSY]) as other:
        try:
            yield
        finally:
            other.kill()


class Bench:
    """A sandbox and a task to try the judge with."""

    def __init__(self, folder: Path, *, small: bool) -> None:
        self._sandbox = Sandbox.open()
        self._machine = fingerprint.machine(config.data_dir())
        task = load_folder(folder)
        if small:
            cases = tuple(Case(name, "rank", {"n": n, "turns": 1}) for name, n in SMALL.items())
            task = replace(task, cases=cases, digest=f"{task.digest}-small")
        self._revision = Revision(task, folder.resolve())
        self._files = read_folder(folder / "baseline")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self._sandbox.close()

    def judge(self, condition: Condition) -> Record:
        """One job.

        Raises:
            JudgeError: it ended as something else than measured: the task is not fit for trials.
        """
        task = self._revision.task
        files = slower(self._files, condition.percent)
        where = self._machine.hardware_class
        spec = JobSpec("trial", "trial", "", JobKind.RANK, task.slug, task.digest, where, files, 3600.0)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        record = Record(condition, at=at, machine=machine_name(), rule=rule())
        try:
            with busy_process(condition.busy):
                result = director.judge(
                    spec, self._revision, self._sandbox, self._machine, lambda event: None, lambda: False
                )
        except InfrastructureFault as fault:
            return replace(record, fault=str(fault))
        if not result.measurements:
            raise JudgeError(f"{task.slug}: {result.outcome.value} ({result.reason}): {result.log}")
        seconds = round(result.seconds["time"] / len(result.measurements), 2)
        return replace(record, cases=_figures(result), seconds=seconds, environment=result.environment)


def _figures(result: Result) -> dict[str, Any]:
    return {
        found.case: {
            "speed": found.speed.value,
            "ratio": found.ratio,
            "low": found.low,
            "high": found.high,
            "baseline_seconds": found.baseline_seconds,
            "log_ratios": [
                round(stats.pair_log_ratio(pair["baseline"], pair["candidate"]), 6) for pair in found.pairs
            ],
        }
        for found in result.measurements
    }
