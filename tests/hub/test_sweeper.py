"""The sweeper derives again whatever a death between two lines has left undone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.apps import apps

from hub import flow, jobs
from hub.bench import actions as bench
from hub.bench.models import Attempt, Job
from hub.catalog.models import Task
from hub.claims.actions import claim
from hub.claims.models import Claim
from hub.core import clock
from hub.core.transitions import Transitions
from hub.pulls import actions as pulls
from hub.pulls.models import MergeAttempt, PatchSet
from hub.repos import git
from hub.rulings.models import Rejudge
from tests.hub.story import Story
from tests.people import Cast

pytestmark = pytest.mark.django_db

# Live states in which nothing can get stuck, each with the reason.
AT_REST = {
    f"{Task.__name__}.published": "a task stays published until a maintainer retires it",
    f"{Task.__name__}.retired": "a task stays retired until it is published again",
    "Claim.invited": "it waits for whoever is invited, and ends with the claim that it would share",
    "Claim.requested": "it waits for a mentor; their desk shows since when",
    "Application.submitted": "it waits for the choice; the programme's page counts how many do",
    "Application.withdrawn": "it stays withdrawn unless its author applies anew",
    f"{Rejudge.__name__}.ready": "it waits for a maintainer; the list of sets and the desk show since when",
}


def live_states() -> set[str]:
    """Model.state of every transition table of every app that is not terminal."""
    tables = [model for model in apps.get_models() if isinstance(getattr(model, "moves", None), Transitions)]
    return {f"{model.__name__}.{state}" for model in tables for state in model.moves.live}


@pytest.fixture(autouse=True)
def _no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.bench.wake.send", lambda job: True)


def test_every_live_state_of_every_table_has_a_rule() -> None:
    covered = {state for rule in jobs.RULES for state in rule.covers} | set(AT_REST)
    assert live_states() - covered == set(), (
        "a row could stay in this state for ever: add a rule to hub/jobs.py"
    )


def test_no_rule_looks_after_a_state_that_does_not_exist() -> None:
    assert {state for rule in jobs.RULES for state in rule.covers} <= live_states()


def test_when_nothing_is_left_undone_nothing_happens(story: Story, cast: Cast) -> None:
    story.worker()
    story.merged(cast.alice, by=cast.mei, merger=cast.max)
    before = (Job.objects.count(), PatchSet.objects.count(), MergeAttempt.objects.count())
    assert jobs.run_rules() == 0
    assert (Job.objects.count(), PatchSet.objects.count(), MergeAttempt.objects.count()) == before


def test_a_push_whose_end_nobody_saw_becomes_a_patch_set(story: Story, cast: Cast) -> None:
    story.worker()
    sha = story.commit(cast.alice)
    jobs.run_rules()
    assert PatchSet.objects.get().head_sha == sha
    assert [job.kind for job in story.live()] == ["check"]


def test_a_patch_set_without_a_check_gets_one(story: Story, cast: Cast) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    bench.cancel_job(story.live()[0], "lost")
    jobs.run_rules()
    assert [(job.kind, job.patch_set) for job in story.live()] == [("check", patch_set)]


def test_a_verdict_nobody_acted_on_is_acted_on(
    story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.worker()
    story.push(cast.alice)
    with monkeypatch.context() as dead:
        dead.setattr(flow, "job_ended", lambda job: None)
        story.run(story.live()[0])
        assert story.live() == []
    jobs.run_rules()
    assert [job.kind for job in story.live()] == ["rank"]
    assert Job.objects.get(kind="check").settled_at is not None


def test_a_passed_check_without_timing_is_timed(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    story.run(story.live()[0])
    bench.cancel_job(story.live()[0], "lost")
    jobs.run_rules()
    assert [job.kind for job in story.live()] == ["rank"]


def test_a_first_place_nobody_acted_on_is_confirmed(
    story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.worker()
    story.push(cast.alice)
    story.run(story.live()[0])
    with monkeypatch.context() as dead:
        dead.setattr(flow, "job_ended", lambda job: None)
        story.run(story.live()[0])
    jobs.run_rules()
    assert [job.kind for job in story.live()] == ["confirm"]


def test_a_merge_without_a_job_is_judged(story: Story, cast: Cast) -> None:
    pull = story.approved(cast.alice, by=cast.mei)
    patch_set = pull.patch_sets.get()
    main = git.main_sha("vector-add")
    attempt = pulls.start_merge(patch_set, cast.max, main_sha=main, merge_sha=patch_set.head_sha)
    jobs.run_rules()
    assert [(job.kind, job.merge_attempt) for job in story.live()] == [("merge", attempt)]


def test_a_merge_that_was_judged_lands(story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = flow.merge(story.approved(cast.alice, by=cast.mei), cast.max)
    with monkeypatch.context() as dead:
        dead.setattr(flow, "job_ended", lambda job: None)
        story.run_all()
    jobs.run_rules()
    attempt.refresh_from_db()
    assert attempt.state == "landed"


def test_a_merge_that_was_decided_lands(story: Story, cast: Cast) -> None:
    attempt = flow.merge(story.approved(cast.alice, by=cast.mei), cast.max)
    assert pulls.begin_landing(attempt)
    jobs.run_rules()
    attempt.refresh_from_db()
    attempt.patch_set.pull.refresh_from_db()
    assert (attempt.state, attempt.patch_set.pull.state) == ("landed", "merged")
    assert git.main_sha("vector-add") == attempt.merge_sha


def test_a_merge_whose_job_was_cancelled_is_outdated(story: Story, cast: Cast) -> None:
    attempt = flow.merge(story.approved(cast.alice, by=cast.mei), cast.max)
    bench.cancel_job(story.live()[0], "by hand")
    jobs.run_rules()
    attempt.refresh_from_db()
    assert attempt.state == "outdated"


def test_jobs_that_nobody_waits_for_are_cancelled(story: Story, cast: Cast) -> None:
    story.worker()
    closed, old = story.push(cast.alice, "closed"), story.push(cast.alice, "pushed")
    pulls.close(closed.pull, cast.alice)  # and the process died before the jobs were cancelled
    pulls.add_patch_set(old.pull, number=2, head_sha=old.head_sha, base_sha=old.base_sha, subject="")
    jobs.run_rules()
    assert closed.jobs.get().state == "cancelled"
    assert old.jobs.get().state == "cancelled"


def test_silent_attempts_are_lost_but_not_at_the_hubs_own_start(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    story.claim(story.live()[0])
    Attempt.objects.update(heard_at=clock.now() - timedelta(minutes=5))
    jobs.run_rules(reaping=False)
    assert Attempt.objects.get().state == "open"
    jobs.run_rules()
    assert Attempt.objects.get().state == "lost"


def test_one_rule_that_fails_does_not_stop_the_others(
    story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    bench.cancel_job(story.live()[0], "lost")

    def breaks(_: str) -> dict[str, str]:
        raise OSError("no such folder")

    monkeypatch.setattr(git, "branches", breaks)
    jobs.run_rules()
    assert "left for the next sweep" in caplog.text
    assert [job.patch_set for job in story.live()] == [patch_set]


def grow_old() -> None:
    long_ago = clock.now() - timedelta(days=60)
    Claim.objects.update(active_since=long_ago, pushed_at=long_ago, last_activity_at=long_ago)


@pytest.fixture
def idle(make_story: Callable[..., Story], cast: Cast) -> tuple[Story, Claim]:
    """An exclusive claim whose last push lies long back."""
    story = make_story(policy="exclusive")
    held = claim(story.task, cast.alice)
    story.worker()
    story.push(cast.alice)
    grow_old()
    return story, held


def test_a_claim_lapses_on_the_contributors_turn(idle: tuple[Story, Claim]) -> None:
    story, held = idle
    story.run(story.live()[0], "wrong_answer")
    grow_old()
    jobs.run_rules()
    held.refresh_from_db()
    assert held.state == "expired"


def test_the_clock_of_a_claim_stands_still_while_others_are_to_move(idle: tuple[Story, Claim]) -> None:
    story, held = idle
    story.run_all()
    grow_old()
    jobs.run_rules()
    held.refresh_from_db()
    assert held.state == "active"
    assert held.last_activity_at > clock.now() - timedelta(minutes=1)


def test_a_review_starts_the_contributors_clock_anew(idle: tuple[Story, Claim], cast: Cast) -> None:
    story, held = idle
    story.run_all()
    grow_old()
    flow.review(PatchSet.objects.get(), cast.mei, "changes", "Sixty days later: please …")
    jobs.run_rules()
    held.refresh_from_db()
    assert held.state == "active"


def test_the_sweeper_runs_when_its_process_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[bool] = []
    monkeypatch.setattr(jobs, "run_rules", lambda *, reaping=True: ran.append(reaping) or 0)
    jobs.SweepAtStart(None).start(None)
    jobs.sweep()
    assert ran == [False, True]
    assert jobs.SweepAtStart in jobs.app.steps["consumer"]
