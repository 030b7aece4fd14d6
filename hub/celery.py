"""The hub's side of Celery: sends wake-ups to workers by name, runs sweeper and reaper (`jobs.py`)."""

from __future__ import annotations

import os

from celery import Celery, signals
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def keep_our_logging(**_: object) -> None:
    """With a receiver, Celery leaves the logging as the settings have it: ids in it, no tokens."""


RUN_DIR = settings.DATA_DIR / "run"
RUN_DIR.mkdir(parents=True, exist_ok=True)

app = Celery("hub")
app.conf.update(
    broker_url=settings.REDIS_URL.replace("unix://", "redis+socket://"),
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_default_queue="hub",
    broker_connection_retry_on_startup=True,
    # A wake-up that cannot be sent is re-sent by the sweeper: never let a page wait for a dead broker.
    broker_transport_options={
        "socket_connect_timeout": 2,
        "socket_timeout": 30,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "max_retries": 1,
        "interval_start": 0,  # seconds before that retry; kombu's own default is 2
    },
    task_publish_retry=False,
    worker_prefetch_multiplier=1,
    imports=["hub.jobs"],
    beat_schedule={
        "sweep": {"task": "hub.sweep", "schedule": settings.SWEEP_SECONDS, "options": {"expires": 30}},
        "remind": {"task": "hub.remind", "schedule": settings.REMIND_SECONDS, "options": {"expires": 600}},
    },
    beat_schedule_filename=str(RUN_DIR / "beat"),
)
