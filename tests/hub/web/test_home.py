"""The first page: its pulse, and the one next step of each member."""

from __future__ import annotations

from collections.abc import Callable

from hub.catalog.models import Task
from tests import people
from tests.hub.story import HARDWARE, Story
from tests.hub.web.conftest import Town, Visitor


def test_an_empty_hub_still_says_what_it_is(db: None) -> None:
    page = Visitor(None).get("/")
    assert "Write it, push it, see what it is worth." in page
    assert "Nothing is measured yet." in page
    assert "No verdict yet." in page


def test_the_pulse_shows_verdicts_and_the_first_of_each_board(town: Town) -> None:
    page = Visitor(None).get("/")
    assert "See 2 open tasks" in page
    assert "wrong answer" in page
    assert f'href="/boards/{town.task.slug}/{HARDWARE}/"' in page


def test_the_next_step_follows_the_person(make_story: Callable[..., Story], cast: people.Cast) -> None:
    story = make_story("vector-add")
    Task.objects.update(policy="exclusive")
    alice = Visitor(cast.alice)
    assert "Pick a task." in alice.get("/")
    alice.send("/tasks/vector-add/claim/")
    assert "Make a token" in alice.get("/")
    alice.send("/settings/tokens/create/", {"name": "laptop", "days": "30"})
    assert "Show the commands" in alice.get("/")
    story.worker()
    story.push(cast.alice)
    assert "The next move is not yours." in alice.get("/")
    story.run(story.live()[0], "wrong_answer")
    assert "Something did not pass: read the verdict, then push again." in alice.get("/")


def test_a_mentor_is_led_to_the_desk(cast: people.Cast) -> None:
    assert "To the mentor desk" in Visitor(cast.mei).get("/")
