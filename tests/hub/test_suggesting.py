"""The author takes over a suggestion: a commit on the branch, under the rules of a push, judged as one."""

from __future__ import annotations

import pytest

from hub import suggesting
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls import actions
from hub.pulls.models import Comment, PatchSet
from hub.repos import git
from tests.hub.replay import played_once
from tests.hub.story import SOLUTION, Story
from tests.people import Cast

PATH = f"solutions/alice/{SOLUTION}"
ONE = "Better:\n```suggestion\nint b = 2;\n```"


@played_once
def pushed(story: Story, cast: Cast) -> PatchSet:
    return story.push(cast.alice, files={SOLUTION: b"int a;\nint b;\nint c;\n"})


def say(patch_set: PatchSet, cast: Cast, body: str = ONE, line: int = 2, path: str = PATH) -> Comment:
    return actions.comment(patch_set, cast.mei, body, path, line=line)


def test_suggestions_become_the_next_patch_set_and_their_threads_are_resolved(
    pushed: PatchSet, cast: Cast
) -> None:
    remarks = [say(pushed, cast), say(pushed, cast, "```suggestion\n```", 3)]
    made = suggesting.apply(pushed.pull, cast.alice, remarks)
    assert (made.number, made.subject) == (2, "Apply 2 suggestions of mei")
    assert git.content(pushed.pull.task.slug, made.head_sha, PATH) == b"int a;\nint b = 2;\n"
    assert git.branches(pushed.pull.task.slug)[pushed.pull.ref] == made.head_sha
    for remark in Comment.objects.all():
        assert (remark.resolved_by, remark.applied_sha) == (cast.alice, made.head_sha)
    with pytest.raises(NotNow, match="older patch set"):
        suggesting.apply(pushed.pull, cast.alice, remarks)


def test_only_the_author_of_an_open_pull_request_does_that(pushed: PatchSet, cast: Cast) -> None:
    remark = say(pushed, cast)
    for person in (cast.bob, cast.mei, cast.max):
        with pytest.raises(NotAllowed):
            suggesting.apply(pushed.pull, person, [remark])
    actions.close(pushed.pull, cast.alice)
    pushed.pull.refresh_from_db()
    with pytest.raises(NotNow):
        suggesting.apply(pushed.pull, cast.alice, [remark])


def test_what_suggests_nothing_or_no_line_that_is_there_is_refused(pushed: PatchSet, cast: Cast) -> None:
    wrong = [
        say(pushed, cast, "Just words"),
        say(pushed, cast, line=99),
        say(pushed, cast, path="solutions/alice/other.c"),
        say(pushed, cast, "```suggestion\nint b;\n```"),
    ]
    for remark in wrong:
        with pytest.raises(BadInput):
            suggesting.apply(pushed.pull, cast.alice, [remark])
    with pytest.raises(BadInput):
        suggesting.apply(pushed.pull, cast.alice, [])
    assert PatchSet.objects.count() == 1


def test_the_rules_of_a_push_hold(pushed: PatchSet, cast: Cast) -> None:
    remark = say(pushed, cast, path="README.md", line=1)
    with pytest.raises(BadInput, match="Refused"):
        suggesting.apply(pushed.pull, cast.alice, [remark])
    assert git.branches(pushed.pull.task.slug)[pushed.pull.ref] == pushed.head_sha


def test_a_branch_that_has_moved_is_left_as_it_is(story: Story, pushed: PatchSet, cast: Cast) -> None:
    remark = say(pushed, cast)
    newer = story.commit(cast.alice)
    with pytest.raises(NotNow, match="newer commit"):
        suggesting.apply(pushed.pull, cast.alice, [remark])
    assert git.branches(pushed.pull.task.slug)[pushed.pull.ref] == newer
    remark.refresh_from_db()
    assert remark.applied_sha == ""
