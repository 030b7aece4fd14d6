"""What is stored of boards is what the verdicts say, whatever happened on the way."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from hub import flow
from hub.bench.models import Verdict
from hub.boards import stored
from hub.boards.history import history
from hub.boards.models import Standing
from hub.boards.queries import board
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story
from tests.hub.web.conftest import measure
from tests.people import Cast

pytestmark = pytest.mark.django_db


@played_once
def timed(story: Story, cast: Cast) -> Story:
    return measure(story, cast, alice=2.0, bob=1.99, mei=0.5)


def rebuilt() -> str:
    said = io.StringIO()
    call_command("rebuild_boards", stdout=said)
    return said.getvalue().splitlines()[-1]


def test_the_stored_board_is_the_computed_one(timed: Story) -> None:
    computed = board(timed.task, HARDWARE)
    read = stored.Whole(timed.task, HARDWARE)
    assert tuple(read[:]) == computed.entries
    assert read[0] == computed.entries[0]
    assert [entry.user.username for entry in read[1:2]] == [computed.entries[1].user.username]
    assert read.moments(100) == history(computed)
    assert (len(read), read.above) == (3, computed.baseline_after)


@pytest.mark.slow
def test_after_each_step_of_the_story_a_rebuild_finds_nothing_different(timed: Story, cast: Cast) -> None:
    timed.push(cast.bob, "second")
    timed.run_all(2.5)
    assert rebuilt() == "0 rows were different"
    timed.push(cast.alice, "third")
    timed.run(timed.live()[0])
    timed.run(timed.live()[0], "suspicious")
    assert rebuilt() == "0 rows were different"
    held = Verdict.objects.get(outcome="suspicious")
    flow.rule(held, cast.max, "clear", "It is as fast as that.")
    timed.run_all(3.0)
    assert rebuilt() == "0 rows were different"


@pytest.mark.slow
def test_a_rebuild_puts_right_what_was_lost(timed: Story) -> None:
    Standing.objects.filter(place=1).delete()
    assert rebuilt() == "1 rows were different"
    assert stored.Whole(timed.task, HARDWARE)[0].rank == 1


def test_a_board_is_found_by_its_people(timed: Story, cast: Cast) -> None:
    [(found, entry)] = stored.places_of(cast.mei, 8)
    assert (found.task, found.number, entry.rank) == (timed.task, 3, 3)
    assert stored.Whole(timed.task, HARDWARE).entry_of("mei") == entry
    assert stored.Whole(timed.task, HARDWARE).entry_of("max") is None
