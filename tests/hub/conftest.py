from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub import flow
from hub.catalog.actions import publish
from hub.catalog.models import Task
from tasks.spec import read_folder
from tests import people
from tests.hub.story import Story

TASKS = Path(__file__).resolve().parents[2] / "tasks"


@pytest.fixture
def cast(db: None) -> people.Cast:
    return people.create()


@pytest.fixture
def make_task(db: None) -> Callable[..., Task]:
    """Publish a built-in task's folder, with columns of the claim policy set as asked."""

    def make(slug: str = "vector-add", **columns: object) -> Task:
        task = publish(slug, read_folder(TASKS / slug)).task
        Task.objects.filter(pk=task.pk).update(**columns)
        task.refresh_from_db()
        return task

    return make


@pytest.fixture
def make_story(cast: people.Cast) -> Callable[..., Story]:
    """Publish a built-in task with its repository; the claim policy is open unless asked otherwise."""

    def make(slug: str = "vector-add", **columns: object) -> Story:
        task = flow.publish_task(slug, read_folder(TASKS / slug)).task
        Task.objects.filter(pk=task.pk).update(**{"policy": "open"} | columns)
        return Story(Task.objects.get(pk=task.pk))

    return make


@pytest.fixture
def story(make_story: Callable[..., Story]) -> Story:
    return make_story()
