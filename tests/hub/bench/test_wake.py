"""Wake-ups: sent after the commit, by name, and never missed for long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from kombu.exceptions import OperationalError

from hub.bench import actions as bench
from hub.bench import wake
from hub.bench.models import Job
from hub.celery import app
from hub.core import clock
from tests.hub.story import HARDWARE, Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, str]]:
    found: list[tuple[str, Any, str]] = []

    def send_task(name: str, args: Any, queue: str, **_: Any) -> None:
        found.append((name, args, queue))

    monkeypatch.setattr(app, "send_task", send_task)
    return found


def test_the_message_is_the_jobs_id_on_the_queue_of_its_class(
    story: Story, cast: Cast, sent: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    story.worker()
    with django_capture_on_commit_callbacks(execute=True):
        story.push(cast.alice)
        assert sent == []
    [job] = story.live()
    assert sent == [("bench.run", [str(job.pk)], f"bench.{HARDWARE}")]
    assert job.woken_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_job_that_was_rolled_back_wakes_nobody(story: Story, cast: Cast, sent: list[Any]) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    bench.cancel_job(story.live()[0], "test")
    sent.clear()
    with transaction.atomic():
        bench.queue_job(patch_set, "check", HARDWARE)
        transaction.set_rollback(True)
    assert sent == []


def test_a_dead_broker_costs_a_wake_up_and_nothing_else(
    story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    story.worker()
    story.push(cast.alice)
    [job] = story.live()

    def refused(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(app, "send_task", refused)
    assert wake.send(job) is False
    assert "no wake-up sent" in caplog.text
    job.refresh_from_db()
    assert job.woken_at is None


def test_jobs_are_woken_again_when_nobody_came(story: Story, cast: Cast, sent: list[Any]) -> None:
    story.worker()
    story.push(cast.alice)
    assert bench.wake_waiting() == 1  # in a test nothing is committed, so nothing was sent before
    assert bench.wake_waiting() == 0
    Job.objects.update(woken_at=clock.now() - bench.WAKE_AGAIN)
    assert bench.wake_waiting() == 1
    assert len(sent) == 2


def test_a_job_in_its_back_off_is_left_asleep(story: Story, cast: Cast, sent: list[Any]) -> None:
    story.worker()
    story.push(cast.alice)
    Job.objects.update(not_before=clock.now() + timedelta(seconds=5))
    assert bench.wake_waiting() == 0
    assert sent == []


def test_celery_speaks_json_alone_and_knows_the_sweeper() -> None:
    assert app.conf.task_serializer == "json"
    assert app.conf.accept_content == ["json"]
    assert app.conf.beat_schedule["sweep"]["task"] == "hub.sweep"
    assert app.conf.beat_schedule["sweep"]["schedule"] == 30
    app.loader.import_default_modules()
    assert "hub.sweep" in app.tasks
