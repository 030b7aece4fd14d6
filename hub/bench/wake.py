"""Sends to workers: wake-ups, which are Celery messages with a job's id, sent after the commit, and canaries.

A wake-up is a hint and carries no right: the worker claims the job over HTTP. One that is lost or doubled
does no harm, because an idle worker asks for waiting jobs with every hello and the sweeper wakes again. So a
broker that is down is logged and otherwise ignored.
"""

from __future__ import annotations

import logging

from django.db import transaction
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from bench_runner.contract import canary_queue
from hub.bench.models import Job, Worker
from hub.celery import app
from hub.core import clock

TASK = "bench.run"
CANARY = "bench.canary"

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


def send_canary(worker: Worker, canary: str) -> bool:
    """Send it to the queue of this worker alone, in place of one that still lies there."""
    queue = canary_queue(worker.token_digest)
    try:
        with app.connection_or_acquire() as connection:
            connection.default_channel.queue_purge(queue)
        app.send_task(CANARY, args=[canary], queue=queue, ignore_result=True)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("worker %s: no canary sent: %s", worker.name, error)
        return False
    return True
