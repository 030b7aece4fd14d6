"""Pushes, workers, sweepers, reviews and merges all at once: afterwards every fact agrees with the others."""

from __future__ import annotations

import contextlib
import random

import pytest

from hub import flow, jobs
from hub.bench import actions as bench
from hub.bench.models import Attempt, Job, Verdict, Worker
from hub.core.errors import Refusal
from hub.pulls import actions as pulls
from hub.pulls.models import MergeAttempt, PatchSet, PullRequest
from hub.pulls.queries import current_patch_set
from hub.rewards.models import Reward
from tests.hub.racing import at_once
from tests.hub.story import Story, result
from tests.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 3


def test_whatever_happens_at_once_the_facts_agree(
    story: Story, cast: Cast, settings, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("hub.bench.wake.send", lambda job: True)
    settings.CHECK_JOBS_A_DAY = settings.RANK_JOBS_A_DAY = 1000
    workers = [story.worker(name=f"w{number}") for number in range(2)]
    chance = random.Random(7)

    def pushes(who: object) -> None:
        for _ in range(ROUNDS):
            story.commit(who)  # type: ignore[arg-type]
            flow.branches_moved(story.task.repository)

    def works(worker: Worker) -> None:
        for _ in range(ROUNDS * 4):
            job = Job.objects.filter(state="queued").first()
            spec = bench.claim_job(job.pk, worker) if job else None
            if spec is None:
                continue
            key = Attempt.objects.get(pk=spec.attempt).pk
            if chance.random() < 0.2:
                flow.attempt_failed(key, spec.token, "chance")
            else:
                timed = spec.kind in ("rank", "confirm")
                flow.result_arrived(key, spec.token, result(ratio=1.5 if timed else None))

    def sweeps() -> None:
        for _ in range(ROUNDS):
            Job.objects.update(not_before=None)
            jobs.run_rules()

    def mentors() -> None:
        for _ in range(ROUNDS * 2):
            for pull in PullRequest.objects.filter(state="open"):
                patch_set = current_patch_set(pull)
                with contextlib.suppress(Refusal):  # the moment may have passed
                    pulls.review(patch_set, cast.mei, "approve")
                with contextlib.suppress(Refusal):
                    flow.merge(pull, cast.max)

    people = [cast.alice, cast.bob]
    found = at_once(
        [
            *[lambda who=who: pushes(who) for who in people],
            *[lambda worker=worker: works(worker) for worker in workers],
            sweeps,
            mentors,
        ]
    )
    assert [error for error in found if error is not None] == []
    finish(story)
    assert_facts_agree(story)


def finish(story: Story) -> None:
    for _ in range(4):
        Job.objects.update(not_before=None)
        jobs.run_rules()
        story.run_all()


def assert_facts_agree(story: Story) -> None:
    assert not Job.objects.filter(state__in=Job.moves.live).exists()
    assert not Attempt.objects.filter(state="open").exists()
    assert not MergeAttempt.objects.filter(state__in=MergeAttempt.moves.live).exists()
    assert not Job.objects.filter(settled_at=None).exists()
    assert Verdict.objects.count() == Job.objects.filter(state="finished").count()
    assert Verdict.objects.exclude(job__state="finished").count() == 0
    assert Attempt.objects.filter(state="delivered").count() == Verdict.objects.count()
    for pull in PullRequest.objects.all():
        numbers = list(PatchSet.objects.filter(pull=pull).values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
    merged = PullRequest.objects.filter(state="merged")
    assert MergeAttempt.objects.filter(state="landed").count() == merged.count()
    assert Reward.objects.filter(kind="merge").count() == merged.count()
