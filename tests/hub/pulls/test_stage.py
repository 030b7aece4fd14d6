"""Stage and turn follow from facts, line by line of the table in `hub/pulls/stages.py`."""

from __future__ import annotations

import pytest

from hub import flow
from hub.accounts.models import User
from hub.bench import actions as bench
from hub.bench.models import Attempt
from hub.core import clock
from hub.pulls import actions
from hub.pulls.models import MergeAttempt, PatchSet, PullRequest
from hub.pulls.queries import Facts, Stage, Who, approval, facts_of, stage, whose_turn
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


@played_once
def patch_set(story: Story, cast: Cast) -> PatchSet:
    story.worker()
    return story.push(cast.alice)


def standing(pull: PullRequest) -> tuple[Stage, Who]:
    pull.refresh_from_db()
    return stage(pull), whose_turn(pull).who


def test_a_push_is_the_judges_turn(patch_set: PatchSet) -> None:
    assert standing(patch_set.pull) == (Stage.CHECKING, Who.JUDGE)


def test_without_any_worker_it_is_still_the_judges_turn(story: Story, cast: Cast) -> None:
    patch_set = story.push(cast.alice)
    assert standing(patch_set.pull) == (Stage.CHECKING, Who.JUDGE)
    assert whose_turn(patch_set.pull).since == patch_set.pushed_at


def test_a_running_check_is_still_checking(story: Story, patch_set: PatchSet) -> None:
    story.claim(story.live()[0])
    assert standing(patch_set.pull) == (Stage.CHECKING, Who.JUDGE)


@pytest.mark.parametrize("outcome", ["build_failed", "wrong_answer", "time_limit", "rejected"])
def test_a_check_that_fails_is_the_contributors_turn(story: Story, patch_set: PatchSet, outcome: str) -> None:
    verdict = story.run(story.live()[0], outcome)
    assert standing(patch_set.pull) == (Stage.FAILING, Who.CONTRIBUTOR)
    assert whose_turn(patch_set.pull).since == verdict.job.ended_at


def test_a_passed_check_is_the_mentors_turn_while_timing_goes_on(story: Story, patch_set: PatchSet) -> None:
    story.run(story.live()[0])
    assert [job.kind for job in story.live()] == ["rank"]
    assert standing(patch_set.pull) == (Stage.NEEDS_REVIEW, Who.MENTOR)


def test_a_timing_that_goes_wrong_is_failing_after_all(story: Story, patch_set: PatchSet) -> None:
    story.run(story.live()[0])
    story.run(story.live()[0], "time_limit")
    assert standing(patch_set.pull) == (Stage.FAILING, Who.CONTRIBUTOR)


def test_a_suspicious_run_is_held_until_a_maintainer_decides(
    story: Story, cast: Cast, patch_set: PatchSet
) -> None:
    story.run(story.live()[0])
    verdict = story.run(story.live()[0], "suspicious")
    assert standing(patch_set.pull) == (Stage.HELD, Who.MENTOR)
    flow.rule(verdict, cast.max, "uphold", "Faster than the memory.")
    assert standing(patch_set.pull) == (Stage.FAILING, Who.CONTRIBUTOR)
    flow.rule(verdict, cast.max, "clear", "The floor was wrong.")
    assert standing(patch_set.pull) == (Stage.NEEDS_REVIEW, Who.MENTOR)


def test_what_failed_for_good_comes_before_what_is_held(story: Story, patch_set: PatchSet) -> None:
    story.worker("cpu-b")
    story.run(story.live()[0])
    flow.judge(patch_set)
    first, second = story.live(kind="rank")
    story.run(first, "suspicious")
    story.run(second, "wrong_answer")
    assert standing(patch_set.pull) == (Stage.FAILING, Who.CONTRIBUTOR)


def test_a_timing_run_again_takes_the_place_of_the_first(
    story: Story, cast: Cast, patch_set: PatchSet
) -> None:
    story.run(story.live()[0])
    story.run(story.live()[0], "runtime_error")
    [again] = flow.run_again(patch_set.pull, cast.max)
    assert again.kind == "rank"
    assert standing(patch_set.pull) == (Stage.NEEDS_REVIEW, Who.MENTOR)


def test_a_check_that_our_machines_gave_up_is_trouble_on_our_side(story: Story, patch_set: PatchSet) -> None:
    for _ in range(3):
        story.claim(story.live()[0])
        Attempt.objects.update(lease_until=clock.now())
        bench.reap()
    assert standing(patch_set.pull) == (Stage.PLATFORM_TROUBLE, Who.JUDGE)


def test_asked_changes_are_the_contributors_turn(story: Story, cast: Cast, patch_set: PatchSet) -> None:
    story.run(story.live()[0])
    review = actions.review(patch_set, cast.mei, "changes", "Name it better.")
    assert standing(patch_set.pull) == (Stage.CHANGES_REQUESTED, Who.CONTRIBUTOR)
    assert whose_turn(patch_set.pull).since == review.at


def test_an_approval_before_the_verdict_counts_once_it_passed(
    story: Story, cast: Cast, patch_set: PatchSet
) -> None:
    actions.review(patch_set, cast.mei, "approve")
    assert standing(patch_set.pull) == (Stage.CHECKING, Who.JUDGE)
    story.run(story.live()[0])
    assert standing(patch_set.pull) == (Stage.APPROVED, Who.MENTOR)


def test_one_reviewers_wish_outweighs_anothers_approval(
    story: Story, cast: Cast, patch_set: PatchSet
) -> None:
    story.run(story.live()[0])
    actions.review(patch_set, cast.mei, "changes", "Wait.")
    actions.review(patch_set, cast.max, "approve")
    assert stage(patch_set.pull) is Stage.CHANGES_REQUESTED
    assert approval(patch_set.pull) is None
    actions.review(patch_set, cast.mei, "approve")
    assert stage(patch_set.pull) is Stage.APPROVED


def test_a_remark_changes_nobodys_mind(story: Story, cast: Cast, patch_set: PatchSet) -> None:
    story.run(story.live()[0])
    actions.review(patch_set, cast.mei, "approve")
    actions.review(patch_set, cast.mei, "comment", "By the way …")
    assert stage(patch_set.pull) is Stage.APPROVED


def test_a_new_push_leaves_the_approval_behind(story: Story, cast: Cast) -> None:
    pull = story.approved(cast.alice, by=cast.mei)
    assert stage(pull) is Stage.APPROVED
    story.push(cast.alice)
    assert standing(pull) == (Stage.CHECKING, Who.JUDGE)
    story.run_all()
    assert standing(pull) == (Stage.NEEDS_REVIEW, Who.MENTOR)
    assert approval(pull) is None


@pytest.mark.parametrize(
    "subject",
    [
        "WIP: half of it",
        *(pytest.param(s, marks=pytest.mark.slow) for s in ("[wip] x", "Draft: y", "(draft) z")),
    ],
)
def test_unfinished_work_is_judged_but_asks_for_no_review(story: Story, cast: Cast, subject: str) -> None:
    story.worker()
    patch_set = story.push(cast.alice, subject=subject)
    story.run_all()
    assert standing(patch_set.pull) == (Stage.DRAFT, Who.CONTRIBUTOR)
    story.push(cast.alice, subject="Wipe the buffer; draftsman's work is done")
    story.run_all()
    assert standing(patch_set.pull) == (Stage.NEEDS_REVIEW, Who.MENTOR)


def test_a_merge_under_way_is_the_judges_turn(story: Story, cast: Cast) -> None:
    pull = story.approved(cast.alice, by=cast.mei)
    flow.merge(pull, cast.max)
    assert standing(pull) == (Stage.MERGING, Who.JUDGE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "expected", "words"),
    [
        (MergeAttempt.State.REFUSED, (Stage.FAILING, Who.CONTRIBUTOR), "Merged with main it does not pass"),
        (MergeAttempt.State.OUTDATED, (Stage.APPROVED, Who.MENTOR), "Main moved"),
        (MergeAttempt.State.ABANDONED, (Stage.APPROVED, Who.MENTOR), "Our machines failed"),
    ],
)
def test_what_became_of_the_last_merge_is_said(
    story: Story, cast: Cast, state: str, expected: tuple[Stage, Who], words: str
) -> None:
    pull = story.approved(cast.alice, by=cast.mei)
    actions.end_merge(flow.merge(pull, cast.max), state)
    assert standing(pull) == expected
    assert words in str(whose_turn(pull).sentence)


def test_a_closed_and_a_merged_one_are_nobodys_turn(story: Story, cast: Cast, patch_set: PatchSet) -> None:
    flow.close(patch_set.pull, cast.alice)
    assert standing(patch_set.pull) == (Stage.CLOSED, Who.NOBODY)
    merged = story.merged(cast.bob, by=cast.mei, merger=cast.max)
    assert standing(merged.patch_set.pull) == (Stage.MERGED, Who.NOBODY)


def test_an_example_of_the_house_waits_for_nobody(story: Story, cast: Cast, patch_set: PatchSet) -> None:
    User.objects.filter(pk=cast.alice.pk).update(is_house=True)
    assert whose_turn(PullRequest.objects.get()).who is Who.JUDGE
    story.run_all()
    assert whose_turn(PullRequest.objects.get()).who is Who.NOBODY


@pytest.mark.slow
def test_facts_about_many_take_as_many_queries_as_about_one(
    story: Story, cast: Cast, django_assert_num_queries
) -> None:  # type: ignore[no-untyped-def]
    story.worker()
    for topic in "abcd":
        story.push(cast.alice, topic)
    story.run_all()
    pulls = list(PullRequest.objects.select_related("author"))
    with django_assert_num_queries(4):
        found = facts_of(pulls)
    assert all(isinstance(facts, Facts) and facts.check is not None for facts in found.values())
