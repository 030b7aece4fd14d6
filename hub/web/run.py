"""The live run of a patch set as the page shows it: jobs, steps, cases, timing so far, the end of the log.

Not in charge of sending it (`live.py`) nor of what came out (`outcome.py`). The same for every viewer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bench_runner.contract import JobKind, Phase
from hub.bench.models import Attempt, Job, ProgressLine, Worker
from hub.bench.places import Line, Place
from hub.bench.queries import workers
from hub.catalog.queries import spec_of
from hub.core.prepared import prepared
from hub.pulls.models import PatchSet
from hub.web.plain import plain_line, plain_text, tail
from hub.web.workers import add_worker
from tasks.spec import device_of

LOG_LINES = 40  # of the live log; the whole bounded log stands under the verdict
QUEUED = "queued"

TITLES: dict[str, Promise] = {
    JobKind.CHECK: _("Build and check"),
    JobKind.RANK: _("Timing against the baseline"),
    JobKind.CONFIRM: _("Confirming a place with fresh seeds"),
    JobKind.MERGE: _("Judging the merge commit"),
}
STEP_NAMES: dict[str, Promise] = {
    QUEUED: _("Queued"),
    Phase.FETCHING: _("Fetching"),
    Phase.BUILDING: _("Building"),
    Phase.CHECKING: _("Checking"),
    Phase.TIMING: _("Timing"),
    Phase.DONE: _("Done"),
}
TIMED = (JobKind.RANK, JobKind.CONFIRM)
FAILED = (Attempt.State.INFRA_ERROR, Attempt.State.LOST)  # on our side: retried, never charged, no verdict


@dataclass(frozen=True)
class Step:
    name: Promise
    state: str  # done | now | ahead


@dataclass(frozen=True)
class Cell:
    """One case of the grid."""

    case: str
    state: str  # ok | failed | skipped | ahead
    seconds: float | None = None


@dataclass(frozen=True)
class Timing:
    """How far the pairs are, and what they say so far."""

    done: int
    total: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    case: str = ""


@dataclass(frozen=True)
class Run:
    """One live job."""

    job: Job
    title: Promise
    steps: list[Step]
    place: Place | None = None  # while it is queued
    attempt: Attempt | None = None  # while it runs
    ends: str = ""  # when that is expected, while it runs
    cells: list[Cell] = field(default_factory=list)
    timing: Timing | None = None
    log: str = ""
    log_left_out: int = 0
    faults: int = 0  # earlier attempts that failed on our side
    offered: list[Worker] = field(default_factory=list)  # by these machines, while none takes it
    add_worker: dict[str, str] = field(default_factory=dict)  # commands, while none takes it

    @property
    def since(self) -> datetime:
        return self.attempt.started_at if self.attempt else self.job.queued_at

    @property
    def right(self) -> int:
        return sum(cell.state == "ok" for cell in self.cells)

    @property
    def wrong(self) -> int:
        return sum(cell.state == "failed" for cell in self.cells)


def tries(patch_sets: Iterable[PatchSet]) -> list[Attempt]:
    """The attempts at these patch sets that are open or failed on our side, oldest first."""
    return _tries([row.pk for row in patch_sets])


@prepared
def _tries(patch_sets: list[int]) -> QuerySet[Attempt]:
    rows = Attempt.objects.filter(job__patch_set__pk__in=patch_sets, state__in=(Attempt.State.OPEN, *FAILED))
    return rows.select_related("job", "worker").order_by("started_at")


def live_runs(jobs: Iterable[Job], made: Iterable[Attempt], line: Callable[[str], Line]) -> list[Run]:
    """How far these jobs are; `made` are their `tries`, `line` gives the line of a hardware class."""
    by_job: dict[UUID, list[Attempt]] = defaultdict(list)
    for attempt in made:
        by_job[attempt.job_id].append(attempt)
    ordered = sorted(jobs, key=lambda job: job.queued_at)
    return [_run(job, by_job[job.pk], line(job.hardware_class)) for job in ordered]


def _run(job: Job, attempts: list[Attempt], line: Line) -> Run:
    faults = sum(a.state in FAILED for a in attempts)
    open_one = next((a for a in attempts if a.state == Attempt.State.OPEN), None)
    title = TITLES[JobKind(job.kind)]
    if open_one is None:
        return _queued(Run(job, title, steps(job.kind, QUEUED), place=line.place_of(job), faults=faults))
    lines = list(open_one.progress.order_by("seq"))
    log, left_out = tail(plain_text("".join(map(_log_text, lines))), LOG_LINES)
    return Run(
        job,
        title,
        steps(job.kind, open_one.phase),
        attempt=open_one,
        ends=line.end_of(job, open_one.started_at),
        cells=_cells(job, lines),
        timing=_timing(job, lines),
        log=log,
        log_left_out=left_out,
        faults=faults,
    )


def _queued(run: Run) -> Run:
    """With what there is to say while nobody would take it."""
    if run.place is None or run.place.workers_online:
        return run
    offered = list(workers().filter(hardware_class=run.job.hardware_class))
    return replace(run, offered=offered, add_worker=add_worker(device_of(run.job.hardware_class)))


def steps(kind: str, now: str) -> list[Step]:
    """The steps of a job of this kind; what lies before `now` is done."""
    middle = Phase.TIMING if kind in TIMED else Phase.CHECKING
    order = [QUEUED, Phase.FETCHING, Phase.BUILDING, middle, Phase.DONE]
    at = order.index(now) if now in order else order.index(middle)
    return [
        Step(STEP_NAMES[name], "done" if i < at else "now" if i == at else "ahead")
        for i, name in enumerate(order)
    ]


def _cells(job: Job, lines: Iterable[ProgressLine]) -> list[Cell]:
    """Every case of the job in the task's order: what came in so far, the rest ahead."""
    use = "rank" if job.kind in TIMED else "check"
    found = {line.case: line for line in lines if line.case and line.ok is not None}
    if use == "rank" and not found:
        return []
    names = [case.id for case in spec_of(job.revision).on(job.hardware_class).cases_for(use)]
    names += [case for case in found if case not in names]
    return [_cell(plain_line(name), found.get(name)) for name in names]


def _cell(name: str, line: ProgressLine | None) -> Cell:
    if line is None or line.note.get("not_run"):
        return Cell(name, "ahead" if line is None else "skipped")
    return Cell(name, "ok" if line.ok else "failed", _number(line.note, "seconds"))


def _timing(job: Job, lines: list[ProgressLine]) -> Timing | None:
    timed = [line for line in lines if line.phase == Phase.TIMING and line.total]
    if job.kind not in TIMED or not timed:
        return None
    last, told = timed[-1], next((line for line in reversed(timed) if "ratio" in line.note), None)
    note = told.note if told else {}
    return Timing(
        min(last.done, last.total),
        last.total,
        _number(note, "ratio"),
        _number(note, "low"),
        _number(note, "high"),
        plain_line(last.case),
    )


def _number(note: dict[str, Any], name: str) -> float | None:
    value = note.get(name)
    return float(value) if isinstance(value, int | float) else None


def _log_text(line: ProgressLine) -> str:
    """The last event's text is the id of the reason; the verdict says that in words."""
    if not line.text or line.phase == Phase.DONE:
        return ""
    return line.text if line.text.endswith("\n") else line.text + "\n"
