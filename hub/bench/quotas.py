"""How much of the judge a contributor may use: in a day, in total, at once. Programmes set it for tasks.

Not in charge of who comes first (`queue.py`) nor of queueing what had to wait (`hub/flow.py`, the sweeper).

Theory of operation
- Jobs are counted, in a window that slides: what was queued at 14:05 is free again at 14:05 the next day.
- Not counted: what our machines failed at; what was cancelled before it ran, or between two tries; what
  somebody else asked for (a mentor's re-run, a re-judge set, a merge, a confirmation). What was cancelled
  while it ran counts: else whoever does not like how it goes would push again for nothing.
- A programme counts while it runs. Before and after, and for tasks in none, the settings of the site hold.
- The house has no quota.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bench_runner.contract import JobKind
from hub.accounts.models import User
from hub.bench.models import Attempt, Job
from hub.catalog.models import Programme, Task
from hub.core import clock
from hub.core.prepared import prepared
from hub.pulls import pushing
from hub.repos.access import Policy
from hub.repos.models import Repository

DAY = timedelta(days=1)
KINDS = (JobKind.CHECK, JobKind.RANK)


@dataclass(frozen=True)
class Quota:
    """How many jobs are used, of how many; the sentence says so when none is left."""

    used: int
    limit: int
    next_at: datetime | None = None  # when the next is free; None if none is used up, or no clock frees it
    sentence: str = ""

    @property
    def left(self) -> int:
        return max(0, self.limit - self.used)


FREE = Quota(0, 1)


def quota(task: Task, author: User, kind: str, hardware_class: str) -> Quota:
    """The tightest limit for one more job. Timing is counted for each hardware class by itself."""
    return tightest(task, author, kind, [hardware_class])


def tightest(task: Task, author: User, kind: str, classes: Collection[str]) -> Quota:
    """The tightest limit for one more job on any of these classes."""
    if kind not in KINDS or author.is_house:
        return FREE
    limits = _days(task, author, kind, classes)
    programme = programme_of(task)
    if programme is not None and programme.runs_in_total is not None:
        limits.append(_in_total(programme, author, programme.runs_in_total))
    if programme is not None and programme.live_at_once is not None:
        limits.append(_at_once(programme, author, programme.live_at_once))
    return min(limits, key=lambda found: found.left)


def programme_of(task: Task) -> Programme | None:
    """The programme whose quotas hold for this task now."""
    found = task.programme
    return found if found is not None and found.is_running(clock.now()) else None


def a_day(task: Task, author: User, kind: str, hardware_class: str) -> Quota:
    """What is used of the last 24 hours, on this task."""
    return _days(task, author, kind, [hardware_class])[0]


def _days(task: Task, author: User, kind: str, classes: Collection[str]) -> list[Quota]:
    """What is used of the last 24 hours on this task: timing on each of these classes, checks on any."""
    rows = _queued_since(author.pk, task.pk, kind, clock.now() - DAY)
    if kind == JobKind.CHECK:
        return [_day(task, kind, [at for _name, at in rows])]
    return [_day(task, kind, [at for name, at in rows if name == one]) for one in classes]


@prepared
def _queued_since(author: int, task: int, kind: str, since: datetime) -> QuerySet[Job, tuple[str, datetime]]:
    jobs = _charged(author).filter(patch_set__pull__task=task, kind=kind, queued_at__gt=since)
    return jobs.order_by("queued_at").values_list("hardware_class", "queued_at")


def _day(task: Task, kind: str, times: list[datetime]) -> Quota:
    programme = programme_of(task)
    if kind == JobKind.CHECK:
        limit = programme.checks_a_day if programme else settings.CHECK_JOBS_A_DAY
        words = _(
            "You used %(used)s of your %(limit)s checks a day on this task; the next begins at %(time)s."
        )
    else:
        limit = programme.ranks_a_day if programme else settings.RANK_JOBS_A_DAY
        words = _(
            "You used %(used)s of your %(limit)s timings a day on this task; the next begins at %(time)s."
        )
    used = len(times)
    if used < limit:
        return Quota(used, limit)
    if not limit:
        name = programme.title if programme else settings.SITE_URL
        return Quota(used, limit, None, _("%(name)s allows no such job.") % {"name": name})
    next_at = times[used - limit] + DAY
    values = {"used": used, "limit": limit, "time": _shown(next_at, programme)}
    return Quota(used, limit, next_at, words % values)


def _in_total(programme: Programme, author: User, limit: int) -> Quota:
    jobs = _charged(author).filter(patch_set__pull__task__programme=programme, kind__in=KINDS)
    if programme.starts_at is not None:
        jobs = jobs.filter(queued_at__gte=programme.starts_at)
    used = jobs.count()
    if used < limit:
        return Quota(used, limit)
    values = {"used": used, "limit": limit, "name": programme.title}
    if programme.ends_at is None:
        words = _("You used %(used)s of your %(limit)s runs in %(name)s, which gives no more.")
        return Quota(used, limit, None, words % values)
    words = _(
        "You used %(used)s of your %(limit)s runs in %(name)s, which ends at %(time)s; it gives no more."
    )
    return Quota(
        used, limit, programme.ends_at, words % (values | {"time": _shown(programme.ends_at, programme)})
    )


def _at_once(programme: Programme, author: User, limit: int) -> Quota:
    of_programme = _charged(author).filter(patch_set__pull__task__programme=programme, kind__in=KINDS)
    used = of_programme.filter(state__in=Job.moves.live).count()
    words = _(
        "%(used)s of your jobs wait or run, all that %(name)s allows at once; the next follows when one ends."
    )
    values = {"used": used, "limit": limit, "name": programme.title}
    return Quota(used, limit, None, words % values if used >= limit else "")


def push_policy(repository: Repository, user: User) -> Policy:
    """What this person may push now, and what the terminal tells them if the push must wait for its turn."""
    rules = pushing.push_policy(repository, user)
    return replace(
        rules, notice=_notice(repository.task, user), replaceable=_replaceable(repository.task, user)
    )


def _notice(task: Task, author: User) -> list[str]:
    """Why the check of a new branch must wait, in both languages; empty if it need not."""
    told = []
    for language in ("en", "zh-hans"):
        with translation.override(language):
            limit = quota(task, author, JobKind.CHECK, "")
            if limit.left:
                return []
            told += [limit.sentence, _("The push is kept and judged then.")]
    return told


def _replaceable(task: Task, author: User) -> list[str]:
    """Topics whose check has not begun: a push there takes its place, and uses no more of the quota."""
    queued = Job.objects.filter(state=Job.State.QUEUED, kind=JobKind.CHECK, patch_set__pull__author=author)
    topics = queued.filter(patch_set__pull__task=task).values_list("patch_set__pull__topic", flat=True)
    return sorted(set(topics))


def _charged(author: User | int) -> QuerySet[Job]:
    ran = Exists(Attempt.objects.filter(job=OuterRef("pk"), state=Attempt.State.CANCELLED))
    own = Job.objects.filter(patch_set__pull__author=author, rejudged=None).exclude(
        priority=Job.Priority.MENTOR
    )
    return own.exclude(state=Job.State.ABANDONED).filter(~Q(state=Job.State.CANCELLED) | ran)


def _shown(at: datetime, programme: Programme | None) -> str:
    """A moment for a sentence, in the time of the programme or of the site, which is named."""
    zone = programme.time_zone if programme else settings.TIME_ZONE
    return f"{date_format(timezone.localtime(at, ZoneInfo(zone)), 'SHORT_DATETIME_FORMAT')} ({zone})"
