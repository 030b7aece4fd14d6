"""Each named constraint of bench, broken on purpose."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Model

from hub.bench.models import Attempt, Job, Measurement, ProgressLine, Verdict
from hub.core import clock
from hub.core.constraints import broken
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


@played_once
def job(story: Story, cast: Cast) -> Job:
    story.worker()
    story.push(cast.alice)
    return story.live()[0]


def breaks(name: str, model: type[Model], **columns: Any) -> None:
    with pytest.raises(IntegrityError, match=r"(?i)constraint") as refusal, transaction.atomic():
        model._default_manager.create(**columns)
    assert broken(refusal.value, model, name), f"{refusal.value} is not about {name}"


def another(job: Job, **columns: Any) -> dict[str, Any]:
    work = {
        "patch_set": job.patch_set,
        "revision": job.revision,
        "hardware_class": HARDWARE,
        "kind": job.kind,
    }
    return work | {"queued_at": clock.now()} | columns


def attempt_of(job: Job, number: int, **columns: Any) -> dict[str, Any]:
    now = clock.now()
    times = {"started_at": now, "heard_at": now, "lease_until": now}
    worker = job.attempts.get().worker
    return {"job": job, "worker": worker, "number": number, "token_digest": f"d{number}"} | times | columns


def test_the_same_work_is_live_once(job: Job) -> None:
    breaks("job_one_live_per_work", Job, **another(job))


def test_the_same_work_may_be_live_again_when_it_has_ended(job: Job) -> None:
    Job.objects.update(state="cancelled", ended_at=clock.now())
    Job.objects.create(**another(job))


def test_a_merge_job_names_its_merge_attempt(job: Job) -> None:
    breaks("job_of_a_merge_names_its_attempt", Job, **another(job, kind="merge"))


@pytest.mark.parametrize("state", ["finished", "abandoned", "cancelled"])
def test_a_job_that_ended_has_an_end(job: Job, state: str) -> None:
    breaks("job_has_an_end_when_it_ended", Job, **another(job, state=state))


def test_a_live_job_has_no_end(job: Job) -> None:
    breaks("job_has_an_end_when_it_ended", Job, **another(job, kind="rank", ended_at=clock.now()))


def test_a_job_has_one_open_attempt(story: Story, job: Job) -> None:
    story.claim(job)
    breaks("attempt_one_open_per_job", Attempt, **attempt_of(job, 2))


def test_attempts_are_numbered_once(story: Story, job: Job) -> None:
    story.claim(job)
    breaks("attempt_numbered_once", Attempt, **attempt_of(job, 1, state="lost", ended_at=clock.now()))


def test_an_attempt_that_ended_has_an_end(story: Story, job: Job) -> None:
    story.claim(job)
    breaks("attempt_has_an_end_when_it_ended", Attempt, **attempt_of(job, 2, state="lost"))


def test_a_line_of_progress_is_kept_once(story: Story, job: Job) -> None:
    story.claim(job)
    line = {"attempt": job.attempts.get(), "seq": 1, "at": clock.now(), "phase": "building"}
    ProgressLine.objects.create(**line)
    breaks("progress_line_once", ProgressLine, **line)


def test_a_job_has_one_verdict(story: Story, job: Job) -> None:
    story.run(job, "wrong_answer")
    second = Attempt.objects.create(**attempt_of(job, 2, state="lost", ended_at=clock.now()))
    with pytest.raises(IntegrityError, match=r"(?i)unique"), transaction.atomic():
        Verdict.objects.create(job=job, attempt=second, outcome="passed", reason="passed", at=clock.now())


def test_a_metric_of_a_case_is_measured_once_in_a_verdict(story: Story, job: Job) -> None:
    story.run(job)
    row = story.run(story.live(kind="rank")[0]).measurements.get()
    row.pk = None
    with pytest.raises(IntegrityError, match=r"(?i)unique") as refusal, transaction.atomic():
        row.save(force_insert=True)
    assert broken(refusal.value, Measurement, "measurement_once_per_case")
