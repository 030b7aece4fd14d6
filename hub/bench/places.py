"""Where each job stands that waits for a hardware class, and when it will begin and end.

Not in charge of the order (`queue.py`) nor of the arithmetic (`forecast.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from hub.bench import forecast, queue
from hub.bench.forecast import Past
from hub.bench.models import Attempt, Job, Worker
from hub.bench.queries import online_workers, shown_time, workers
from hub.bench.queue import COLUMNS, Keyed, Waiting
from hub.catalog.models import TaskRevision
from hub.catalog.queries import spec_of
from hub.core import clock

LOOKED_AT = 400  # finished jobs of a class that tell how long jobs take
SOON = (
    (15.0, gettext_noop("within half a minute")),
    (35.0, gettext_noop("within a minute")),
)  # up to so many seconds
WANTED = [state for state in Job.State if state != Job.State.CANCELLED]


@dataclass(frozen=True)
class Span:
    """Seconds from now after which a job begins and ends.

    `known`: jobs like it and those before it have run here; else the limits of their tasks were taken.
    """

    begins: float
    ends: float
    known: bool


@dataclass(frozen=True)
class Place:
    """Where a queued job stands: `number` of `of`. Without a worker there is no span."""

    job: UUID
    number: int
    of: int
    hardware_class: str
    workers_online: int
    last_seen: datetime | None  # of any worker of the class
    span: Span | None

    @property
    def sentence(self) -> str:
        where = {"number": self.number, "of": self.of, "name": self.hardware_class}
        if self.workers_online:
            text = ngettext(
                "Number %(number)s of %(of)s in the queue for %(name)s; %(online)s worker is online.",
                "Number %(number)s of %(of)s in the queue for %(name)s; %(online)s workers are online.",
                self.workers_online,
            )
            return text % (where | {"online": self.workers_online})
        if self.last_seen is None:
            text = _("No worker for %(name)s has reported yet; number %(number)s of %(of)s waits for one.")
            return text % where
        text = _("No worker for %(name)s since %(time)s; number %(number)s of %(of)s waits for one.")
        return text % (where | {"time": shown_time(self.last_seen)})

    @property
    def estimate(self) -> str:
        """When it begins and when there is a verdict, in words; empty when no worker is online."""
        if self.span is None:
            return ""
        begins, ends = roughly(self.span.begins), roughly(self.span.ends)
        if not self.span.known:
            return _("No such job has run here yet. At the latest it begins %(begins)s.") % {"begins": begins}
        if begins == ends:
            return _("The verdict is expected %(ends)s.") % {"ends": ends}
        return _("It begins %(begins)s; the verdict is expected %(ends)s.") % {"begins": begins, "ends": ends}


class Line:
    """The line of one hardware class at one moment. Nothing is read before it is asked for."""

    def __init__(self, hardware_class: str) -> None:
        self.hardware_class, self.now = hardware_class, clock.now()

    @cached_property
    def places(self) -> list[Place]:
        """Every queued job in the order of the line."""
        of = len(self._keyed)
        return [self._place(job.pk, number, of) for number, (_key, job) in enumerate(self._keyed, 1)]

    def place_of(self, job: Job) -> Place:
        """Its place; behind all others, without an estimate, if it was queued or begun only just now."""
        behind = len(self._keyed) + 1
        return self._by_job.get(job.pk) or self._place(job.pk, behind, behind)

    def end_of(self, job: Job, started_at: datetime) -> str:
        """When this running job is expected to end, in words; empty if nobody can tell."""
        left = self._left(job, started_at)
        return "" if left is None else roughly(left)

    def _place(self, job: UUID, number: int, of: int) -> Place:
        online = len(self._online)
        return Place(job, number, of, self.hardware_class, online, self._last_seen, self._spans.get(job))

    def _left(self, job: Job, started_at: datetime) -> float | None:
        took = self._past.like(job.revision_id, job.kind)
        return forecast.left_of(took, (self.now - started_at).total_seconds()) if took else None

    @cached_property
    def _by_job(self) -> dict[UUID, Place]:
        return {place.job: place for place in self.places}

    @cached_property
    def _keyed(self) -> list[Keyed]:
        return queue.keyed(queue.queued(self.hardware_class), self._had, self.now)

    @cached_property
    def _had(self) -> dict[int, int]:
        return queue.begun(self.hardware_class)

    @cached_property
    def _online(self) -> list[Worker]:
        return list(online_workers().filter(hardware_class=self.hardware_class))

    @cached_property
    def _last_seen(self) -> datetime | None:
        seen = workers().filter(hardware_class=self.hardware_class, last_seen_at__isnull=False)
        return seen.order_by("-last_seen_at").values_list("last_seen_at", flat=True).first()

    @cached_property
    def _past(self) -> Past:
        ended = Job.objects.filter(hardware_class=self.hardware_class, state=Job.State.FINISHED)
        last = ended.filter(attempts__state=Attempt.State.DELIVERED).order_by("-queued_at")
        columns = ("revision", "kind", "attempts__started_at", "attempts__ended_at")
        return Past(
            (revision, kind, (end - start).total_seconds())
            for revision, kind, start, end in last.values_list(*columns)[:LOOKED_AT]
        )

    @cached_property
    def _spans(self) -> dict[UUID, Span]:
        if not self._online:
            return {}
        waiting = [job for _key, job in self._keyed]
        scene = forecast.Scene(
            now=self.now,
            line=self._keyed,
            turns=Counter(self._had) + Counter(job.contributor for job in waiting),
            lately=self._lately(),
            free=self._free(),
            takes=self._takes(),
            timed=self._past.timed,
        )
        spans, known = {}, True
        for job, begins, ends in forecast.play(scene):
            known = known and bool(self._past.like(job.revision, job.kind))
            spans[job.pk] = Span(begins, ends, known)
        return spans

    def _lately(self) -> list[Waiting]:
        since = self.now - forecast.LATELY
        rows = Job.objects.filter(state__in=WANTED, hardware_class=self.hardware_class, queued_at__gt=since)
        return [Waiting(*row) for row in rows.order_by("queued_at").values_list(*COLUMNS)]

    def _free(self) -> list[float]:
        free = {worker.pk: 0.0 for worker in self._online}
        for attempt in Attempt.objects.filter(state=Attempt.State.OPEN, worker__in=free).select_related(
            "job"
        ):
            left = self._left(attempt.job, attempt.started_at)
            if left is None:
                left = self._longest(attempt.job.revision_id, attempt.job.kind)
            free[attempt.worker_id] = max(free[attempt.worker_id], left)
        return list(free.values())

    def _takes(self) -> Callable[[Waiting], float]:
        known: dict[tuple[int, str], float] = {}

        def takes(job: Waiting) -> float:
            like = (job.revision, job.kind)
            if like not in known:
                took = self._past.like(*like)
                known[like] = forecast.typical(took) if took else self._longest(*like)
            return known[like]

        return takes

    def _longest(self, revision: int, kind: str) -> float:
        """The longest that it may take by the rules of its task."""
        spec = spec_of(TaskRevision.objects.only("digest").get(pk=revision))
        limits = spec.on(self.hardware_class).limits
        return limits.build_seconds + (
            limits.time_seconds if kind in forecast.TIMED else limits.check_seconds
        )


def roughly(seconds: float) -> str:
    """A time from now in round words: it is an estimate, and looks like one."""
    for most, words in SOON:
        if seconds < most:
            return _(words)
    if seconds < 90:
        return _("in about %(number)s s") % {"number": round(seconds / 10) * 10}
    if seconds < 5400:
        return _("in about %(number)s min") % {"number": round(seconds / 60)}
    return _("in about %(number)s h") % {"number": round(seconds / 3600)}
