from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hub.catalog.actions import publish
from hub.catalog.models import Task
from tasks.spec import read_folder
from tests import people

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
