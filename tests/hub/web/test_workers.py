"""The workers' page says who is there, what each does, and what to do when nobody is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.bench.models import Worker
from hub.core import clock
from tests import people
from tests.hub.story import HARDWARE, Story
from tests.hub.web import scenes
from tests.hub.web.conftest import LANGUAGES, Visitor
from tests.hub.web.markup import problems


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_workers_it_says_how_to_get_one(db: None, language: str) -> None:
    page = Visitor(None, language).get("/workers/")
    assert "add_worker NAME" in page
    assert "python -m bench_runner worker" in page
    assert problems(page) == []


def test_an_online_worker_shows_its_class_its_job_and_its_queue(story: Story, cast: people.Cast) -> None:
    pull = scenes.in_stage("checking", story, cast)
    story.push(cast.bob)
    Worker.objects.update(fingerprint={"cpu": "EPYC <b>", "cores": 2, "flops": 6.1e10}, name="w<i>")
    page = Visitor(None).get("/workers/")
    for shown in (HARDWARE, "online", f'href="/pulls/{pull.pk}/"', "w&lt;i&gt;"):
        assert shown in page
    assert "No worker is online" not in page
    assert problems(page) == []
    page = Visitor(None).get(f"/workers/{Worker.objects.get().pk}/")
    for shown in ("EPYC &lt;b&gt;", "61 Gflop/s", f'href="/pulls/{pull.pk}/"', "w&lt;i&gt;"):
        assert shown in page
    assert problems(page) == []


def test_a_silent_worker_is_offline_with_a_cure(story: Story) -> None:
    story.worker()
    Worker.objects.update(last_seen_at=clock.now() - timedelta(hours=1), sandboxed=False)
    page = Visitor(None).get("/workers/")
    assert "No worker is online." in page
    assert "python -m bench_runner doctor" in page
    assert "1 hour ago" in page
    assert "no sandbox: its verdicts are unranked" in page
    assert problems(page) == []


def test_a_retired_worker_is_not_shown(story: Story) -> None:
    story.worker()
    Worker.objects.update(retired_at=clock.now())
    assert "No worker is registered" in Visitor(None).get("/workers/")


def test_an_answered_canary_is_shown_with_its_age(story: Story) -> None:
    story.worker()
    assert "not asked yet" in Visitor(None).get("/workers/")
    Worker.objects.update(answered_at=clock.now() - timedelta(seconds=12, milliseconds=1))
    page = Visitor(None).get("/workers/")
    assert "answered 12 s ago" in page
    assert problems(page) == []


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (
            {"unanswered_since": timedelta(minutes=-5)},
            ["deaf", "deaf since", "nothing: it does not hear of jobs"],
        ),
        ({"resting_until": timedelta(minutes=1)}, ["resting", "rests after many faults in a row, until"]),
        ({"trouble": "no sandbox: install <bwrap>"}, ["in trouble", "no sandbox: install &lt;bwrap&gt;"]),
    ],
)
def test_a_worker_that_takes_no_job_is_not_simply_online(
    story: Story, columns: dict[str, object], shown: list[str]
) -> None:
    story.worker()
    Worker.objects.update(
        **{
            name: clock.now() + value if isinstance(value, timedelta) else value
            for name, value in columns.items()
        }
    )
    page = Visitor(None).get("/workers/")
    assert [words for words in shown if words not in page] == []
    assert "waiting for a job" not in page
    assert 'class="figure is-none">0<' in page  # nobody is online for its class
    assert problems(page) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_maintainers_see_alarms_and_others_do_not(story: Story, cast: people.Cast, language: str) -> None:
    story.worker()
    Worker.objects.update(trouble="no sandbox")
    assert "alarms" in (page := Visitor(cast.max, language).get("/workers/"))
    assert problems(page) == []
    for other in (None, cast.alice, cast.mei):
        assert 'id="alarms"' not in Visitor(other, language).get("/workers/")
