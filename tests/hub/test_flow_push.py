"""From push to verdict: patch sets, jobs, timing, confirmation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub import flow
from hub.audit.models import Event
from hub.bench.models import Job
from hub.claims.actions import claim
from hub.claims.models import Claim
from hub.core.errors import NotAllowed, NotNow
from hub.pulls.models import PatchSet, PullRequest
from hub.repos import git
from hub.repos.models import Push
from tests.hub.racing import at_once
from tests.hub.story import HARDWARE, Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


def test_a_published_task_has_a_repository_with_readme_and_starters(story: Story) -> None:
    names = git.bundle("vector-add", git.main_sha("vector-add"), "")
    assert "README.md" in names
    assert any(name.startswith("starter/") for name in names)


def test_publishing_again_changes_nothing(story: Story) -> None:
    from hub.catalog.queries import files_of

    before = git.main_sha("vector-add")
    assert flow.publish_task("vector-add", files_of(story.task.current)) == story.task.current
    assert git.main_sha("vector-add") == before


def test_a_first_push_opens_a_pull_request(story: Story, cast: Cast) -> None:
    sha = story.commit(cast.alice, "simd", subject="Use wide registers\n\nBody.")
    [patch_set] = flow.branches_moved(story.task.repository)
    pull = patch_set.pull
    assert (pull.author, pull.topic, pull.title) == (cast.alice, "simd", "Use wide registers")
    assert (patch_set.number, patch_set.head_sha) == (1, sha)
    assert patch_set.base_sha == git.main_sha("vector-add")
    assert patch_set.revision == story.task.current
    assert Push.objects.get().new == sha


def test_taking_in_twice_changes_nothing(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    assert flow.branches_moved(story.task.repository) == []
    assert (PatchSet.objects.count(), Job.objects.count()) == (1, 1)


def test_the_title_is_of_the_first_commit_and_each_patch_set_has_its_own_subject(
    story: Story, cast: Cast
) -> None:
    story.push(cast.alice, subject="First")
    story.push(cast.alice, subject="Second")
    assert PullRequest.objects.get().title == "First"
    assert [patch_set.subject for patch_set in PatchSet.objects.all()] == ["First", "Second"]


def test_a_push_that_nobody_told_of_is_found_later(story: Story, cast: Cast) -> None:
    story.commit(cast.alice, "one")
    story.commit(cast.bob, "two")
    found = flow.branches_moved(story.task.repository)
    assert {patch_set.pull.topic for patch_set in found} == {"one", "two"}


def test_a_branch_of_nobody_we_know_is_left_alone(story: Story, cast: Cast) -> None:
    cast.alice.username = "stranger"
    story.commit(cast.alice)
    assert flow.branches_moved(story.task.repository) == []


def test_one_branch_that_cannot_be_taken_in_does_not_hold_up_the_others(
    story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = story.commit(cast.alice)
    story.commit(cast.bob)
    commits = git.commits

    def broken(slug: str, base: str, head: str) -> list[git.CommitLine]:
        if head == bad:
            raise git.GitFailed("damaged")
        return commits(slug, base, head)

    monkeypatch.setattr(git, "commits", broken)
    assert [patch_set.pull.author for patch_set in flow.branches_moved(story.task.repository)] == [cast.bob]


def test_a_first_push_to_an_open_task_claims_it(story: Story, cast: Cast) -> None:
    story.push(cast.alice)
    held = Claim.objects.get(user=cast.alice)
    assert (held.state, held.pushed_at is not None) == ("active", True)


def test_a_push_winds_the_clock_of_a_claim(make_story: Callable[..., Story], cast: Cast) -> None:
    story = make_story(policy="exclusive")
    held = claim(story.task, cast.alice)
    story.push(cast.alice)
    held.refresh_from_db()
    assert held.pushed_at is not None


def test_a_new_push_cancels_the_jobs_of_the_older_patch_set(story: Story, cast: Cast) -> None:
    story.worker()
    first = story.push(cast.alice)
    spec = story.claim(story.live()[0])
    second = story.push(cast.alice)
    old = first.jobs.get()
    assert (old.state, old.attempts.get().state) == ("cancelled", "cancelled")
    assert str(old.pk) == spec.job
    assert [job.patch_set for job in story.live()] == [second]
    assert Event.objects.get(verb="job.cancelled").data == {"why": "patch set 2 was pushed"}


def test_pushes_of_others_cancel_nothing(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    story.push(cast.bob)
    story.push(cast.alice, "other")
    assert len(story.live()) == 3


def test_a_closed_pull_request_takes_no_more_patch_sets_until_it_is_reopened(
    story: Story, cast: Cast
) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    flow.close(patch_set.pull, cast.alice)
    assert story.live() == []
    sha = story.commit(cast.alice)
    assert flow.branches_moved(story.task.repository) == []
    flow.reopen(patch_set.pull, cast.alice)
    [newer] = flow.branches_moved(story.task.repository)
    assert (newer.number, newer.head_sha) == (2, sha)


def test_reopening_judges_what_closing_had_stopped(story: Story, cast: Cast) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    flow.close(patch_set.pull, cast.alice)
    [job] = flow.reopen(patch_set.pull, cast.alice)
    assert (job.kind, job.state) == ("check", "queued")


def test_timing_comes_only_after_the_check_has_passed(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    story.push(cast.bob)
    first, second = story.live()
    assert {first.kind, second.kind} == {"check"}
    story.run(first, "wrong_answer")
    story.run(second)
    assert [(job.kind, job.patch_set.pull.author) for job in story.live()] == [("rank", cast.bob)]


def test_it_is_timed_on_every_class_that_fits(story: Story, cast: Cast) -> None:
    for name in ("cpu-a", "cpu-b", "gpu-h100"):
        story.worker(name)
    story.push(cast.alice)
    story.run(story.live()[0])
    assert sorted(job.hardware_class for job in story.live(kind="rank")) == ["cpu-a", "cpu-b"]


def test_a_new_first_place_is_confirmed_once(story: Story, cast: Cast) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    story.run(story.live()[0])
    story.run(story.live()[0], ratio=1.4)
    [confirm] = story.live()
    assert (confirm.kind, confirm.hardware_class) == ("confirm", HARDWARE)
    story.run(confirm, ratio=1.38)
    assert story.live() == []
    assert patch_set.jobs.count() == 3


def test_whoever_comes_onto_the_podium_is_confirmed(story: Story, cast: Cast) -> None:
    story.worker()
    pushed = []
    for who, ratio in ((cast.alice, 2.0), (cast.bob, 1.8), (cast.mei, 1.6), (cast.max, 1.2)):
        pushed.append(story.push(who))
        story.run_all(ratio)
    confirmed = Job.objects.filter(kind="confirm").order_by("queued_at")
    assert [job.patch_set for job in confirmed] == pushed[:3]


def test_every_job_that_ended_is_settled(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice)
    story.run_all()
    assert not Job.objects.filter(settled_at=None).exists()


def test_a_failure_in_what_follows_does_not_refuse_the_result(
    story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.worker()
    story.push(cast.alice)

    def breaks(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(flow, "judge", breaks)
    story.run(story.live()[0])
    job = Job.objects.get()
    assert (job.state, job.settled_at) == ("finished", None)


def test_the_author_runs_again_only_what_our_machines_failed_at(story: Story, cast: Cast) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    story.run(story.live()[0], "time_limit")
    with pytest.raises(NotNow, match="nothing to run again"):
        flow.run_again(patch_set.pull, cast.alice)
    with pytest.raises(NotAllowed, match="Only the author"):
        flow.run_again(patch_set.pull, cast.bob)
    [again] = flow.run_again(patch_set.pull, cast.max)
    assert (again.kind, again.state) == ("check", "queued")


@pytest.mark.django_db(transaction=True)
def test_one_push_taken_in_by_many_at_once_is_one_patch_set_and_one_job(story: Story, cast: Cast) -> None:
    story.worker()
    story.commit(cast.alice)
    repository = story.task.repository
    found = at_once([lambda: flow.branches_moved(repository)] * 4)
    assert [error for error in found if isinstance(error, Exception)] == []
    assert sum(len(added) for added in found) == 1
    assert (PullRequest.objects.count(), PatchSet.objects.count(), Job.objects.count()) == (1, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_a_stale_look_at_a_branch_never_follows_a_newer_one(
    story: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look at the branches and our write, somebody else takes in a newer push."""
    story.commit(cast.alice)
    branches, other = git.branches, []

    def looked_at_too_early(slug: str) -> dict[str, str]:
        seen = branches(slug)
        if len(other) == 1:  # the second look of the outer call: the first one is `note_pushes`
            other.append("inside")
            story.commit(cast.alice)
            flow.branches_moved(story.task.repository)
        elif not other:
            other.append("outside")
        return seen

    monkeypatch.setattr(git, "branches", looked_at_too_early)
    flow.branches_moved(story.task.repository)
    heads = [patch_set.head_sha for patch_set in PatchSet.objects.order_by("number")]
    assert heads == [branches("vector-add")["refs/heads/alice/fast"]]
