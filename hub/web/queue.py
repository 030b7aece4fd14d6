"""The queue of each hardware class: what runs, what waits in which order, whose it is, when it is expected.

Not in charge of the order and the estimates (`hub/bench`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from hub.bench import queries
from hub.bench.models import Attempt, Job
from hub.bench.places import Line, Place, roughly
from hub.claims.queries import live_claims
from hub.pulls.together import open_with, others

ROWS_MOST = 50  # of each class; the visitor's own are shown in any case


@dataclass(frozen=True)
class Waits:
    """One row: a queued job and its place."""

    job: Job
    place: Place
    begins: str
    is_own: bool


@dataclass(frozen=True)
class Runs:
    """One row: a running attempt and when its end is expected."""

    attempt: Attempt
    ends: str


@dataclass(frozen=True)
class Queue:
    """All of one hardware class. `first`: the place of the first job, for the sentence about workers."""

    hardware_class: str
    online: int
    running: Sequence[Runs] = ()
    waiting: Sequence[Waits] = ()
    count: int = 0
    first: Place | None = None

    @property
    def left_out(self) -> int:
        return self.count - len(self.waiting)


@require_safe
def queue_page(request: HttpRequest) -> HttpResponse:
    rows = Job.objects.filter(state__in=Job.moves.live).order_by().values_list("hardware_class", flat=True)
    live = set(rows)
    online = Counter(queries.online_workers().order_by().values_list("hardware_class", flat=True))
    own = _work_of(request.user.pk) if request.user.is_authenticated else Q()
    queues = [
        _queue(name, online[name], own) if name in live else Queue(name, online[name])
        for name in sorted({*live, *queries.hardware_classes()})
    ]
    shown = [row.attempt.job for queue in queues for row in queue.running]
    shown += [row.job for queue in queues for row in queue.waiting]
    together = others(job.patch_set.pull for job in shown)
    any_live = any(queue.count or queue.running for queue in queues)
    return render(request, "queue/page.html", {"queues": queues, "together": together, "any_live": any_live})


def _work_of(user: int) -> Q:
    """Of jobs: those about this person's work, also where others push it."""
    return Q(patch_set__pull__author=user) | Q(patch_set__pull__in=open_with(live_claims(user)))


def _queue(name: str, online: int, is_own: Q) -> Queue:
    line = Line(name)
    mine = _jobs().filter(is_own, hardware_class=name)
    own = set(mine.values_list("pk", flat=True)) if is_own else set()
    shown = [place for place in line.places if place.number <= ROWS_MOST or place.job in own]
    jobs = _jobs().in_bulk([place.job for place in shown])
    open_ones = Attempt.objects.filter(state=Attempt.State.OPEN, job__hardware_class=name).order_by(
        "started_at"
    )
    attempts = open_ones.select_related(
        "worker", "job__patch_set__pull__task", "job__patch_set__pull__author"
    )
    return Queue(
        name,
        online,
        [Runs(attempt, line.end_of(attempt.job, attempt.started_at)) for attempt in attempts],
        [_waits(jobs[place.job], place, own) for place in shown if place.job in jobs],
        len(line.places),
        line.places[0] if line.places else None,
    )


def _jobs() -> QuerySet[Job]:
    queued = Job.objects.filter(state=Job.State.QUEUED)
    return queued.select_related("patch_set__pull__task", "patch_set__pull__author")


def _waits(job: Job, place: Place, own: set[UUID]) -> Waits:
    begins = roughly(place.span.begins) if place.span is not None else ""
    return Waits(job, place, begins, job.pk in own)
