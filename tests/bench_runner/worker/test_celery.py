"""Celery's settings, read back from the application: one that is misspelt would be ignored in silence."""

from __future__ import annotations

import pytest
from celery.app.defaults import NAMESPACES

from bench_runner import celery as module
from bench_runner.celery import LIMITS, app, queue_of


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accept_content", ["json"]),
        ("task_serializer", "json"),
        ("task_ignore_result", True),
        ("result_backend", None),
        ("task_acks_late", False),
        ("task_reject_on_worker_lost", False),
        ("worker_concurrency", 1),
        ("worker_prefetch_multiplier", 0),
        ("worker_disable_prefetch", True),
        ("worker_enable_remote_control", False),
        ("worker_cancel_long_running_tasks_on_connection_loss", True),
        ("broker_connection_retry_on_startup", True),
        ("broker_connection_max_retries", None),
    ],
)
def test_a_setting_has_arrived(name: str, value: object) -> None:
    assert app.conf[name] == value
    first, _, rest = name.partition("_")
    assert name in NAMESPACES or rest in NAMESPACES[first]  # Celery knows a setting of this name


def test_every_time_follows_from_one_limit_in_the_right_order() -> None:
    soft, hard = app.conf.task_soft_time_limit, app.conf.task_time_limit
    visibility = app.conf.broker_transport_options["visibility_timeout"]
    lease, token = LIMITS.lease.total_seconds(), LIMITS.token.total_seconds()
    assert soft < hard < lease < token < visibility
    assert (soft, hard) == (LIMITS.soft.total_seconds(), LIMITS.hard.total_seconds())


def test_broken_links_are_noticed() -> None:
    options = app.conf.broker_transport_options
    assert options["socket_timeout"] == 30
    assert options["socket_keepalive"] is True
    assert options["health_check_interval"] == 25
    assert "global_keyprefix" not in options  # the hub sends without one: the queues would never meet


def test_the_task_has_the_name_that_the_hub_sends() -> None:
    app.loader.import_default_modules()
    assert module.TASK in app.tasks
    assert queue_of("cpu-x86-avx512") == "bench.cpu-x86-avx512"
