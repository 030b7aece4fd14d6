"""Threads are answered by all, resolved once by whom it concerns. A review has one mentor at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError

from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls import actions, locks, threads
from hub.pulls.models import Comment, PatchSet, ReviewLock
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.people import Cast

PATH = "solutions/alice/solution.c"


@played_once
def remarked(story: Story, cast: Cast) -> Comment:
    """mei's remark on line 1 of alice's work."""
    return actions.comment(story.push(cast.alice), cast.mei, "Why?", PATH, line=1)


def test_an_answer_stands_where_the_thread_does(remarked: Comment, cast: Cast) -> None:
    first = threads.answer(remarked, cast.alice, "Because")
    second = threads.answer(first, cast.bob, "Indeed")
    assert [row.thread for row in (first, second)] == [remarked, remarked]
    assert (second.path, second.side, second.line) == (PATH, "new", 1)


@pytest.mark.parametrize("name", ["alice", "mei", "max"])
def test_whom_it_concerns_resolves_a_thread_and_opens_it_again(
    remarked: Comment, cast: Cast, name: str
) -> None:
    person = getattr(cast, name)
    threads.resolve(remarked, person)
    with pytest.raises(NotNow):
        threads.resolve(remarked, person)
    remarked.refresh_from_db()
    assert remarked.resolved_by == person
    threads.unresolve(threads.answer(remarked, cast.bob, "No"), person)
    with pytest.raises(NotNow):
        threads.unresolve(remarked, person)


def test_others_only_answer(remarked: Comment, cast: Cast) -> None:
    for act in (threads.resolve, threads.unresolve):
        with pytest.raises(NotAllowed):
            act(remarked, cast.bob)


def test_a_remark_on_no_line_has_no_thread(remarked: Comment, cast: Cast) -> None:
    said = actions.comment(remarked.patch_set, cast.alice, "Hello")
    with pytest.raises(BadInput):
        threads.answer(said, cast.mei, "Hello")
    with pytest.raises(IntegrityError):
        Comment.objects.filter(pk=said.pk).update(resolved_at=clock.now(), resolved_by=cast.mei)


def test_a_review_is_taken_by_one_mentor_and_given_back_by_it(remarked: Comment, cast: Cast) -> None:
    patch_set = remarked.patch_set
    locks.take(patch_set.pull, cast.mei)
    locks.take(patch_set.pull, cast.mei)
    with pytest.raises(NotNow, match="mei has taken this review"):
        locks.take(patch_set.pull, cast.max)
    with pytest.raises(NotNow, match="mei has taken this review"):
        actions.review(patch_set, cast.max, "changes", "The tail")
    actions.review(patch_set, cast.max, "comment", "A word is free")
    actions.review(patch_set, cast.mei, "changes", "The head")
    assert locks.lock_of(patch_set.pull) is None
    actions.review(patch_set, cast.max, "changes", "The tail")


def test_a_lock_runs_out_and_another_mentor_takes_it(remarked: Comment, cast: Cast) -> None:
    pull = remarked.patch_set.pull
    locks.take(pull, cast.mei)
    ReviewLock.objects.update(until=clock.now() - timedelta(seconds=1))
    locks.take(pull, cast.max)
    held = locks.lock_of(pull)
    assert held is not None
    assert held.mentor == cast.max
    with pytest.raises(IntegrityError):
        ReviewLock.objects.create(pull=pull, mentor=cast.mei, until=clock.now())


def test_who_may_not_review_takes_nothing_and_nobody_takes_too_much(
    story: Story, remarked: Comment, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull = PatchSet.objects.get().pull
    for person in (cast.alice, cast.bob):
        with pytest.raises(NotAllowed):
            locks.take(pull, person)
    monkeypatch.setattr(locks, "MOST", 1)
    locks.take(pull, cast.mei)
    locks.take(pull, cast.mei)
    with pytest.raises(NotNow, match="finish or give back"):
        locks.take(story.push(cast.bob).pull, cast.mei)
