"""Our machines fail: the job is tried again, at most three times, and nobody else pays for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub import flow
from hub.bench import actions as bench
from hub.bench.models import Attempt, Job, Verdict
from hub.bench.quotas import Quota, quota
from hub.core import clock
from hub.pulls.queries import Stage, stage
from tests.hub.replay import played_once
from tests.hub.story import Story, attempt_id, event, result
from tests.people import Cast

pytestmark = pytest.mark.django_db


@played_once
def job(story: Story, cast: Cast) -> Job:
    story.worker()
    story.push(cast.alice)
    return story.live()[0]


def fall_silent(job: Job) -> None:
    Attempt.objects.filter(job=job, state="open").update(heard_at=clock.now() - timedelta(minutes=2))
    assert bench.reap() == 1
    job.refresh_from_db()


def test_a_fault_queues_the_job_again_after_a_pause(story: Story, job: Job) -> None:
    spec = story.claim(job)
    assert flow.attempt_failed(attempt_id(spec), spec.token, "the disk is full\x00") is True
    job.refresh_from_db()
    assert job.state == "queued"
    assert timedelta(0) < job.not_before - clock.now() <= timedelta(seconds=10)
    [attempt] = job.attempts.all()
    assert (attempt.state, attempt.fault) == ("infra_error", "the disk is full")


def test_an_attempt_that_falls_silent_is_tried_again_thrice_then_abandoned(story: Story, job: Job) -> None:
    for state in ("queued", "queued", "abandoned"):
        story.claim(job)
        fall_silent(job)
        assert job.state == state
    assert [attempt.state for attempt in job.attempts.all()] == ["lost", "lost", "lost"]
    assert not Verdict.objects.exists()
    assert stage(job.patch_set.pull) is Stage.PLATFORM_TROUBLE


def test_a_third_fault_abandons_the_job(story: Story, job: Job) -> None:
    for _ in range(3):
        spec = story.claim(job)
        flow.attempt_failed(attempt_id(spec), spec.token, "no sandbox")
    job.refresh_from_db()
    assert job.state == "abandoned"
    assert job.settled_at is not None
    assert story.live() == []


def _checks(job: Job) -> Quota:
    pull = job.patch_set.pull
    return quota(pull.task, pull.author, "check", job.hardware_class)


def test_what_our_machines_failed_at_uses_no_quota(story: Story, job: Job) -> None:
    assert _checks(job).used == 1
    for _ in range(3):
        story.claim(job)
        fall_silent(job)
    assert _checks(job).used == 0


def test_an_attempt_that_is_heard_stays_open(story: Story, job: Job) -> None:
    spec = story.claim(job)
    Attempt.objects.update(heard_at=clock.now() - timedelta(minutes=2))
    assert bench.heartbeat(attempt_id(spec), spec.token, [event(1)]) is False
    assert bench.reap() == 0


def test_a_heartbeat_between_the_look_and_the_blow_saves_the_attempt(
    story: Story, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = story.claim(job)
    Attempt.objects.update(heard_at=clock.now() - timedelta(minutes=2))
    give_up = bench._give_up

    def heard_just_before(attempt: Attempt, *arguments: object, **more: object) -> bool:
        bench.heartbeat(attempt_id(spec), spec.token, [])
        return give_up(attempt, *arguments, **more)

    monkeypatch.setattr(bench, "_give_up", heard_just_before)
    assert bench.reap() == 0
    assert job.attempts.get().state == "open"


def test_a_lease_ends_however_often_the_worker_is_heard(story: Story, job: Job) -> None:
    story.claim(job)
    Attempt.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    assert bench.reap() == 1
    assert job.attempts.get().fault == "its lease ended"


def test_retiring_a_worker_gives_its_job_to_others(story: Story, job: Job) -> None:
    story.claim(job)
    bench.retire_worker(story.worker())
    job.refresh_from_db()
    assert (job.state, job.attempts.get().state) == ("queued", "lost")


def test_a_fault_after_the_end_is_refused(story: Story, job: Job) -> None:
    spec = story.claim(job)
    flow.result_arrived(attempt_id(spec), spec.token, result())
    assert flow.attempt_failed(attempt_id(spec), spec.token, "too late") is False
    job.refresh_from_db()
    assert job.state == "finished"


def test_a_cancelled_job_says_so_with_the_next_heartbeat(story: Story, job: Job) -> None:
    spec = story.claim(job)
    assert bench.cancel_job(job, "a newer patch set") is True
    assert bench.heartbeat(attempt_id(spec), spec.token, [event(1, "still here")]) is True
    attempt = job.attempts.get()
    assert attempt.state == "cancelled"
    assert attempt.progress.count() == 0


def test_what_runs_without_an_open_attempt_is_queued_again(story: Story, job: Job) -> None:
    story.claim(job)
    Attempt.objects.update(state="lost", ended_at=clock.now())
    assert bench.requeue_orphans() == 1
    job.refresh_from_db()
    assert job.state == "queued"
