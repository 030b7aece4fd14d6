"""What a worker got done lately: attempts by how they ended, how long they took, its faults. Reads only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from django.db.models import QuerySet

from hub.bench.models import Attempt, Worker
from hub.core import clock

LATELY = timedelta(days=1)
FAULTS = (Attempt.State.INFRA_ERROR, Attempt.State.LOST)
ATTEMPTS_READ = 5_000  # of one worker in LATELY; a day has room for no more of 17 s
SHOWN = 20


@dataclass(frozen=True)
class Throughput:
    """Of the last 24 hours. Durations are in seconds; None: nothing was delivered."""

    delivered: int
    faults: int
    cancelled: int
    median_seconds: float | None
    busy_percent: float

    @property
    def an_hour(self) -> float:
        return self.delivered / (LATELY / timedelta(hours=1))


def throughput(worker: Worker) -> Throughput:
    now = clock.now()
    since = now - LATELY
    rows = Attempt.objects.filter(worker=worker, started_at__gt=since).order_by("-started_at")
    read = list(rows.values_list("state", "started_at", "ended_at")[:ATTEMPTS_READ])
    ended = Counter(state for state, _began, _end in read)
    took = [
        (end - began).total_seconds()
        for state, began, end in read
        if state == Attempt.State.DELIVERED and end is not None
    ]
    busy = sum(((end or now) - began).total_seconds() for _state, began, end in read)
    return Throughput(
        delivered=ended[Attempt.State.DELIVERED],
        faults=sum(ended[state] for state in FAULTS),
        cancelled=ended[Attempt.State.CANCELLED],
        median_seconds=median(took) if took else None,
        busy_percent=min(100.0, 100 * busy / LATELY.total_seconds()),
    )


def last_attempts(worker: Worker) -> QuerySet[Attempt]:
    """The newest first, with what each was about and its verdict."""
    rows = Attempt.objects.filter(worker=worker).order_by("-started_at")
    return rows.select_related("job__patch_set__pull__task", "verdict")[:SHOWN]


def last_faults(worker: Worker) -> QuerySet[Attempt]:
    """The newest first: what failed on our side, however long ago."""
    rows = Attempt.objects.filter(worker=worker, state__in=FAULTS).order_by("-started_at")
    return rows.select_related("job__patch_set__pull")[:SHOWN]
