"""A job whose hardware class nobody offers waits: for ever, without a verdict, and says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub import flow, jobs
from hub.bench.models import Attempt, Job, Verdict, Worker
from hub.core import clock
from tests.hub.story import HARDWARE, Story, hello
from tests.people import Cast

pytestmark = pytest.mark.django_db
DAYS = (1, 30, 400)


def test_a_job_whose_class_is_gone_waits_without_a_verdict_until_it_comes_back(
    story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.bench.wake.send", lambda job: True)
    worker = story.worker()
    story.push(cast.alice)
    [job] = story.live()
    now = clock.now()
    for days in DAYS:
        monkeypatch.setattr(clock, "now", lambda days=days: now + timedelta(days=days))
        jobs.run_rules()
    job.refresh_from_db()
    assert (job.state, job.ended_at) == (Job.State.QUEUED, None)
    assert not Attempt.objects.exists()
    assert not Verdict.objects.exists()
    assert [waiting.pk for waiting in flow.worker_reported(worker, hello())] == [job.pk]
    assert story.run(job).outcome == "passed"


def test_a_job_of_a_class_whose_machines_are_retired_waits_as_well(
    story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.bench.wake.send", lambda job: True)
    story.worker()
    story.push(cast.alice)
    Worker.objects.update(retired_at=clock.now())
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=DAYS[-1]))
    jobs.run_rules()
    assert [(job.state, job.hardware_class) for job in story.live()] == [(Job.State.QUEUED, HARDWARE)]
