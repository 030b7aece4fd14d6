"""What a maintainer must know of and nobody else repairs, computed from facts: it is over when the fact is.

Not in charge of repairing anything. The sweeper logs each alarm once, as an error; the workers page and
`manage.py doctor` show those of the moment.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Exists, Min, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import override

from hub.bench import canaries, examples
from hub.bench.models import Job
from hub.bench.queries import shown_time
from hub.core import clock
from hub.pulls.models import PatchSet, PullRequest

LEAST_FREE_BYTES = 1 << 30
UNSERVED_AFTER = timedelta(minutes=10)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Alarm:
    """One thing that is wrong: `about` names it, `text` says what is wrong and what to do."""

    about: str
    text: str
    pull: int | None = None


def alarms() -> list[Alarm]:
    return [*_disk(), *_classes(), *_workers(), *_abandoned(), *_examples()]


_told: set[str] = set()  # what this process has logged and is not over yet


def tell() -> int:
    """Log what is new; how many."""
    with override("en"):
        now = alarms()
    new = [alarm for alarm in now if alarm.about not in _told]
    for alarm in new:
        log.error("ALARM %s: %s", alarm.about, alarm.text)
    for about in _told - {alarm.about for alarm in now}:
        log.info("alarm over: %s", about)
    _told.clear()
    _told.update(alarm.about for alarm in now)
    return len(new)


def _disk() -> Iterator[Alarm]:
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < LEAST_FREE_BYTES:
        sizes = {"folder": settings.DATA_DIR, "free": free >> 20, "least": LEAST_FREE_BYTES >> 20}
        text = _("%(folder)s has %(free)s MB free: make room for at least %(least)s MB, or pushes will fail.")
        yield Alarm("disk", text % sizes)


def _classes() -> Iterator[Alarm]:
    """Hardware classes with jobs that wait for long, and no worker that would take one."""
    served = set(canaries.taking_jobs().order_by().values_list("hardware_class", flat=True))
    queued = Job.objects.filter(state=Job.State.QUEUED).order_by().values("hardware_class")
    for row in queued.annotate(since=Min("queued_at"), jobs=Count("pk")):
        name = row["hardware_class"]
        if name not in served and row["since"] < clock.now() - UNSERVED_AFTER:
            text = _(
                "%(jobs)s jobs wait for %(name)s, the first since %(since)s, and no worker takes them: "
                "start one, or look at those below."
            )
            words = {"jobs": row["jobs"], "name": name, "since": shown_time(row["since"])}
            yield Alarm(f"class {name}", text % words)


def _workers() -> Iterator[Alarm]:
    """Workers that are there and take no job."""
    deaf = Exists(canaries.deaf().filter(pk=OuterRef("pk")))
    for worker in canaries.heard().annotate(is_deaf=deaf):
        words = {"name": worker.name, "trouble": worker.trouble}
        if worker.is_deaf:
            words["since"] = shown_time(worker.unanswered_since or clock.now())
            text = _(
                "%(name)s says hello but has answered no canary since %(since)s: it starts itself anew; "
                "if that does not help, look at its log and whether it uses the hub's Redis."
            )
            yield Alarm(f"worker {worker.name} deaf", text % words)
        if worker.trouble:
            yield Alarm(f"worker {worker.name} trouble", _("%(name)s takes no jobs: %(trouble)s") % words)
        if worker.resting_until and worker.resting_until > clock.now():
            words["until"] = shown_time(worker.resting_until)
            text = _(
                "%(name)s rests until %(until)s after many faults in a row: "
                "run `python -m bench_runner doctor` there."
            )
            yield Alarm(f"worker {worker.name} resting", text % words)


def _abandoned() -> Iterator[Alarm]:
    """Jobs that were given up and that nobody has asked for again."""
    later = {"patch_set": OuterRef("patch_set"), "queued_at__gt": OuterRef("queued_at")}
    again = Job.objects.filter(kind=OuterRef("kind"), hardware_class=OuterRef("hardware_class"), **later)
    pushed = PatchSet.objects.filter(
        pull=OuterRef("patch_set__pull"), number__gt=OuterRef("patch_set__number")
    )
    given_up = Job.objects.filter(
        ~Exists(again),
        ~Exists(pushed),
        state=Job.State.ABANDONED,
        patch_set__pull__state=PullRequest.State.OPEN,
    )
    for job in given_up.select_related("patch_set").prefetch_related("attempts__worker").order_by("ended_at"):
        last = list(job.attempts.all())[-1]
        words = {"pull": job.patch_set.pull_id, "worker": last.worker.name, "what": last.fault}
        text = _(
            "The judge failed at #%(pull)s, the last time on %(worker)s: %(what)s. "
            "Repair that, then run it again on its page."
        )
        yield Alarm(f"job {job.pk} abandoned", text % words, job.patch_set.pull_id)


def _examples() -> Iterator[Alarm]:
    """Examples of tasks that did not get the verdict of their label: the task or the judge is wrong."""
    for slug, one in examples.astray():
        words = {"task": slug, "name": one.example.name, "label": one.example.verdict, "outcome": one.outcome}
        text = _(
            "The example %(name)s of %(task)s must get “%(label)s” and got “%(outcome)s”: "
            "correct the task or the label and publish it again."
        )
        yield Alarm(f"example {slug} {one.example.name}", text % words, one.pull)
