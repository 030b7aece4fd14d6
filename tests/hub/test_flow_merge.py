"""From approval to points: the merge commit is judged, main moves by compare-and-swap, all is paid once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub import flow, honours
from hub.accounts.models import User
from hub.bench import actions as bench
from hub.bench.models import Attempt, Job
from hub.claims.actions import claim
from hub.core import clock
from hub.core.errors import NotAllowed, NotNow
from hub.core.refs import MAIN
from hub.pulls import actions
from hub.pulls.models import MergeAttempt, PullRequest
from hub.repos import git
from hub.rewards.models import Reward
from hub.rewards.queries import points_of
from tests.hub.racing import at_once
from tests.hub.replay import played_once
from tests.hub.story import SOLUTION, Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


@played_once
def pull(story: Story, cast: Cast) -> PullRequest:
    return story.approved(cast.alice, by=cast.mei)


def refreshed(attempt: MergeAttempt) -> MergeAttempt:
    attempt.refresh_from_db()
    attempt.patch_set.pull.refresh_from_db()
    return attempt


def test_main_moves_to_the_judged_merge_commit(story: Story, cast: Cast, pull: PullRequest) -> None:
    before = git.main_sha("vector-add")
    attempt = flow.merge(pull, cast.max)
    assert git.main_sha("vector-add") == before
    story.run_all()
    refreshed(attempt)
    pull.refresh_from_db()
    assert (attempt.state, pull.state) == ("landed", "merged")
    assert pull.merged_sha == attempt.merge_sha == git.main_sha("vector-add")
    assert SOLUTION in git.bundle("vector-add", pull.merged_sha, "solutions/alice")


@pytest.mark.slow
def test_the_files_that_are_judged_are_those_of_the_merge_commit(
    story: Story, cast: Cast, pull: PullRequest
) -> None:
    main = git.main_sha("vector-add")
    git.commit_files("vector-add", MAIN, {"solutions/alice/old.h": b"// was there"}, None, "Other", main)
    flow.merge(pull, cast.max)
    [job] = story.live()
    assert job.kind == "merge"
    assert set(story.claim(job).files) == {SOLUTION, "old.h"}


def test_a_merge_pays_author_and_reviewer(story: Story, cast: Cast, pull: PullRequest) -> None:
    flow.merge(pull, cast.max)
    story.run_all()
    paid = {
        (reward.user.username, reward.kind, reward.points, reward.dedupe_key)
        for reward in Reward.objects.all()
    }
    assert paid == {
        ("alice", "merge", story.task.points, f"merge:{story.task.slug}:alice"),
        ("mei", "review", 5, f"review:{pull.pk}:mei"),
    }


@pytest.mark.slow
def test_merging_twice_pays_once(story: Story, cast: Cast, pull: PullRequest) -> None:
    attempt = flow.merge(pull, cast.max)
    story.run_all()
    [job] = Job.objects.filter(kind="merge")
    flow.job_ended(job)
    flow.land(refreshed(attempt))
    honours.pay_for(pull, {cast.alice: 100})
    assert points_of(cast.alice) == story.task.points
    assert points_of(cast.mei) == 5
    with pytest.raises(NotNow, match="Merged"):
        flow.merge(refreshed(attempt).patch_set.pull, cast.max)


@pytest.mark.slow
def test_a_second_merge_on_the_same_task_pays_no_more(story: Story, cast: Cast, pull: PullRequest) -> None:
    flow.merge(pull, cast.max)
    story.run_all()
    story.merged(cast.alice, by=cast.mei, merger=cast.max, topic="second")
    assert PullRequest.objects.filter(state="merged").count() == 2
    assert points_of(cast.alice) == story.task.points


@pytest.mark.slow
def test_the_claim_has_done_its_duty(make_story: Callable[..., Story], cast: Cast) -> None:
    story = make_story(policy="exclusive")
    held = claim(story.task, cast.alice)
    story.merged(cast.alice, by=cast.mei, merger=cast.max)
    held.refresh_from_db()
    assert held.state == "fulfilled"


@pytest.mark.slow
def test_only_mentors_of_the_task_and_maintainers_merge(cast: Cast, pull: PullRequest) -> None:
    for person in (cast.alice, cast.bob, cast.mei):
        with pytest.raises(NotAllowed, match="Only a mentor of the task or a maintainer merges"):
            flow.merge(pull, person)
    pull.task.mentors.add(cast.mei)
    assert flow.merge(pull, cast.mei).state == "testing"


def test_without_an_approval_of_the_current_patch_set_nothing_merges(
    story: Story, cast: Cast, pull: PullRequest
) -> None:
    story.push(cast.alice)
    with pytest.raises(NotNow, match="has not passed"):
        flow.merge(pull, cast.max)
    story.run_all()
    with pytest.raises(NotNow, match="An approval of an older one does not count"):
        flow.merge(pull, cast.max)


def test_what_did_not_pass_is_not_merged(story: Story, cast: Cast) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    story.run(story.live()[0], "wrong_answer")
    actions.review(patch_set, cast.mei, "approve")
    with pytest.raises(NotNow, match="has not passed"):
        flow.merge(patch_set.pull, cast.max)


def test_a_wish_for_changes_holds_the_merge_up(cast: Cast, pull: PullRequest) -> None:
    actions.review(pull.patch_sets.get(), cast.max, "changes", "Wait.")
    with pytest.raises(NotNow, match="max asks for changes"):
        flow.merge(pull, cast.max)


def test_examples_of_the_house_are_never_merged(cast: Cast, pull: PullRequest) -> None:
    User.objects.filter(pk=cast.alice.pk).update(is_house=True)
    with pytest.raises(NotNow, match="never merged"):
        flow.merge(PullRequest.objects.get(), cast.max)


def test_a_merge_commit_that_fails_is_refused(story: Story, cast: Cast, pull: PullRequest) -> None:
    before = git.main_sha("vector-add")
    attempt = flow.merge(pull, cast.max)
    story.run(story.live()[0], "wrong_answer")
    assert (refreshed(attempt).state, attempt.patch_set.pull.state) == ("refused", "open")
    assert git.main_sha("vector-add") == before
    assert not Reward.objects.exists()


def test_a_conflict_names_the_paths_and_judges_nothing(story: Story, cast: Cast, pull: PullRequest) -> None:
    theirs = {f"solutions/alice/{SOLUTION}": b"// something else\n"}
    git.commit_files("vector-add", MAIN, theirs, None, "Other", git.main_sha("vector-add"))
    attempt = flow.merge(pull, cast.max)
    assert (attempt.state, attempt.detail) == ("conflict", f"solutions/alice/{SOLUTION}")
    assert story.live() == []


@pytest.mark.slow
def test_a_history_with_several_merge_bases_cannot_undo_the_work_of_others(story: Story, cast: Cast) -> None:
    slug = story.task.slug
    first = story.merged(cast.alice, by=cast.mei, merger=cast.max)
    bob = story.push(cast.bob)  # stands on the new main …
    start = git.merge_base(slug, first.main_sha, bob.head_sha)
    own = git.commit_files(
        slug, "refs/heads/mei/side", {"solutions/mei/a.c": b"//"}, None, "Side", start
    )  # … and this beside it
    main = git.main_sha(slug)
    joined = git.commit_merge(slug, git.test_merge(slug, main, own).tree, [main, own], "Join", None)
    assert git.move_main(slug, joined, main)
    # Both `main` of before and the side branch are merge bases; the tree is that of the first alone.
    tree = git.test_merge(slug, main, bob.head_sha).tree
    tricky = git.commit_merge(slug, tree, [main, own], "Both", None)
    assert set(git.changed_names(slug, main, tricky)) == {f"solutions/bob/{SOLUTION}"}
    patch_set = actions.add_patch_set(bob.pull, number=2, head_sha=tricky, base_sha=main, subject="Both")
    assert patch_set is not None
    flow.supersede_older(patch_set)
    flow.judge(patch_set)
    story.run_all()
    actions.review(patch_set, cast.mei, "approve")
    attempt = flow.merge(bob.pull, cast.max)
    assert (attempt.state, attempt.detail) == ("conflict", "solutions/mei/a.c")
    assert git.main_sha(slug) == joined


def test_a_main_that_moved_meanwhile_makes_the_merge_outdated(
    story: Story, cast: Cast, pull: PullRequest
) -> None:
    attempt = flow.merge(pull, cast.max)
    moved = git.commit_files("vector-add", MAIN, {"NEWS": b"x"}, None, "News", git.main_sha("vector-add"))
    story.run_all()
    assert (refreshed(attempt).state, attempt.patch_set.pull.state) == ("outdated", "open")
    assert git.main_sha("vector-add") == moved
    again = flow.merge(pull, cast.max)
    story.run_all()
    assert refreshed(again).state == "landed"


def test_a_push_meanwhile_makes_the_merge_outdated(story: Story, cast: Cast, pull: PullRequest) -> None:
    attempt = flow.merge(pull, cast.max)
    story.push(cast.alice)
    assert refreshed(attempt).state == "outdated"
    assert Job.objects.get(kind="merge").state == "cancelled"


@pytest.mark.slow
def test_a_push_that_the_hub_has_not_taken_in_yet_counts_as_well(
    story: Story, cast: Cast, pull: PullRequest
) -> None:
    attempt = flow.merge(pull, cast.max)
    story.commit(cast.alice)
    story.run_all()
    assert (refreshed(attempt).state, attempt.patch_set.pull.state) == ("outdated", "open")


@pytest.mark.slow
def test_a_deleted_branch_does_not_hold_up_the_merge(
    story: Story, cast: Cast, pull: PullRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = flow.merge(pull, cast.max)
    branches = git.branches
    monkeypatch.setattr(git, "branches", lambda slug: {MAIN: branches(slug)[MAIN]})
    story.run_all()
    assert refreshed(attempt).state == "landed"


def test_a_merge_that_our_machines_fail_at_can_be_tried_again(
    story: Story, cast: Cast, pull: PullRequest
) -> None:
    attempt = flow.merge(pull, cast.max)
    for _ in range(3):
        spec = story.claim(story.live()[0])
        flow.attempt_failed(Attempt.objects.get(pk=spec.attempt).pk, spec.token, "power cut")
    assert refreshed(attempt).state == "abandoned"
    assert flow.merge(pull, cast.max).state == "testing"


def test_what_is_being_merged_is_neither_closed_nor_merged_again(cast: Cast, pull: PullRequest) -> None:
    flow.merge(pull, cast.max)
    with pytest.raises(NotNow, match="being merged just now"):
        flow.close(pull, cast.alice)
    with pytest.raises(NotNow, match="being judged"):
        flow.merge(pull, cast.max)


def test_a_death_after_main_moved_is_made_good(
    story: Story, cast: Cast, pull: PullRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = flow.merge(pull, cast.max)

    def dies(_: MergeAttempt) -> bool:
        raise KeyboardInterrupt("killed")

    with monkeypatch.context() as patched:
        patched.setattr(actions, "landed", dies)
        with pytest.raises(KeyboardInterrupt, match="killed"):
            story.run_all()
    assert refreshed(attempt).state == "landing"
    assert git.main_sha("vector-add") == attempt.merge_sha
    assert flow.land(attempt) is True
    assert (refreshed(attempt).state, attempt.patch_set.pull.state) == ("landed", "merged")
    assert points_of(cast.alice) == story.task.points


def test_what_is_landing_is_not_stopped_by_a_push(story: Story, cast: Cast, pull: PullRequest) -> None:
    attempt = flow.merge(pull, cast.max)
    assert actions.begin_landing(attempt) is True
    story.push(cast.alice)
    assert refreshed(attempt).state == "landing"
    assert flow.land(attempt) is True
    assert refreshed(attempt).patch_set.pull.merged_sha == attempt.merge_sha


@pytest.mark.slow
def test_the_timing_of_merged_work_goes_on(story: Story, cast: Cast) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    story.run(story.live()[0])
    actions.review(patch_set, cast.mei, "approve")
    flow.merge(patch_set.pull, cast.max)
    [merge] = story.live(kind="merge")
    story.run(merge)
    [rank] = story.live()
    assert (rank.kind, rank.patch_set.pull.state) == ("rank", "merged")
    story.run(rank)


def test_a_merge_waits_for_a_worker_if_there_is_none(story: Story, cast: Cast, pull: PullRequest) -> None:
    bench.retire_worker(story.worker())
    attempt = flow.merge(pull, cast.max)
    assert story.live() == []
    story.worker("cpu-arm-neon")
    assert [job.merge_attempt for job in story.live(kind="merge")] == [attempt]


@pytest.mark.django_db(transaction=True)
def test_two_who_merge_at_once_make_one_merge(story: Story, cast: Cast, pull: PullRequest) -> None:
    found = at_once([lambda: flow.merge(pull, cast.max)] * 2)
    assert sorted(type(each).__name__ for each in found) == ["MergeAttempt", "NotNow"]
    assert MergeAttempt.objects.count() == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_many_who_land_the_same_merge_at_once_pay_once(story: Story, cast: Cast, pull: PullRequest) -> None:
    attempt = flow.merge(pull, cast.max)
    assert actions.begin_landing(attempt) is True
    rows = [MergeAttempt.objects.get(pk=attempt.pk) for _ in range(4)]
    found = at_once([lambda row=row: flow.land(row) for row in rows])
    assert found == [True] * 4
    assert refreshed(attempt).state == "landed"
    assert points_of(cast.alice) == story.task.points
    assert points_of(cast.mei) == 5


@pytest.mark.slow
def test_approval_of_two_pull_requests_merges_both(story: Story, cast: Cast) -> None:
    first = story.merged(cast.alice, by=cast.mei, merger=cast.max)
    second = story.merged(cast.bob, by=cast.mei, merger=cast.max)
    assert (first.state, second.state) == ("landed", "landed")
    names = git.bundle("vector-add", git.main_sha("vector-add"), "solutions")
    assert {f"alice/{SOLUTION}", f"bob/{SOLUTION}"} <= set(names)
    assert second.ended_at is not None
    assert second.ended_at <= clock.now()
