"""When waiting jobs will begin and end: the arithmetic. No database here.

Not in charge of the order of the line (`queue.py`) nor of gathering what is known (`places.py`). An estimate
promises nothing: nobody knows who pushes next, nor how long code takes that never ran.

Theory of operation
- What a job takes is the mean of what the last RECENT like it took, without the tenth at either end. Not the
  median: a line is a sum, and half of the checks may be such as end in their first second.
- What is left of a running job is how much longer those took that took at least as long already.
- Some who push later come in before: a check before a timing, a newcomer before somebody's tenth. So it is
  assumed that for the next hour pushes come as in the last LATELY, spread evenly, and that as many of the
  checks are followed by a timing as before.
- Then the line is played through: whichever worker is free first takes what is first by then.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from bench_runner.contract import JobKind
from hub.bench.models import Job
from hub.bench.queue import AGEING, Key, Keyed, Waiting

TIMED = (JobKind.RANK, JobKind.CONFIRM)
RECENT = 20  # jobs that tell what the next one takes
LATELY = timedelta(minutes=15)
REPEATED = 4  # times that pushes come as lately; after that nobody is assumed to push


class Past:
    """How many seconds jobs took, the newest first, by revision and kind."""

    def __init__(self, rows: Iterable[tuple[int, str, float]]) -> None:
        self._like: dict[tuple[int, str], list[float]] = defaultdict(list)
        self._kind: dict[str, list[float]] = defaultdict(list)
        self._counted: Counter[str] = Counter()
        for revision, kind, seconds in rows:
            self._counted[kind] += 1
            for found in (self._like[revision, kind], self._kind[kind]):
                if len(found) < RECENT:
                    found.append(seconds)

    @property
    def timed(self) -> float:
        """How many timings came of a check."""
        checks, timings = self._counted[JobKind.CHECK], sum(self._counted[kind] for kind in TIMED)
        return min(1.0, timings / checks) if checks else 0.0

    def like(self, revision: int, kind: str) -> list[float]:
        """What jobs of this revision and kind took, else those of this kind; empty if there was none."""
        return self._like.get((revision, kind)) or self._kind.get(kind, [])


def typical(seconds: Sequence[float]) -> float:
    """Their mean without the tenth at either end."""
    cut = len(seconds) // 10
    kept = sorted(seconds)[cut : len(seconds) - cut]
    return sum(kept) / len(kept)


def left_of(seconds: Sequence[float], gone: float) -> float:
    """How much longer a job will run that has run for `gone`, when others like it took `seconds`."""
    longer = [one - gone for one in seconds if one > gone]
    return typical(longer) if longer else gone / 2


@dataclass(frozen=True)
class Scene:
    """All that an estimate is made from."""

    now: datetime
    line: Sequence[Keyed]
    turns: Mapping[int, int]  # of each contributor: jobs that began lately or wait
    lately: Sequence[Waiting]  # what was queued within LATELY, the oldest first
    free: Sequence[float]  # after how many seconds each worker is free; there must be one
    takes: Callable[[Waiting], float]
    timed: float  # how many timings came of a check lately


@dataclass(frozen=True, slots=True)
class Coming:
    """From `at` seconds on something can begin: a waiting job, or one that may be queued then."""

    at: float
    key: Key
    job: Waiting
    seconds: float
    is_real: bool = True


def play(scene: Scene) -> Iterator[tuple[Waiting, float, float]]:
    """Each job of the line, as they begin, with the seconds from now after which it begins and ends."""
    coming = [(one.at, number, one) for number, one in enumerate([*_own(scene), *_pushed(scene)])]
    heapq.heapify(coming)
    timings = _Timings(scene)
    here: list[tuple[Key, int, Coming]] = []
    workers, begun = sorted(scene.free), set[UUID]()
    while len(begun) < len(scene.line):
        time = workers[0] if here else max(workers[0], coming[0][0])
        while coming and coming[0][0] <= time:
            _at, number, one = heapq.heappop(coming)
            heapq.heappush(here, (one.key, number, one))
        _key, number, first = heapq.heappop(here)
        if first.is_real:
            if first.job.pk in begun:  # it was older by then, and began as such
                continue
            begun.add(first.job.pk)
            yield first.job, time, time + first.seconds
        heapq.heapreplace(workers, time + first.seconds)
        if (timing := timings.after(first.job, time + first.seconds)) is not None:
            heapq.heappush(coming, (timing.at, number, timing))


class _Timings:
    """What follows from checks: as many timings as lately, each when a check has ended."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._due = scene, 0.0
        self._turns = Counter(scene.turns)

    def after(self, job: Waiting, ended: float) -> Coming | None:
        if job.kind != JobKind.CHECK:
            return None
        self._due += self._scene.timed
        if self._due < 1:
            return None
        self._due -= 1
        self._turns[job.contributor] += 1
        timing = replace(job, kind=JobKind.RANK, priority=Job.Priority.RANK)
        queued_at = self._scene.now + timedelta(seconds=ended)
        key = (Job.Priority.RANK, self._turns[job.contributor], queued_at, job.pk)
        return Coming(ended, key, timing, self._scene.takes(timing), is_real=False)


def _own(scene: Scene) -> Iterator[Coming]:
    """Each job of the line from when it may begin, and again with each level that it rises to."""
    for (level, turn, queued_at, pk), job in scene.line:
        held = max(0.0, (job.not_before - scene.now).total_seconds()) if job.not_before else 0.0
        seconds = scene.takes(job)
        yield Coming(held, (level, turn, queued_at, pk), job, seconds)
        for higher in range(Job.Priority.CHECK, level):
            at = (job.queued_at + (job.priority - higher) * AGEING - scene.now).total_seconds()
            yield Coming(max(at, held), (higher, turn, queued_at, pk), job, seconds)


def _pushed(scene: Scene) -> Iterator[Coming]:
    """What may be pushed: as lately, each time with the contributor's next turn."""
    usual = [(job, scene.takes(job)) for job in scene.lately if job.kind not in TIMED]
    turns, step = Counter(scene.turns), LATELY.total_seconds() / max(1, len(usual))
    for number, (job, seconds) in enumerate(usual * REPEATED):
        at = (number + 0.5) * step
        turns[job.contributor] += 1
        key = (job.priority, turns[job.contributor], scene.now + timedelta(seconds=at), job.pk)
        yield Coming(at, key, job, seconds, is_real=False)
