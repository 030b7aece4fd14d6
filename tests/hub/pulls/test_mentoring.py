"""A mentor's desk: room for so many reviews, saved replies, what authors say, how long first reviews take."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError

from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls import actions, mentoring, mentors
from hub.pulls.models import PatchSet, Rating, Review
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.people import Cast


@played_once
def passed(story: Story, cast: Cast) -> PatchSet:
    story.worker()
    patch_set = story.push(cast.alice)
    story.run_all()
    return patch_set


def test_a_mentor_with_enough_to_do_takes_no_more_until_there_is_room(
    story: Story, passed: PatchSet, cast: Cast
) -> None:
    other = story.push(cast.bob).pull
    mentoring.set_capacity(cast.mei, 1)
    mentoring.take(passed.pull, cast.mei)
    mentoring.take(passed.pull, cast.mei)
    with pytest.raises(NotNow, match="as many as you chose"):
        mentoring.take(other, cast.mei)
    actions.review(passed, cast.mei, "approve")
    assert mentors.care_of(cast.mei).pulls == {passed.pull_id}
    actions.close(passed.pull, cast.alice)
    mentoring.take(other, cast.mei)
    assert mentors.care_of(cast.max).capacity == mentors.CAPACITY


@pytest.mark.parametrize("number", [-1, mentoring.CAPACITY_MOST + 1])
def test_a_capacity_that_nobody_has_is_refused(cast: Cast, number: int) -> None:
    with pytest.raises(BadInput):
        mentoring.set_capacity(cast.mei, number)


def test_replies_are_ones_own(cast: Cast) -> None:
    mentoring.save_reply(cast.mei, " The  tail ", "Look\r\nthere")
    mentoring.save_reply(cast.mei, "The tail", "Look here")
    (reply,) = cast.mei.saved_replies.all()
    assert (reply.name, reply.body) == ("The tail", "Look here")
    with pytest.raises(NotNow):
        mentoring.forget_reply(cast.max, reply.pk)
    mentoring.forget_reply(cast.mei, reply.pk)
    assert not cast.mei.saved_replies.exists()
    for name, body in (("", "x"), ("x", " "), ("x" * 61, "x")):
        with pytest.raises(BadInput):
            mentoring.save_reply(cast.mei, name, body)


def test_the_author_rates_each_mentor_once_when_it_has_ended(passed: PatchSet, cast: Cast) -> None:
    pull = passed.pull
    actions.review(passed, cast.mei, "changes", "The tail")
    with pytest.raises(NotNow, match="has ended"):
        mentoring.rate(pull, cast.alice, cast.mei, 5)
    actions.close(pull, cast.alice)
    pull.refresh_from_db()
    for by, mentor in ((cast.bob, cast.mei), (cast.mei, cast.mei), (cast.alice, cast.max)):
        with pytest.raises(NotAllowed):
            mentoring.rate(pull, by, mentor, 5)
    with pytest.raises(BadInput):
        mentoring.rate(pull, cast.alice, cast.mei, 2)
    assert list(mentors.unrated(pull)) == [cast.mei]
    mentoring.rate(pull, cast.alice, cast.mei, 4)
    assert list(mentors.unrated(pull)) == []
    with pytest.raises(NotNow, match="already"):
        mentoring.rate(pull, cast.alice, cast.mei, 1)
    with pytest.raises(IntegrityError):
        Rating.objects.update(score=2)


def test_the_first_answer_of_a_mentor_counts_from_the_end_of_the_check(
    story: Story, passed: PatchSet, cast: Cast
) -> None:
    second = story.push(cast.bob)
    story.run_all()
    actions.review(passed, cast.mei, "changes", "The tail")
    actions.review(passed, cast.max, "changes", "The head")
    actions.review(second, cast.mei, "comment", "A word")
    ready = passed.jobs.get(kind="check").ended_at
    Review.objects.filter(reviewer=cast.mei, patch_set=passed).update(at=ready + timedelta(hours=2))
    Review.objects.filter(patch_set=second).update(at=clock.now())
    waits, rows = mentors.figures()
    mei, other = rows
    assert (mei.mentor, mei.reviews, mei.contributors, mei.waits.number) == (cast.mei, 2, 2, 2)
    assert (other.reviews, other.waits.number) == (1, 0)
    assert waits == mei.waits
    assert waits.median is not None
    assert timedelta(hours=1) <= waits.median < timedelta(hours=1, minutes=30)


def test_what_is_long_ago_is_not_counted(passed: PatchSet, cast: Cast) -> None:
    actions.review(passed, cast.mei, "approve")
    Review.objects.update(at=clock.now() - mentors.WINDOW - timedelta(days=1))
    assert mentors.figures() == (mentors.Waits(None, 0), [])
