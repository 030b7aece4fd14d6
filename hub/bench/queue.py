"""The order of the jobs that wait for a hardware class: the one place that defines it.

Not in charge of giving a job away (`actions.py`), of how long anything takes (`forecast.py`) nor of how much
of a day a contributor may use (`quotas.py`).

Theory of operation
- A class has one line. First comes the level: what a mentor asked for again, merges, checks, timings, the
  house's examples. Who waits long rises: a level for every AGEING, up to that of checks and no further, so
  that a flood of checks never holds up a timing for ever, and a long line never holds up a mentor.
- Within a level contributors take turns. The turn of a job is how many jobs of its contributor this class
  began within the last FAIR, plus its place among those of the contributor that wait. So of two contributors
  the one goes first who had less, the hundredth push of one waits behind the first of everybody else, and
  whoever has had many is not held up for longer than FAIR. Ties go to the one who waits longest.
- A try that our machines failed at is nobody's turn. The job keeps its place and sits out its back-off.
- Beginning the first job of the line changes the turn of no other one. So the line, read from the front, is
  the order in which the jobs begin, unless somebody comes in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from uuid import UUID

from django.db.models import Count

from bench_runner.contract import JobKind
from hub.accounts.models import User
from hub.bench.models import Attempt, Job
from hub.core import clock

FAIR = timedelta(hours=1)
AGEING = timedelta(minutes=30)

PRIORITY_OF = {
    JobKind.MERGE: Job.Priority.MERGE,
    JobKind.CHECK: Job.Priority.CHECK,
    JobKind.RANK: Job.Priority.RANK,
    JobKind.CONFIRM: Job.Priority.RANK,
}
NOBODY_S_TURN = (Attempt.State.INFRA_ERROR, Attempt.State.LOST)
COLUMNS = (
    "pk", "priority", "patch_set__pull__author", "kind", "revision", "queued_at", "not_before", "woken_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued job, as far as its place depends on it; the fields are COLUMNS."""

    pk: UUID
    priority: int
    contributor: int
    kind: str
    revision: int
    queued_at: datetime
    not_before: datetime | None
    woken_at: datetime | None

    def is_due(self, now: datetime) -> bool:
        return self.not_before is None or self.not_before <= now

    def level(self, now: datetime) -> int:
        if self.priority <= Job.Priority.CHECK:
            return self.priority
        return max(Job.Priority.CHECK, self.priority - max(0, (now - self.queued_at) // AGEING))


Key = tuple[int, int, datetime, UUID]  # level, turn, queued at, and something that differs
Keyed = tuple[Key, Waiting]


def priority_of(kind: str, author: User) -> int:
    """What a job is queued with, unless a mentor asked for it."""
    return Job.Priority.HOUSE if author.is_house else PRIORITY_OF[JobKind(kind)]


def line(hardware_class: str) -> list[Waiting]:
    """All queued jobs of the class in the order in which they will begin, those in their back-off too."""
    waiting = queued(hardware_class)
    return in_turn(waiting, begun(hardware_class), clock.now()) if waiting else []


def due(hardware_class: str) -> list[Waiting]:
    """Those of the line that may begin now."""
    now = clock.now()
    return [job for job in line(hardware_class) if job.is_due(now)]


def in_turn(waiting: Iterable[Waiting], had: Mapping[int, int], now: datetime) -> list[Waiting]:
    """Put jobs in order; `had`: how many of each contributor the class began lately."""
    return [job for _key, job in keyed(waiting, had, now)]


def keyed(waiting: Iterable[Waiting], had: Mapping[int, int], now: datetime) -> list[Keyed]:
    """The same with what each is ordered by."""
    turns, found = Counter(had), []
    for level, queued_at, pk, job in sorted((job.level(now), job.queued_at, job.pk, job) for job in waiting):
        turns[job.contributor] += 1
        found.append(((level, turns[job.contributor], queued_at, pk), job))
    return sorted(found, key=itemgetter(0))


def queued(hardware_class: str) -> list[Waiting]:
    """The queued jobs of a class in no order."""
    rows = Job.objects.filter(state=Job.State.QUEUED, hardware_class=hardware_class)
    return [Waiting(*row) for row in rows.order_by().values_list(*COLUMNS)]


def begun(hardware_class: str) -> dict[int, int]:
    """How many jobs of each contributor the class began within FAIR."""
    rows = Attempt.objects.filter(job__hardware_class=hardware_class, started_at__gt=clock.now() - FAIR)
    counted = rows.exclude(state__in=NOBODY_S_TURN).order_by().values_list("job__patch_set__pull__author")
    return dict(counted.annotate(Count("pk")))
