from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
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
from tests.hub.replay import Opening, Scenes, play_of
from tests.hub.story import Story

TASKS = Path(__file__).resolve().parents[2] / "tasks"


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Scenes:
    return Scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture
def opening(
    request: pytest.FixtureRequest, db: None, scenes: Scenes, first_repositories: Path
) -> Opening | None:
    """The scene that this test begins with; None if it asks for people or tasks at most."""
    play = play_of(request)
    if play is None and "story" not in request.fixturenames:
        return None

    def begin() -> Opening:
        cast = people.create()
        story = new_story(first_repositories)
        return Opening(cast, story, play(story, cast) if play else None)

    return scenes.show(f"{play.__module__}.{play.__name__}" if play else "", begin)


@pytest.fixture
def cast(opening: Opening | None) -> people.Cast:
    return opening.cast if opening else people.create()


@pytest.fixture
def make_task(db: None) -> Callable[..., Task]:
    """Publish a built-in task's folder, with columns of the claim policy set as asked."""
    return new_task


@pytest.fixture(scope="session")
def first_repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Repositories as `flow.publish_task` makes them; git is slow, so later tests copy the first test's."""
    return tmp_path_factory.mktemp("repositories")


@pytest.fixture
def make_story(cast: people.Cast, first_repositories: Path) -> Callable[..., Story]:
    """Publish a built-in task with its repository; the claim policy is open unless asked otherwise."""
    return partial(new_story, first_repositories)


@pytest.fixture
def story(opening: Opening) -> Story:
    return opening.story


@pytest.fixture
def ready(story: Story) -> Story:
    """A story with a worker."""
    story.worker()
    return story


def new_task(slug: str = "vector-add", **columns: object) -> Task:
    task = publish(slug, read_folder(TASKS / slug)).task
    Task.objects.filter(pk=task.pk).update(**columns)
    task.refresh_from_db()
    return task


def new_story(repositories: Path, slug: str = "vector-add", **columns: object) -> Story:
    first, own = repositories / slug, git.path_of(slug)
    if first.exists():
        shutil.copytree(first, own)
        task = new_task(slug)
        Repository.objects.create(task=task, created_at=clock.now())
    else:
        task = flow.publish_task(slug, read_folder(TASKS / slug)).task
        shutil.copytree(own, first)
    Task.objects.filter(pk=task.pk).update(**{"policy": "open"} | columns)
    return Story(Task.objects.get(pk=task.pk))
