"""On which hardware classes a task runs, and which of them checks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.bench import queries
from hub.bench.models import Worker
from hub.core import clock
from tests.hub.story import Story
from tests.people import Cast

pytestmark = pytest.mark.django_db


def test_a_task_runs_on_the_earned_classes_that_it_names(story: Story) -> None:
    for name in ("cpu-x86-avx2", "cpu-arm-neon", "gpu-h100"):
        story.worker(name)
    assert queries.classes_for(story.task, "cpu") == ["cpu-arm-neon", "cpu-x86-avx2"]


def test_a_retired_workers_class_is_no_longer_offered(story: Story) -> None:
    story.worker()
    Worker.objects.update(retired_at=clock.now())
    assert queries.classes_for(story.task, "cpu") == []


def test_a_check_goes_where_the_queue_is_short(story: Story, cast: Cast) -> None:
    story.worker("cpu-a")
    story.worker("cpu-b")
    classes = [story.push(who).jobs.get().hardware_class for who in (cast.alice, cast.bob, cast.mei)]
    assert classes == ["cpu-a", "cpu-b", "cpu-a"]


def test_a_check_goes_rather_where_somebody_is_online(story: Story, cast: Cast) -> None:
    story.worker("cpu-a")
    story.worker("cpu-b")
    Worker.objects.filter(hardware_class="cpu-a").update(last_seen_at=clock.now() - timedelta(hours=1))
    story.push(cast.alice)
    story.push(cast.bob)
    assert {job.hardware_class for job in story.live()} == {"cpu-b"}


def test_the_live_job_is_the_running_one(story: Story, cast: Cast) -> None:
    story.worker("cpu-a")
    story.worker("cpu-b")
    patch_set = story.push(cast.alice)
    story.run(story.live()[0])
    second = story.live(kind="rank")[1]
    story.claim(second)
    assert queries.live_job(patch_set) == second
