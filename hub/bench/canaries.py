"""Canaries: a small task for each idle worker on the road of a job, which shows one that is alive but deaf.

Not in charge of what the worker does with it (`bench_runner/attempt.py`), nor of what pages say of it.

Theory of operation
- Hello says that a worker's main process reaches the hub. It says nothing of the queue, of the process that
  judges or of its sandbox. A canary goes through all of them: by Redis to a queue of this worker alone, its
  Celery consumer, its judging process, which starts a guest and answers by HTTP.
- Only an idle worker gets one, every CANARY_SECONDS. To claim a job proves the same: it counts as an answer.
- A canary may be lost with Redis. So it is sent again, and only a worker that answered none for
  WORKER_DEAF_SECONDS is deaf. It hears so with its next hello and starts itself anew; what it left unanswered
  before its start is forgotten.
- A deaf worker is not counted among those that take jobs.
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from bench_runner.contract import Canary
from hub.bench import strict, wake
from hub.bench.models import Attempt, Worker
from hub.core import clock

log = logging.getLogger(__name__)


def heard() -> QuerySet[Worker]:
    """Workers whose hello was heard lately."""
    since = clock.now() - timedelta(seconds=settings.WORKER_SILENT_SECONDS)
    return Worker.objects.filter(retired_at=None, last_seen_at__gt=since)


def deaf() -> QuerySet[Worker]:
    """Workers that say hello, do nothing, and have not answered."""
    return heard().filter(~Exists(_at_work()), unanswered_since__lt=_too_long_ago())


def is_deaf(worker: Worker) -> bool:
    return deaf().filter(pk=worker.pk).exists()


def taking_jobs() -> QuerySet[Worker]:
    """Workers that would take a job: heard, neither paused nor deaf nor resting nor in trouble."""
    now = clock.now()
    rested = Q(resting_until=None) | Q(resting_until__lte=now)
    return heard().filter(rested, trouble="", paused_at=None).exclude(pk__in=deaf().values("pk"))


def send_out() -> int:
    """Send a canary to every idle worker that is due for one; how many."""
    before = clock.now() - timedelta(seconds=settings.CANARY_SECONDS)
    idle = heard().exclude(hardware_class="").filter(~Exists(_at_work()))
    due = idle.filter(Q(canary_sent_at=None) | Q(canary_sent_at__lte=before))
    return sum(_send(worker) for worker in due)


def answered(worker: Worker, answer: Canary) -> bool:
    """Note the answer; False if it is not to the last canary."""
    now = clock.now()
    known = Worker.objects.filter(pk=worker.pk, canary=answer.canary).exclude(canary="")
    trouble = strict.clean_text(answer.trouble, strict.LINE_LONGEST)
    return bool(known.update(unanswered_since=None, answered_at=now, trouble=trouble))


def _send(worker: Worker) -> bool:
    now, unanswered = clock.now(), worker.unanswered_since
    canary = worker.canary if unanswered else secrets.token_hex(8)
    # Before it is sent: the answer may be quicker than this process.
    Worker.objects.filter(pk=worker.pk).update(
        canary=canary, canary_sent_at=now, unanswered_since=unanswered or now
    )
    if wake.send_canary(worker, canary):
        return True
    # The broker is away: nothing can be said about who hears.
    Worker.objects.filter(pk=worker.pk).update(unanswered_since=None)
    return False


def _at_work() -> QuerySet[Attempt]:
    return Attempt.objects.filter(worker=OuterRef("pk"), state=Attempt.State.OPEN)


def _too_long_ago() -> datetime:
    return clock.now() - timedelta(seconds=settings.WORKER_DEAF_SECONDS)
