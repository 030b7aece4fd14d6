"""A paused worker is given no new job and finishes its own; one that drains leaves when it is done."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from hub import jobs
from hub.bench import actions as bench
from hub.bench import operating, queries
from hub.bench.models import Worker
from hub.core import clock
from hub.core.errors import NotAllowed, NotNow
from tests.hub.story import HARDWARE, Story, attempt_id, hello
from tests.people import Cast


def test_a_paused_worker_gets_no_job_and_is_told_of_none(story: Story, cast: Cast) -> None:
    worker = story.worker()
    operating.pause(worker, cast.max, "new memory")
    job = story.live(patch_set=story.push(cast.alice))[0]
    worker.refresh_from_db()
    assert bench.claim_job(job.pk, worker) is None
    assert queries.workers_online(HARDWARE) == 0
    operating.resume(worker, cast.max)
    worker.refresh_from_db()
    assert bench.claim_job(job.pk, worker) is not None


def test_what_it_runs_it_finishes(story: Story, cast: Cast) -> None:
    worker = story.worker()
    spec = story.claim(story.live(patch_set=story.push(cast.alice))[0])
    operating.pause(worker, cast.max, "new memory")
    assert bench.heartbeat(attempt_id(spec), spec.token, []) is False
    assert bench.hello(worker, hello()) is False
    worker.refresh_from_db()
    assert worker.paused_why == "new memory"


def test_one_that_drains_leaves_when_it_runs_nothing(story: Story, cast: Cast) -> None:
    worker = story.worker()
    story.claim(story.live(patch_set=story.push(cast.alice))[0])
    operating.pause(worker, cast.max, "sold", leaving=True)
    assert operating.retire_drained() == 0
    bench.reap()
    worker.attempts.update(state="cancelled", ended_at=clock.now())
    jobs.sweep()
    worker.refresh_from_db()
    assert worker.retired_at is not None
    assert worker.paused_at is None
    with pytest.raises(NotNow, match="out of service"):
        operating.pause(worker, cast.max, "again")


def test_rights_are_checked_in_the_action(story: Story, cast: Cast) -> None:
    worker = story.worker()
    for act in (
        lambda: operating.pause(worker, cast.mei, "fun"),
        lambda: operating.resume(worker, cast.mei),
        lambda: operating.renew_token(worker, cast.mei),
        lambda: operating.add_worker("rack-7", cast.mei),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_only_a_paused_worker_can_be_leaving(story: Story) -> None:
    story.worker()
    with pytest.raises(IntegrityError, match="worker_that_leaves_takes_no_job"), transaction.atomic():
        Worker.objects.update(is_leaving=True)
