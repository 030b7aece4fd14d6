"""A course of two lessons: one to read, and one whose exercise must be right and fast."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from hub import flow
from hub.catalog.actions import publish
from hub.catalog.models import Task
from hub.core import clock
from hub.learning.actions import publish_course
from hub.learning.models import Course
from hub.repos import git
from hub.repos.models import Repository
from tasks.spec import Bundle, exercise_folders, load_course, read_folder
from tasks.spec import Course as CourseSpec
from tests.hub.conftest import TASKS
from tests.hub.story import Story

FAST = "contiguous-loops"


def exercises(*slugs: str) -> dict[str, Bundle]:
    return {folder.name: read_folder(folder) for folder in exercise_folders(TASKS) if folder.name in slugs}


@pytest.fixture
def spec() -> CourseSpec:
    """The first lessons of the built-in course."""
    whole = load_course(TASKS / "courses" / "first-operator")
    kept = tuple(lesson for lesson in whole.lessons if lesson.slug in ("where-time-goes", FAST))
    return CourseSpec(whole.slug, whole.title, whole.summary, whole.order, kept)


@pytest.fixture
def course(db: None, spec: CourseSpec, first_repositories: Path) -> Course:
    """Published; git is slow, so later tests copy the first test's repository."""
    first, own, files = first_repositories / FAST, git.path_of(FAST), exercises(FAST)
    if not first.exists():
        flow.publish_task(FAST, files[FAST])
        shutil.copytree(own, first)
        return publish_course(spec)
    shutil.copytree(first, own)
    task = publish(FAST, files[FAST]).task
    Repository.objects.create(task=task, created_at=clock.now())
    return publish_course(spec)


@pytest.fixture
def learner_story(course: Course) -> Story:
    """Pushes to the exercise that must be fast."""
    return Story(Task.objects.get(slug=FAST))
