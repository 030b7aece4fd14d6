"""Judge one job: build → check → time, each in fresh sandboxes, and say what came out.

Not in charge of claiming, heartbeats or sending (`worker`), nor of any step's own work (`build.py`,
`check.py`, `timing.py`).

Theory of operation. `judge` returns a Result whatever the contribution does, and raises only when our side
failed (InfrastructureFault) or nobody wants the result any more (Cancelled). A step ends early by `Failed`,
which carries a reason; this is the one place where it becomes an outcome. Between the steps only the
artefact's bytes are carried over, also from an earlier job with the very same sources (`build.py`). While the
compiler runs, a thread makes the inputs of the timing; it has ended before timing starts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench_runner import build, check, disassembly
from bench_runner.build import Artefact, BuildFailed
from bench_runner.contract import Assembly, CaseResult, JobKind, JobSpec, Outcome, Phase, Result
from bench_runner.devices.base import Device
from bench_runner.devices.opening import opened
from bench_runner.failure import Failed, fault
from bench_runner.fingerprint import Machine, conditions
from bench_runner.guests import Clocks, Rig, Side, measuring_cpus
from bench_runner.libraries import library_mounts
from bench_runner.plan import WARM_UPS
from bench_runner.pool import Oracle, Pool, growing
from bench_runner.progress import Progress, Report
from bench_runner.sandbox import Sandbox
from bench_runner.timed import Timed
from bench_runner.timing import Timing
from bench_runner.turns import card_turn
from bench_runner.workspace import Revision, Workspace

EXCERPT = 4000  # characters
WITHHELD = "(output of timed runs is not shown)"
PARTS = ("timed_calls", "start_guests", "handing_over", "inputs", "checking")


def judge(
    spec: JobSpec, revision: Revision, sandbox: Sandbox, machine: Machine, report: Report,
    cancelled: Callable[[], bool],
) -> Result:  # fmt: skip
    """The verdict on a job's files.

    Raises:
        InfrastructureFault: our side failed; the contribution is not to blame.
        Cancelled: `cancelled()` said so between two steps.
    """
    return _Job(spec, revision, sandbox, machine, Progress(report, cancelled)).run()


class _Job:
    def __init__(
        self, spec: JobSpec, revision: Revision, sandbox: Sandbox, machine: Machine, progress: Progress
    ) -> None:
        self.task = revision.task.on(spec.hardware_class)
        self.revision = replace(revision, task=self.task)
        self.spec, self.sandbox, self.machine, self.progress = spec, sandbox, machine, progress
        self.workspace = Workspace(sandbox, machine.card.arch if machine.card else "")
        self.device_conditions: dict[str, Any] = {}
        self.clocks = Clocks()
        self.steps: dict[str, float] = {}
        self.log = ""
        self.assembly: Assembly | None = None
        self.cases: list[CaseResult] = []
        self.timed: Timed | None = None
        self.artefact_sha256 = ""
        self.figures: dict[str, float] = {}  # see contract.FIGURES

    def run(self) -> Result:
        begin = time.perf_counter()
        try:
            with self.workspace.job() as place:
                outcome, reason, args = self._steps(place)
        except Failed as failure:
            outcome, reason, args = failure.outcome, failure.reason, failure.reason_args
            if isinstance(failure, BuildFailed):
                self._append(failure.log)
            failure.forget_frames()
        total = time.perf_counter() - begin
        self.progress.say(Phase.DONE, text=reason, ok=outcome is Outcome.PASSED)
        return Result(
            outcome=outcome,
            reason=reason,
            reason_args=args,
            cases=self.cases,
            measurements=self.timed.measurements if self.timed else [],
            summary=self.timed.summary if self.timed else None,
            environment=self._environment(),
            log=self.log,
            seconds=self._seconds(total),
            artefact_sha256=self.artefact_sha256,
            figures=self.figures,
            sandboxed=self.sandbox.sandboxed,
            assembly=self.assembly,
        )

    def _steps(self, place: Path) -> tuple[Outcome, str, dict[str, Any]]:
        checks = self.spec.kind in (JobKind.CHECK, JobKind.MERGE)
        use = "check" if checks else "rank"
        if not self.task.cases_for(use):
            fault("task_failed", file="task.toml", detail=f"no case has use = {use!r}")
        oracle = Oracle(self.revision)
        if checks:
            artefact = self._build(place)
            if self.spec.kind is JobKind.CHECK:
                self.assembly = disassembly.of_entry(self.sandbox, self.task, artefact)
            self._check(artefact, oracle)
            return Outcome.PASSED, "all_cases_right", {"cases": len(self.cases)}
        timed = self._time(place, oracle)
        return Outcome.PASSED, "measured", {"pairs": timed.environment["pairs"]}

    def _build(self, place: Path) -> Artefact:
        self.progress.say(Phase.BUILDING)
        begin = time.perf_counter()
        try:
            built = build.submission(self.sandbox, self.workspace, self.task, dict(self.spec.files), place)
        except BuildFailed as failure:
            self.progress.say(Phase.BUILDING, text=_excerpt(failure.log), ok=False)
            raise
        finally:
            self.steps["build"] = time.perf_counter() - begin
        self._append(built.log)
        self.progress.say(Phase.BUILDING, text=_excerpt(built.log), ok=True)
        self.artefact_sha256 = built.artefact.sha256
        self.figures["size"] = float(built.artefact.size)
        return built.artefact

    def _baseline(self, place: Path) -> Artefact:
        begin = time.perf_counter()
        artefact = build.baseline(self.sandbox, self.workspace, self.revision, place)
        self.steps["build"] += time.perf_counter() - begin
        return artefact

    def _check(self, artefact: Artefact, oracle: Oracle) -> None:
        self.progress.say(Phase.CHECKING, total=len(self.task.cases_for("check")))
        begin = time.perf_counter()
        with self._device() as device:
            with Side(self._rig(device), artefact, self.clocks) as side:
                checked = check.run(side, oracle, self.progress)
            if checked.failure is not None:
                device.examine()
        self.clocks.add("inputs", oracle.seconds)
        self.steps["check"] = time.perf_counter() - begin
        self.cases = checked.cases
        printed = checked.log.decode("utf-8", errors="replace")
        self._append(printed)
        if printed:
            self.progress.say(Phase.CHECKING, text=_excerpt(printed))
        if checked.failure is not None:
            raise checked.failure
        self.figures["accuracy"] = max(case.detail["worst"] for case in self.cases)

    def _time(self, place: Path, oracle: Oracle) -> Timed:
        pools = [Pool(oracle, case) for case in self.task.cases_for("rank")]
        needs = self.workspace.needs(self.revision.digest)
        with growing({pool: needs.get(pool.case.id, WARM_UPS) for pool in pools}) as wait:
            artefact = self._build(place)
            baseline = self._baseline(place)
            self.progress.say(Phase.TIMING)
            begin = time.perf_counter()
            wait()
            self.clocks.add("inputs", time.perf_counter() - begin)
        with (
            self._device() as device,
            Side(rig := self._rig(device), baseline, self.clocks) as base,
            Side(rig, artefact, self.clocks) as candidate,
        ):
            sides = {"baseline": base, "candidate": candidate}
            cpus = len(rig.cpus) if rig.cpus else 1
            timing = Timing(
                self.task, sides, pools, self.machine, self.progress, self.clocks,
                cpus=cpus, all_pairs=self.spec.kind is JobKind.CONFIRM, slowed=device.slowed,
            )  # fmt: skip
            try:
                self.timed = timing.run()
            except Failed:
                device.examine()
                raise
            finally:
                self.steps["time"] = time.perf_counter() - begin
                self._append(WITHHELD)
            if candidate.peaks:
                self.figures["memory"] = statistics.median(candidate.peaks)
        self.workspace.keep_needs(self.revision.digest, timing.needs())
        return self.timed

    @contextmanager
    def _device(self) -> Iterator[Device]:
        """Where tensors lie: a card, held for us alone, or host memory."""
        card, quota = self.machine.card, self.task.limits.device_memory_mb << 20
        turn = card_turn(card.uuid, self.progress.go_on) if card else nullcontext()
        with turn, opened(card, quota) as device:
            yield device
            self.device_conditions = device.conditions()

    def _rig(self, device: Device) -> Rig:
        libraries = library_mounts(self.workspace, self.task.entry.libraries)
        kit = self.workspace.guest_kit()
        return Rig(self.sandbox, self.task, kit, measuring_cpus()[0], device, tuple(libraries))

    def _append(self, text: str) -> None:
        """Bounded as a whole: a log is for reading."""
        limit = self.task.limits.log_kb * 1024
        joined = f"{self.log}\n{text}" if self.log and text else self.log + text
        self.log = joined if len(joined) <= limit else joined[:limit] + "\n(cut)"

    def _environment(self) -> dict[str, Any]:
        found = {
            **self.machine.environment,
            **conditions(),
            **self.device_conditions,
            "measuring_cpus": list(measuring_cpus()[0] or ()),
        }
        return {**found, **(self.timed.environment if self.timed else {})}

    def _seconds(self, total: float) -> dict[str, float]:
        parts = {part: self.clocks.seconds.get(part, 0.0) for part in PARTS}
        other = total - self.steps.get("build", 0.0) - sum(parts.values())
        figures = {**self.steps, **parts, "other": max(other, 0.0), "total": total}
        return {name: round(seconds, 4) for name, seconds in figures.items()}


def _excerpt(log: str) -> str:
    """The beginning, for the live run; the whole bounded log comes with the result."""
    return log if len(log) <= EXCERPT else log[:EXCERPT] + "\n…"
