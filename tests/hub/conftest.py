from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hub import flow
from hub.catalog.actions import publish
from hub.catalog.models import Task
from hub.core import clock
from hub.repos import git
from hub.repos.models import Repository
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


@pytest.fixture(scope="session")
def first_repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Repositories as `flow.publish_task` makes them; git is slow, so later tests copy the first test's."""
    return tmp_path_factory.mktemp("repositories")


@pytest.fixture
def make_story(
    make_task: Callable[..., Task], cast: people.Cast, first_repositories: Path
) -> Callable[..., Story]:
    """Publish a built-in task with its repository; the claim policy is open unless asked otherwise."""

    def make(slug: str = "vector-add", **columns: object) -> Story:
        first, own = first_repositories / slug, git.path_of(slug)
        if first.exists():
            shutil.copytree(first, own)
            task = make_task(slug)
            Repository.objects.create(task=task, created_at=clock.now())
        else:
            task = flow.publish_task(slug, read_folder(TASKS / slug)).task
            shutil.copytree(own, first)
        Task.objects.filter(pk=task.pk).update(**{"policy": "open"} | columns)
        return Story(Task.objects.get(pk=task.pk))

    return make


@pytest.fixture
def story(make_story: Callable[..., Story]) -> Story:
    return make_story()
