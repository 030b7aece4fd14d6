"""A job goes to one worker; what it gets is the submission and a token for this attempt alone."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from bench_runner.contract import JobKind
from hub.bench import actions as bench
from hub.bench.models import Attempt, Job
from hub.core import clock
from hub.core.ids import token_digest
from tests.hub.racing import at_once
from tests.hub.story import SOLUTION, Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


def test_a_claim_brings_the_submission_without_its_prefix(story: Story, cast: Cast) -> None:
    worker = story.worker()
    patch_set = story.push(cast.alice, files={SOLUTION: b"int x;", "sub/fast.h": b"// h"})
    [job] = story.live()
    spec = bench.claim_job(job.pk, worker)
    assert spec is not None
    assert spec.files == {SOLUTION: b"int x;", "sub/fast.h": b"// h"}
    assert (spec.kind, spec.task, spec.revision) == (JobKind.CHECK, "vector-add", patch_set.revision.digest)
    assert spec.time_limit_seconds == 600


def test_a_claim_makes_the_job_run_and_opens_one_attempt_with_a_lease(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    [job] = story.live()
    spec = story.claim(job)
    job.refresh_from_db()
    [attempt] = job.attempts.all()
    assert job.state == "running"
    assert (attempt.state, attempt.number) == ("open", 1)
    assert attempt.token_digest == token_digest(spec.token)
    assert attempt.lease_until - attempt.started_at == timedelta(seconds=660)


def test_a_job_that_runs_is_not_to_be_had(story: Story, cast: Cast) -> None:
    worker = story.worker()
    story.push(cast.alice)
    [job] = story.live()
    assert bench.claim_job(job.pk, worker) is not None
    assert bench.claim_job(job.pk, story.worker(name="second")) is None


def test_a_job_for_other_hardware_is_not_to_be_had(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    [job] = story.live()
    assert bench.claim_job(job.pk, story.worker("cpu-arm-neon")) is None


def test_a_job_is_not_to_be_had_before_its_back_off_is_over(story: Story, cast: Cast) -> None:
    worker = story.worker()
    story.push(cast.alice)
    [job] = story.live()
    Job.objects.update(not_before=clock.now() + timedelta(seconds=5))
    assert bench.claim_job(job.pk, worker) is None
    Job.objects.update(not_before=clock.now())
    assert bench.claim_job(job.pk, worker) is not None


def test_a_retired_worker_gets_nothing(story: Story, cast: Cast) -> None:
    worker = story.worker()
    story.push(cast.alice)
    [job] = story.live()
    bench.retire_worker(worker)
    worker.refresh_from_db()
    assert bench.claim_job(job.pk, worker) is None


def test_an_unknown_job_is_told_from_one_that_is_taken(story: Story) -> None:
    with pytest.raises(Job.DoesNotExist, match="does not exist"):
        bench.claim_job(uuid4(), story.worker())


def test_a_submission_that_cannot_be_read_is_our_fault(story: Story, cast: Cast) -> None:
    worker = story.worker()
    patch_set = story.push(cast.alice)
    type(patch_set).objects.update(head_sha="0" * 40)
    [job] = story.live()
    assert bench.claim_job(job.pk, worker) is None
    [attempt] = job.attempts.all()
    assert attempt.state == "infra_error"
    assert "cannot read" in attempt.fault
    job.refresh_from_db()
    assert job.state == "queued"


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_that_claim_at_once_one_gets_the_job(story: Story, cast: Cast) -> None:
    workers = [story.worker(name=f"w{number}") for number in range(6)]
    story.push(cast.alice)
    [job] = story.live()
    found = at_once([lambda worker=worker: bench.claim_job(job.pk, worker) for worker in workers])
    assert [type(spec).__name__ for spec in found if spec is not None] == ["JobSpec"]
    assert Attempt.objects.count() == 1
