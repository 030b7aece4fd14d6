"""The hub's settings with shorter times, so that silence is noticed in seconds. Nothing else is changed."""

from __future__ import annotations

from hub.settings import *  # noqa: F403
from tests.chaos import times

JOB_TIME_LIMIT_SECONDS = times.JOB_SECONDS
WORKER_SILENT_SECONDS = times.SILENT_SECONDS
SWEEP_SECONDS = times.SWEEP_EVERY_SECONDS
JOB_BACK_OFF_SECONDS = 1
CANARY_SECONDS = times.CANARY_EVERY_SECONDS
WORKER_DEAF_SECONDS = times.DEAF_AFTER_SECONDS
