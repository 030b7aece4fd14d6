"""Who may say what about a pull request, and what is kept of it."""

from __future__ import annotations

import pytest

from hub import flow
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls import actions, queries
from hub.pulls.actions import LineComment
from hub.pulls.desk import desk
from hub.pulls.models import Comment, PatchSet, Review
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


@played_once
def patch_set(story: Story, cast: Cast) -> PatchSet:
    return story.push(cast.alice)


def test_nobody_reviews_their_own_work(story: Story, cast: Cast) -> None:
    own = story.push(cast.mei)
    with pytest.raises(NotAllowed, match="your own work"):
        actions.review(own, cast.mei, "approve")
    assert not Review.objects.exists()


@pytest.mark.parametrize("kind", ["approve", "changes"])
def test_contributors_do_not_review_others(patch_set: PatchSet, cast: Cast, kind: str) -> None:
    with pytest.raises(NotAllowed, match="Only mentors and maintainers review"):
        actions.review(patch_set, cast.bob, kind, "words")


def test_a_mentor_of_the_task_needs_no_other_role(patch_set: PatchSet, cast: Cast) -> None:
    patch_set.pull.task.mentors.add(cast.bob)
    assert actions.review(patch_set, cast.bob, "approve").kind == "approve"


def test_a_review_brings_its_line_comments(patch_set: PatchSet, cast: Cast) -> None:
    remarks = [LineComment("solutions/alice/solution.c", 1, "Why?"), LineComment("a", 3, "Gone?", side="old")]
    review = actions.review(patch_set, cast.mei, "changes", line_comments=remarks)
    assert [(c.path, c.line, c.side, c.body) for c in review.comments.all()] == [
        ("solutions/alice/solution.c", 1, "new", "Why?"),
        ("a", 3, "old", "Gone?"),
    ]


def test_one_bad_line_comment_keeps_the_whole_review_from_being_given(
    patch_set: PatchSet, cast: Cast
) -> None:
    remarks = [LineComment("a", 1, "fine"), LineComment("a", 2, "  ")]
    with pytest.raises(BadInput, match="Write something"):
        actions.review(patch_set, cast.mei, "changes", line_comments=remarks)
    assert not Review.objects.exists()
    assert not Comment.objects.exists()


def test_asking_for_changes_needs_a_word(patch_set: PatchSet, cast: Cast) -> None:
    with pytest.raises(BadInput, match="Say what should change"):
        actions.review(patch_set, cast.mei, "changes", "  ")


def test_an_unknown_kind_is_refused_with_those_that_exist(patch_set: PatchSet, cast: Cast) -> None:
    with pytest.raises(BadInput, match="“lgtm” is no kind of review: give one of approve, changes, comment"):
        actions.review(patch_set, cast.mei, "lgtm")


def test_a_review_of_an_older_patch_set_is_refused(story: Story, patch_set: PatchSet, cast: Cast) -> None:
    story.push(cast.alice)
    with pytest.raises(NotNow, match="Patch set 2 was pushed meanwhile; you were looking at 1"):
        actions.review(patch_set, cast.mei, "approve")


def test_a_closed_pull_request_is_not_reviewed(patch_set: PatchSet, cast: Cast) -> None:
    flow.close(patch_set.pull, cast.alice)
    with pytest.raises(NotNow, match="closed"):
        actions.review(patch_set, cast.mei, "approve")


def test_everybody_may_comment(patch_set: PatchSet, cast: Cast) -> None:
    actions.comment(patch_set, cast.bob, "How fast is it?\r\n")
    actions.comment(patch_set, cast.alice, "Very.", path="solutions/alice/solution.c", line=1)
    assert [said.body for said in Comment.objects.all()] == ["How fast is it?", "Very."]


@pytest.mark.parametrize(
    ("remark", "sentence"),
    [
        ({"body": " \n "}, "Write something first"),
        ({"body": "x" * 20_001}, "20001 characters; at most 20000 fit"),
        ({"body": "x", "line": 3}, "line 3 needs a path"),
        ({"body": "x", "path": "a", "line": 0}, "line 0 needs a path and a line"),
        ({"body": "x", "path": "a" * 256, "line": 1}, "is too long"),
        ({"body": "x", "path": "a", "side": "left"}, "“left” is no side of a diff"),
    ],
)
def test_a_comment_that_does_not_fit_is_refused(
    patch_set: PatchSet, cast: Cast, remark: dict[str, object], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        actions.comment(patch_set, cast.bob, **remark)
    assert not Comment.objects.exists()


def test_strangers_neither_close_nor_reopen(patch_set: PatchSet, cast: Cast) -> None:
    with pytest.raises(NotAllowed, match="Only the author, a mentor of the task or a maintainer"):
        flow.close(patch_set.pull, cast.bob)
    flow.close(patch_set.pull, cast.alice)
    with pytest.raises(NotAllowed, match="Only the author"):
        flow.reopen(patch_set.pull, cast.bob)


def test_closing_twice_is_refused_with_the_state(patch_set: PatchSet, cast: Cast) -> None:
    flow.close(patch_set.pull, cast.alice)
    with pytest.raises(NotNow, match="closed by now"):
        flow.close(patch_set.pull, cast.max)


def test_the_timeline_tells_everything_in_order(story: Story, cast: Cast) -> None:
    story.worker()
    first = story.push(cast.alice)
    actions.comment(first, cast.bob, "Nice.")
    story.run(story.live()[0], "wrong_answer")
    second = story.push(cast.alice)
    story.run_all()
    actions.review(second, cast.mei, "changes", "Hm.", [LineComment("a", 1, "here")])
    flow.close(second.pull, cast.alice)
    flow.reopen(second.pull, cast.alice)
    found = [(str(item.kind), item.patch_set) for item in queries.timeline(queries.rows_of(second.pull))]
    assert found == [
        ("opened", None), ("patch_set", 1), ("comment", 1), ("verdict", 1), ("patch_set", 2), ("verdict", 2),
        ("verdict", 2), ("verdict", 2), ("review", 2), ("closed", None), ("reopened", None),
    ]  # fmt: skip


def test_the_desk_shows_first_what_waits_for_a_mentor(story: Story, cast: Cast) -> None:
    story.worker()
    story.push(cast.alice, "judged")
    story.push(cast.bob, "ready")
    checks = story.live()
    story.run(checks[1])
    story.push(cast.mei, "own")
    rows = desk(cast.mei)
    assert [(row.kind, str(row.whose), row.pull.topic) for row in rows if row.pull] == [
        ("review", "mentor", "ready"),
        ("review", "judge", "judged"),
    ]


def test_the_desk_of_a_mentor_of_one_task_shows_that_task_alone(story: Story, cast: Cast) -> None:
    story.push(cast.alice)
    assert desk(cast.bob) == []
    story.task.mentors.add(cast.bob)
    assert len(desk(cast.bob)) == 1


def test_an_approved_one_is_on_the_desk_to_be_merged(story: Story, cast: Cast) -> None:
    pull = story.approved(cast.alice, by=cast.mei)
    assert [(row.kind, row.pull) for row in desk(cast.max)] == [("merge", pull)]


def test_a_proposal_is_on_the_desk(story: Story, cast: Cast) -> None:
    from hub.claims.actions import claim

    type(story.task).objects.update(policy="proposal")
    story.task.refresh_from_db()
    asked = claim(story.task, cast.alice, "I will vectorise it by hand and measure every step of it. " * 3)
    assert [(row.kind, row.claim) for row in desk(cast.mei)] == [("proposal", asked)]


def test_nobody_floods_a_pull_request(
    patch_set: PatchSet, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "COMMENTS_AN_HOUR", 2)
    for _ in range(2):
        actions.comment(patch_set, cast.bob, "Look here")
    with pytest.raises(NotNow, match="2 things within an hour"):
        actions.comment(patch_set, cast.bob, "And here")
    actions.comment(patch_set, cast.mei, "Somebody else may")
