"""Discussions of tasks: threads, who may hide what, and what stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from hub.catalog.models import Task
from hub.community import queries
from hub.community.actions import BODY_LONGEST, POSTS_AN_HOUR, hide, say, show
from hub.community.models import Post
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from tests import people


@pytest.fixture
def task(make_task: Callable[..., Task]) -> Task:
    return make_task()


def test_a_reply_to_a_reply_joins_the_same_thread(task: Task, cast: people.Cast) -> None:
    first = say(task, cast.alice, "Why is the tail slow?")
    reply = say(task, cast.bob, "Unaligned loads?", first)
    say(task, cast.alice, "Yes!", reply)
    say(task, cast.mei, "Another question")
    [newest, oldest] = queries.threads(task, 0, 3)
    assert newest.replies == ()
    assert [post.body for post in oldest.replies] == ["Unaligned loads?", "Yes!"]
    assert queries.threads(task, 0, 1) == [newest]
    assert queries.threads(task, 1, 1) == [oldest]


def test_what_does_not_fit_is_refused(task: Task, make_task: Callable[..., Task], cast: people.Cast) -> None:
    elsewhere = say(make_task("row-softmax"), cast.bob, "Hello")
    for body, thread in ((" \n ", None), ("x" * (BODY_LONGEST + 1), None), ("Hello", elsewhere)):
        with pytest.raises(BadInput):
            say(task, cast.alice, body, thread)
    assert Post.objects.count() == 1


def test_nobody_floods_a_discussion(task: Task, cast: people.Cast) -> None:
    for number in range(POSTS_AN_HOUR):
        say(task, cast.alice, f"{number}")
    with pytest.raises(NotNow, match="within an hour"):
        say(task, cast.alice, "once more")
    say(task, cast.bob, "others may")


def test_moderators_hide_with_a_reason_and_authors_hide_their_own(task: Task, cast: people.Cast) -> None:
    task.mentors.add(cast.mei)
    post = say(task, cast.alice, "Buy my course")
    with pytest.raises(NotAllowed):
        hide(post, cast.bob, "I do not like it")
    with pytest.raises(BadInput, match="Say why"):
        hide(post, cast.mei)
    hide(post, cast.mei, "advertising")
    with pytest.raises(NotNow):
        hide(post, cast.max, "again")
    own = say(task, cast.bob, "Never mind")
    hide(own, cast.bob)
    assert Post.objects.exclude(hidden_at=None).count() == 2


def test_what_a_moderator_hid_its_author_cannot_bring_back(task: Task, cast: people.Cast) -> None:
    post = say(task, cast.alice, "Buy my course")
    hide(post, cast.max, "advertising")
    post.refresh_from_db()
    with pytest.raises(NotAllowed):
        show(post, cast.alice)
    show(post, cast.max)
    hide(post, cast.alice)
    post.refresh_from_db()
    show(post, cast.alice)
    with pytest.raises(NotNow):
        show(post, cast.max)


def test_a_post_is_hidden_by_somebody(task: Task, cast: people.Cast) -> None:
    post = say(task, cast.alice, "Hello")
    with pytest.raises(IntegrityError, match="post_hidden_by_somebody"), transaction.atomic():
        Post.objects.filter(pk=post.pk).update(hidden_at=clock.now())
