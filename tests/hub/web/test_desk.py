"""The desk shows what waits for whom and how long: to mentors their queue, to contributors their own work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from hub.catalog.models import Task
from hub.claims import actions as claims
from hub.claims.models import Claim
from hub.core import clock
from hub.pulls import actions as pulls
from hub.pulls import desk
from hub.pulls.models import PatchSet, PullRequest
from hub.web.desk import working_days_after
from tests import people
from tests.hub.conftest import new_task
from tests.hub.story import Story
from tests.hub.web import scenes
from tests.hub.web.conftest import LANGUAGES, PROPOSAL, Visitor
from tests.hub.web.markup import problems


@pytest.fixture
def proposal(make_task: Callable[..., Task], cast: people.Cast) -> Claim:
    return claims.claim(make_task("layer-norm-gelu", policy="proposal"), cast.bob, PROPOSAL)


def test_a_stranger_logs_in_first(db: None) -> None:
    assert Client().get("/desk/").headers["location"] == "/login/?next=/desk/"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_desk_is_well_formed_for_everybody(
    story: Story, cast: people.Cast, proposal: Claim, language: str
) -> None:
    scenes.in_stage("needs_review", story, cast)
    story.push(cast.bob, "other")
    for who in (cast.alice, cast.bob, cast.mei, cast.max):
        page = Visitor(who, language).get("/desk/")
        assert problems(page) == []
        assert "%(" not in page


@pytest.mark.slow
def test_the_longest_waiting_comes_first_and_the_late_are_marked(
    story: Story, cast: people.Cast, proposal: Claim
) -> None:
    scenes.in_stage("needs_review", story, cast)
    Claim.objects.update(requested_at=clock.now() - timedelta(days=8))
    page = Visitor(cast.mei).get("/desk/")
    queue = page[page.index("Waits for a mentor") :]
    assert queue.index("proposes to work on it") < queue.index("Make it fast")
    assert queue.count('<li class="is-late">') == 1
    assert "1 late" in queue
    assert "due in" in queue or "due <time" in queue


@pytest.mark.slow
def test_the_desk_says_that_it_does_not_look_at_everything(
    story: Story, cast: people.Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.push(cast.bob, "one")
    story.push(cast.bob, "two")
    monkeypatch.setattr(desk, "LOOKED_AT", 3)
    monkeypatch.setattr("hub.web.desk.SHOWN_ELSEWHERE", 1)
    page = Visitor(cast.mei).get("/desk/")
    assert "More is open than this page looks at" not in page
    assert "1 more has waited less long" in page
    monkeypatch.setattr(desk, "LOOKED_AT", 1)
    assert "your tasks first: 1 pull requests" in Visitor(cast.mei).get("/desk/")


def test_each_turn_has_its_place(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("needs_review", story, cast)
    visitor = Visitor(cast.mei)
    assert "Waits for the contributor" not in visitor.get("/desk/")
    pulls.review(pull.patch_sets.get(), cast.mei, "changes", "The tail")
    page = visitor.get("/desk/")
    assert "The desk is clear" in page
    assert page.index("Waits for the contributor") < page.index("Make it fast")
    story.push(cast.alice)
    assert "With the judge" in visitor.get("/desk/")


def test_a_long_silence_of_a_contributor_is_marked(story: Story, cast: people.Cast) -> None:
    scenes.in_stage("failing", story, cast)
    long_ago = clock.now() - timedelta(days=9)
    PatchSet.objects.update(pushed_at=long_ago)
    story.task.pulls.get().patch_sets.get().jobs.update(queued_at=long_ago, ended_at=long_ago)
    assert "for long" in Visitor(cast.mei).get("/desk/")


def test_filters_choose_a_task_or_ones_own(story: Story, cast: people.Cast, proposal: Claim) -> None:
    scenes.in_stage("needs_review", story, cast)
    story.task.mentors.add(cast.mei)
    visitor = Visitor(cast.mei)
    only = visitor.get(f"/desk/?task={story.task.slug}")
    assert "Make it fast" in only
    assert "proposes to work on it" not in only
    mine = visitor.get("/desk/?whose=mine")
    assert "Make it fast" in mine
    assert "proposes to work on it" not in mine
    assert "Nothing here waits for a mentor" in visitor.get("/desk/?task=no-such-task")
    story.task.languages = ["c", "cuda"]
    story.task.save(update_fields=["languages"])
    assert "Make it fast" in visitor.get("/desk/?language=cuda&hardware=cpu")
    assert "Make it fast" not in visitor.get("/desk/?language=python&task=vector-add")
    assert "Make it fast" in visitor.get("/desk/?language=no-such-language")


def test_a_filter_finds_what_the_whole_desk_does_not_look_at(
    story: Story, cast: people.Cast, proposal: Claim, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes.in_stage("needs_review", story, cast)
    later = story.push(cast.bob, subject="Blocks of rows").pull
    PullRequest.objects.filter(pk=later.pk).update(task=new_task("row-softmax"))
    monkeypatch.setattr(desk, "LOOKED_AT", 1)
    visitor = Visitor(cast.mei)
    assert "Blocks of rows" not in visitor.get("/desk/")
    assert "Blocks of rows" in visitor.get("/desk/?task=row-softmax")


def test_a_proposal_is_answered_on_the_desk(cast: people.Cast, proposal: Claim) -> None:
    visitor = Visitor(cast.mei)
    page = visitor.get("/desk/")
    assert PROPOSAL in page
    page = visitor.send(f"/claims/{proposal.pk}/answer/", {"accept": "1", "text": "Go on", "next": "/desk/"})
    assert "The proposal is accepted." in page
    assert "The desk is clear" in page


def test_contributors_see_what_waits_for_them(story: Story, cast: people.Cast, proposal: Claim) -> None:
    visitor = Visitor(cast.alice)
    assert "Nothing is under way" in visitor.get("/desk/")
    pull = scenes.in_stage("needs_review", story, cast)
    page = visitor.get("/desk/")
    assert "You are waiting for" in page
    assert "Waits for a mentor" not in page
    pulls.review(pull.patch_sets.get(), cast.mei, "changes", "The tail")
    page = visitor.get("/desk/")
    assert page.index("Waits for you") < page.index("Make it fast")
    assert "Your proposal was sent then." in Visitor(cast.bob).get("/desk/")


@pytest.mark.parametrize(
    ("begin", "due"),
    [
        ("2026-11-16", "2026-11-19"),  # Monday to Thursday
        ("2026-11-19", "2026-11-24"),  # Thursday over the weekend to Tuesday
        ("2026-11-21", "2026-11-25"),  # Saturday to Wednesday
    ],
)
def test_working_days_leave_out_the_weekend(begin: str, due: str) -> None:
    def at(day: str) -> datetime:
        return datetime.fromisoformat(day).replace(hour=10, tzinfo=UTC)

    assert working_days_after(at(begin), 3) == at(due)
