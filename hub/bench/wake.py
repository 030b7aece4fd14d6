"""Wakes the workers of a hardware class: a Celery message with a job's id, sent after the commit.

The message is a hint and carries no right: the worker claims the job over HTTP. One that is lost or doubled
does no harm, because an idle worker asks for waiting jobs with every hello and the sweeper wakes again. So a
broker that is down is logged and otherwise ignored.
"""

from __future__ import annotations

import logging

from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from hub.bench.models import Job
from hub.celery import app
from hub.core import clock

TASK = "bench.run"

log = logging.getLogger(__name__)


def queue_of(hardware_class: str) -> str:
    return f"bench.{hardware_class}"


def wake(job: Job) -> None:
    """Send the wake-up once the transaction around this call is committed."""
    transaction.on_commit(lambda: send(job))


def send(job: Job) -> bool:
    """Send the wake-up now; False if the broker is down."""
    try:
        app.send_task(TASK, args=[str(job.pk)], queue=queue_of(job.hardware_class), ignore_result=True)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("job %s: no wake-up sent, the sweeper repeats it: %s", job.pk, error)
        return False
    Job.objects.filter(pk=job.pk).update(woken_at=clock.now())
    return True
