"""A course of two lessons: one to read, and one whose exercise must be right and fast."""

from __future__ import annotations

import pytest

from hub import flow
from hub.catalog.models import Task
from hub.learning.models import Course
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
def course(db: None, spec: CourseSpec) -> Course:
    return flow.publish_course(spec, exercises(FAST))


@pytest.fixture
def learner_story(course: Course) -> Story:
    """Pushes to the exercise that must be fast."""
    return Story(Task.objects.get(slug=FAST))
