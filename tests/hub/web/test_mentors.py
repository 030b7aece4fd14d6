"""The pages of mentoring: taking reviews, capacity, saved replies, figures for all, an author's word."""

from __future__ import annotations

import pytest

from hub.pulls import actions
from hub.pulls.models import PatchSet, Rating
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.hub.web.conftest import Visitor
from tests.hub.web.markup import problems
from tests.people import Cast


@played_once
def passed(story: Story, cast: Cast) -> PatchSet:
    story.worker()
    patch_set = story.push(cast.alice)
    story.run_all()
    return patch_set


@pytest.mark.slow
def test_a_review_is_taken_on_the_desk_and_others_see_that(passed: PatchSet, cast: Cast) -> None:
    pull, mei, other = f"/pulls/{passed.pull_id}", Visitor(cast.mei), Visitor(cast.max)
    assert f"{pull}/take/" in mei.get("/desk/")
    assert "You have taken this review" in mei.send(f"{pull}/take/")
    assert "taken by you" in mei.get("/desk/")
    assert "mei is reading it" in other.get("/desk/")
    assert "mei has taken this review." in other.get(f"{pull}/diff/")
    page = other.send(f"{pull}/review/", {"patch_set": "1", "kind": "approve", "body": "kept words"}, 422)
    assert "mei has taken this review" in page
    assert "kept words" in page
    mei.send(f"{pull}/give-back/")
    assert f"{pull}/take/" in other.get("/desk/")


def test_the_right_people_take_reviews_and_speak_of_mentors(passed: PatchSet, cast: Cast) -> None:
    path = f"/pulls/{passed.pull_id}"
    for name, status in {"alice": 403, "bob": 403, "mei": 302}.items():
        assert Visitor(getattr(cast, name)).post(f"{path}/take/").status_code == status
    for name, status in {"alice": 403, "bob": 403, "mei": 403, "max": 403}.items():
        data = {"mentor": "mei", "score": "5"}
        assert Visitor(getattr(cast, name)).post(f"{path}/rate/", data).status_code == status
    for form in (f"{path}/take/", f"{path}/rate/", "/desk/capacity/", "/desk/replies/save/"):
        assert "?next=" in Visitor(None).post(form).headers["location"]
        assert Visitor(cast.mei).client.get(form).status_code == 405
    assert Visitor(None).client.get("/desk/mentoring/").status_code == 302


def test_a_mentor_sets_a_capacity_and_saves_replies(passed: PatchSet, cast: Cast) -> None:
    visitor = Visitor(cast.mei)
    assert problems(visitor.get("/desk/mentoring/")) == []
    assert "you chose at most 0" in visitor.send("/desk/capacity/", {"capacity": "0"})
    assert "as many as you chose" in visitor.get("/desk/")
    assert "give a number from 0 to 50" in visitor.send("/desk/capacity/", {"capacity": "many"})
    data = {"name": "<b>Tail</b>", "body": "Look at the *tail*"}
    page = visitor.send("/desk/replies/save/", data)
    assert "&lt;b&gt;Tail&lt;/b&gt;" in page
    assert "<em>tail</em>" in page
    reply = cast.mei.saved_replies.get()
    page = visitor.get(f"/pulls/{passed.pull_id}/diff/?reply={reply.pk}")
    assert "Look at the *tail*</textarea>" in page
    assert problems(page) == []
    assert "Look at" not in Visitor(cast.max).get(f"/pulls/{passed.pull_id}/diff/?reply={reply.pk}")
    assert "<em>tail</em>" not in visitor.send(f"/desk/replies/{reply.pk}/forget/")


@pytest.mark.parametrize(
    "name", [None, *(pytest.param(name, marks=pytest.mark.slow) for name in ("alice", "mei"))]
)
def test_everybody_sees_how_long_reviews_take(passed: PatchSet, cast: Cast, name: str | None) -> None:
    visitor = Visitor(getattr(cast, name) if name else None)
    assert "Nothing was reviewed lately" in visitor.get("/mentors/")
    actions.review(passed, cast.mei, "approve")
    page = visitor.get("/mentors/")
    assert problems(page) == []
    assert "under a minute" in page
    assert "too few answers" in page
    assert "How long reviews take" in visitor.get(f"/pulls/{passed.pull_id}/")


def test_the_author_says_how_much_a_mentor_helped(passed: PatchSet, cast: Cast) -> None:
    actions.review(passed, cast.mei, "changes", "The tail")
    page, alice = f"/pulls/{passed.pull_id}/", Visitor(cast.alice)
    assert "How much did mei help?" not in alice.get(page)
    actions.close(passed.pull, cast.alice)
    assert "How much did mei help?" in alice.get(page)
    assert "How much did mei help?" not in Visitor(cast.mei).get(page)
    assert "Choose one of the answers." in alice.send(f"{page}rate/", {"mentor": "mei", "score": "x"})
    assert "Thank you" in alice.send(f"{page}rate/", {"mentor": "mei", "score": "5"})
    assert Rating.objects.get().mentor == cast.mei
    assert "1 of 1 answer: a good help or more" in Visitor(cast.mei).get("/desk/mentoring/")
