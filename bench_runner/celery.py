"""Celery as the bench workers use it: wake-ups that carry a job's id, nothing else.

Not in charge of the work (`jobs.py`, `attempt.py`), nor of not losing any: the database of the hub is the
queue, and a message lost, doubled or late does no harm. A worker claims a job over HTTP before it does
anything.

Why each setting is what it is:

* acknowledged early: losing a wake-up is harmless, while a late acknowledgement brings back, again and
  again, what kills its worker;
* one process, nothing fetched ahead: no message waits behind a long job while another worker is free;
* every time derived from one JOB_TIME_LIMIT: soft < hard < lease < token < visibility;
* JSON only, no results, no priorities, no countdowns.

`celery -A bench_runner.celery …` can look at the queues; workers start by `python -m bench_runner worker`,
which checks the machine first.
"""

from __future__ import annotations

import os

from celery import Celery

from bench_runner.config import broker_url
from bench_runner.contract import JOB_TIME_LIMIT, TimeLimits

TASK = "bench.run"
CANARY = "bench.canary"
LIMITS = TimeLimits.derive(JOB_TIME_LIMIT)


def queue_of(hardware_class: str) -> str:
    return f"bench.{hardware_class}"


app = Celery("bench_runner", set_as_current=False)
app.conf.update(
    broker_url=broker_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")),
    include=["bench_runner.jobs"],
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_acks_late=False,
    task_reject_on_worker_lost=False,
    task_soft_time_limit=LIMITS.soft.total_seconds(),
    task_time_limit=LIMITS.hard.total_seconds(),
    worker_concurrency=1,
    # Fetch nothing while a job runs. A prefetch count of one, the usual way, must be off: if Redis dies just
    # before an acknowledgement, that message counts as fetched for ever, and the worker hears no other.
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=0,
    worker_proc_alive_timeout=30.0,  # the child opens its sandbox slot first, on a busy machine too
    worker_soft_shutdown_timeout=60.0,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_cancel_long_running_tasks_on_connection_loss=True,  # late ones: we have none; False warns
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # for ever: services start and restart in any order
    broker_connection_timeout=5.0,
    broker_transport_options={
        "visibility_timeout": LIMITS.visibility.total_seconds(),
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
    },
    timezone="UTC",
)
