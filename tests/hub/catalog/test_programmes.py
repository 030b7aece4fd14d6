"""A programme: which tasks belong to it, how they are claimed then, where it is in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from hub.catalog.actions import publish, set_programme
from hub.catalog.models import Programme, Task
from hub.catalog.queries import files_of
from hub.core import clock

pytestmark = pytest.mark.django_db


def programme(**columns: object) -> Programme:
    given = {"slug": "spring", "title_en": "Spring", "title_zh": "春季", "checks_a_day": 1, "ranks_a_day": 1}
    return Programme(**given | columns)


def test_a_task_that_is_chosen_no_more_belongs_to_it_no_more(make_task: Callable[..., Task]) -> None:
    task, made = make_task(), programme()
    set_programme(made, [task])
    set_programme(made, [])
    task.refresh_from_db()
    assert task.programme is None


def test_its_tasks_are_claimed_as_it_says_and_afterwards_as_they_say(make_task: Callable[..., Task]) -> None:
    task = make_task()
    own, made = task.policy, programme(policy="proposal")
    set_programme(made, [task])
    task.refresh_from_db()
    assert (own, task.policy) == ("open", "proposal")
    assert task.current is not None
    publish(task.slug, {**files_of(task.current), "NOTES.md": b"new"})
    task.refresh_from_db()
    assert task.policy == "proposal", "a new revision does not change what the programme says"
    set_programme(made, [])
    task.refresh_from_db()
    assert task.policy == own


@pytest.mark.parametrize(
    ("hours", "stage"),
    [(-50, "planned"), (-35, "applying"), (-15, "choosing"), (0, "running"), (15, "reviewing"), (30, "over")],
)
def test_its_stage_follows_its_dates(hours: int, stage: str) -> None:
    now = clock.now()
    dates = {"apply_from": -40, "apply_until": -20, "starts_at": -10, "ends_at": 10, "closes_at": 20}
    made = programme(wishes_most=3, **{name: now + timedelta(hours=at) for name, at in dates.items()})
    assert made.stage(now + timedelta(hours=hours)) == stage


def test_a_task_stays_in_it_when_it_is_published_again(make_task: Callable[..., Task]) -> None:
    task = make_task()
    made = programme()
    set_programme(made, [task])
    assert task.current is not None
    publish(task.slug, {**files_of(task.current), "NOTES.md": b"new"})
    task.refresh_from_db()
    assert task.programme == made


def test_an_unknown_time_zone_is_refused_by_name(db: None) -> None:
    with pytest.raises(ValidationError, match="'Mars' is no time zone; give one of the IANA list"):
        set_programme(programme(time_zone="Mars"), [])
