"""Pushes for cards and for processors of one task: each is judged where its code runs, or waits for that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from hub import jobs
from hub.bench import queries
from hub.bench.models import Verdict, Worker
from hub.core import clock
from hub.pulls.queries import facts
from tests import people
from tests.hub.story import HARDWARE, Story
from tests.hub.web.conftest import LANGUAGES, Visitor
from tests.hub.web.markup import problems

pytestmark = pytest.mark.django_db
CARD = "gpu-h100"
CUDA = {"solution.cu": b"// a kernel\n"}


@pytest.fixture(autouse=True)
def _no_wake_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.bench.wake.send", lambda job: True)


@pytest.fixture
def story(make_story: Callable[..., Story]) -> Story:
    return make_story("row-softmax")


def test_a_push_is_judged_on_the_hardware_of_its_entry_file(story: Story, cast: people.Cast) -> None:
    story.worker()
    story.worker(CARD)
    story.push(cast.alice, files=CUDA)
    story.push(cast.bob)
    assert {job.patch_set.pull.author.username: job.hardware_class for job in story.live()} == {
        "alice": CARD,
        "bob": HARDWARE,
    }
    story.run_all()
    timed = Verdict.objects.filter(job__kind="rank").values_list(
        "job__patch_set__pull__author__username", "job__hardware_class"
    )
    assert sorted(timed) == [("alice", CARD), ("bob", HARDWARE)]
    for hardware_class, baseline in ((CARD, "CuPy"), (HARDWARE, "C")):
        page = Visitor(None).get(f"/boards/row-softmax/{hardware_class}/")
        assert f'<span class="tag">{baseline}</span>' in page, "each board names the baseline of its hardware"


def test_what_a_push_changes_decides_not_what_lies_beside_it(story: Story, cast: people.Cast) -> None:
    assert story.push(cast.alice, files={"solution.c": b"// old\n"}).device == "cpu"
    assert story.push(cast.alice, files=CUDA).device == "cpu", "the branch brings both: processors first"
    assert story.push(cast.alice, topic="card", files=CUDA).device == "gpu"
    assert story.push(cast.bob, files={"notes.txt": b"no entry file\n"}).device == "cpu"


@pytest.mark.parametrize("language", LANGUAGES)
def test_before_any_card_a_push_for_one_waits_and_its_page_says_for_what(
    story: Story, cast: people.Cast, language: str
) -> None:
    story.worker()
    pull = story.push(cast.alice, files=CUDA).pull
    assert story.live() == []
    page = Visitor(None, language).get(f"/pulls/{pull.pk}/")
    assert "pip install &#x27;.[gpu]&#x27;" in page
    assert "add_worker NAME" in page
    assert problems(page) == []
    if language == "en":
        assert "No worker for gpu has reported yet" in page
        assert "no time limit runs" in page
    else:
        assert "不计任何时限" in page


def test_a_job_for_a_card_waits_for_months_without_a_verdict(
    story: Story, cast: people.Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.worker(CARD, "h100-box")
    pull = story.push(cast.alice, files=CUDA).pull
    [job] = story.live()
    Worker.objects.update(last_seen_at=clock.now() - timedelta(hours=2))
    page = Visitor(None).get(f"/pulls/{pull.pk}/")
    for shown in (CARD, "Its class is offered by:", "h100-box", "no time limit runs", "add_worker NAME"):
        assert shown in page
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=120))
    jobs.run_rules()
    jobs.run_rules()
    job.refresh_from_db()
    assert job.state == "queued"
    assert not Verdict.objects.exists()
    assert queries.why_waiting(facts(job.patch_set.pull)) is None, (
        "there is a job, and its own line says what it waits for"
    )


def test_a_task_page_says_on_what_it_ranks_and_who_offers_it(story: Story) -> None:
    page = Visitor(None).get("/tasks/row-softmax/")
    assert page.count("no machine yet: pushes wait for one") == 2
    story.worker()
    story.worker(CARD)
    page = Visitor(None).get("/tasks/row-softmax/")
    for name in (HARDWARE, CARD):
        assert f'<a href="/boards/row-softmax/{name}/"><code>{name}</code></a>' in page
    assert "1 worker online" in page
    assert "CuPy" in page
    assert problems(page) == []


def test_a_worker_s_page_shows_card_memory_driver_and_clocks(story: Story) -> None:
    story.worker(CARD)
    Worker.objects.update(
        fingerprint={
            "card": "NVIDIA H100 80GB HBM3",
            "card_memory_bytes": 80 << 30,
            "card_driver": "580.95",
            "sm_mhz": 1980,
            "slowed_by": "heat",
        }
    )
    page = Visitor(None).get(f"/workers/{Worker.objects.get(hardware_class=CARD).pk}/")
    for shown in ("NVIDIA H100 80GB HBM3", "80 GiB", "580.95", "clock of the card (MHz)", "1980", "heat"):
        assert shown in page
    assert problems(page) == []
