"""Programmes at each point of their time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from hub.catalog.models import Programme, Task
from hub.core import clock
from hub.programmes.actions import save
from tests.hub.conftest import new_task
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.people import Cast

DATES = ("apply_from", "apply_until", "starts_at", "freeze_at", "ends_at", "closes_at")
Make = Callable[..., Programme]
TEXT = "I have written two kernels by hand and would begin with the plain loops, measured each time."


def new_programme(by: Cast, tasks: list[Task], **columns: object) -> Programme:
    """Dates are given in days from now."""
    given = {name: clock.now() + timedelta(days=columns.pop(name)) for name in DATES if name in columns}  # type: ignore[arg-type]
    usual = {
        "slug": "spring", "title_en": "Spring", "title_zh": "春季", "time_zone": "Asia/Shanghai",
        "checks_a_day": 20, "ranks_a_day": 5,
    }  # fmt: skip
    return save(Programme(**usual | columns | given), tasks, by.max)


@pytest.fixture
def make_programme(cast: Cast) -> Make:
    def make(*tasks: Task, **columns: object) -> Programme:
        return new_programme(cast, list(tasks), **columns)

    return make


@played_once
def summer(story: Story, cast: Cast) -> Programme:
    """Applications are open; a softmax with one slot and a vector addition with one."""
    tasks = [new_task("row-softmax", slots=1), story.task]
    return new_programme(
        cast, tasks, kind="summer", policy="exclusive", wishes_most=2,
        apply_from=-5, apply_until=5, starts_at=10, ends_at=90, closes_at=120,
    )  # fmt: skip
