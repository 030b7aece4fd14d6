"""The queue's page: what runs, what waits, whose it is, when it is expected; what to do when empty."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub import flow
from hub.bench.models import Worker
from hub.core import clock
from hub.web import queue
from tests import people
from tests.hub.story import HARDWARE, Story
from tests.hub.web import scenes
from tests.hub.web.conftest import LANGUAGES, Visitor
from tests.hub.web.markup import problems


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_queue_says_what_to_do_next(story: Story, language: str) -> None:
    story.worker()
    page = Visitor(None, language).get("/queue/")
    assert 'class="empty"' in page
    assert 'href="/tasks/"' in page
    assert problems(page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_shows_what_runs_and_what_waits_in_order(story: Story, cast: people.Cast, language: str) -> None:
    running = scenes.in_stage("checking", story, cast)
    story.push(cast.alice, "second")
    first = story.push(cast.bob).pull
    page = Visitor(cast.bob, language).get("/queue/")
    where = [page.index(f"#{pull.pk}</a>") for pull in (running, first)]
    assert where == sorted(where)
    assert page.count('class="is-yours"') == 1
    assert f'id="{HARDWARE}"' in page
    assert problems(page) == []


def test_a_queue_that_nobody_serves_says_so_and_what_happens(story: Story, cast: people.Cast) -> None:
    story.worker()
    story.push(cast.alice)
    Worker.objects.update(last_seen_at=clock.now() - timedelta(hours=1))
    page = Visitor(None).get("/queue/")
    assert "No worker is online." in page
    assert "the jobs begin when a worker reports" in page
    assert "when a worker reports" in page
    assert problems(page) == []


def test_of_a_long_queue_the_first_are_shown_and_ones_own(
    story: Story, cast: people.Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "ROWS_MOST", 1)
    story.worker()
    story.push(cast.alice)
    story.push(cast.bob)
    own = story.push(cast.mei).pull
    page = Visitor(cast.mei).get("/queue/")
    assert f"#{own.pk}</a>" in page
    assert "And 1 more." in page
    assert "And 2 more." in Visitor(None).get("/queue/")


def test_what_a_mentor_asked_for_is_marked(story: Story, cast: people.Cast) -> None:
    story.worker()
    patch_set = story.push(cast.alice)
    story.run(patch_set.jobs.get(), "wrong_answer")
    flow.run_again(patch_set.pull, cast.max)
    assert "asked for by a mentor" in Visitor(None).get("/queue/")


def test_the_workers_page_and_the_run_lead_there(story: Story, cast: people.Cast) -> None:
    story.worker()
    pull = story.push(cast.alice).pull
    assert 'href="/queue/"' in Visitor(None).get("/workers/")
    assert f'href="/queue/#{HARDWARE}"' in Visitor(None).get(f"/pulls/{pull.pk}/")
