"""The discussion on a task's page."""

from __future__ import annotations

from collections.abc import Callable

from hub.catalog.models import Task
from hub.community.actions import hide, say
from hub.community.models import Post
from tests import people
from tests.hub.web.conftest import Visitor
from tests.hub.web.markup import problems

PAGE = "/tasks/vector-add/"


def test_a_question_and_its_answer_stand_on_the_page(
    make_task: Callable[..., Task], cast: people.Cast
) -> None:
    make_task()
    assert "Nobody has asked anything yet" in Visitor(None).get(PAGE)
    answer = Visitor(cast.alice).post(f"{PAGE}say/", {"body": "Is `restrict` **enough**?"})
    post = Post.objects.get()
    assert answer.headers["location"] == f"{PAGE}#post-{post.pk}"
    Visitor(cast.bob).send(f"{PAGE}say/", {"body": "It is, for $n > 0$.", "thread": str(post.pk)})
    page = Visitor(None).get(PAGE)
    assert "<strong>enough</strong>" in page
    assert "<math" in page.partition('id="discussion"')[2]
    assert problems(Visitor(cast.mei).get(PAGE)) == []


def test_markup_of_strangers_stays_text(make_task: Callable[..., Task], cast: people.Cast) -> None:
    say(
        make_task(),
        cast.alice,
        "<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)>",
    )
    said = Visitor(None).get(PAGE).partition('id="discussion"')[2]
    for live in ("<script", "<img", 'href="javascript'):
        assert live not in said


def test_a_refused_text_is_not_lost(make_task: Callable[..., Task], cast: people.Cast) -> None:
    start = say(make_task(), cast.bob, "Hello")
    for thread in ("", str(start.pk)):
        page = Visitor(cast.alice).send(f"{PAGE}say/", {"body": "x" * 10_001, "thread": thread}, status=422)
        assert "x" * 10_001 in page
        assert "at most 10000 fit" in page
        assert problems(page) == []


def test_what_is_hidden_leaves_its_place_and_reason(
    make_task: Callable[..., Task], cast: people.Cast
) -> None:
    post = say(make_task(), cast.alice, "Buy my course")
    hide(post, cast.max, "advertising <b>")
    page = Visitor(None).get(PAGE)
    assert "Buy my course" not in page
    assert "Hidden by max: advertising &lt;b&gt;" in page
    assert "Buy my course" in Visitor(cast.alice).get(PAGE), "its author still reads it"
    assert "Show it again" not in Visitor(cast.alice).get(PAGE)
    assert "Show it again" in Visitor(cast.max).get(PAGE)


def test_who_may_hide_and_show_by_form(make_task: Callable[..., Task], cast: people.Cast) -> None:
    make_task().mentors.add(cast.mei)
    for name, status in ((None, 302), ("bob", 403), ("alice", 302), ("mei", 302), ("max", 302)):
        post = say(Task.objects.get(), cast.alice, "Hello")
        visitor = Visitor(getattr(cast, name) if name else None)
        assert visitor.post(f"/posts/{post.pk}/hide/", {"why": "off topic"}).status_code == status
        post.refresh_from_db()
        assert (post.hidden_at is not None) == (name in {"alice", "mei", "max"}), name
    visitor.send(f"/posts/{post.pk}/show/")
    post.refresh_from_db()
    assert post.hidden_at is None
    Visitor(cast.bob).send("/posts/999999/hide/", status=404)
