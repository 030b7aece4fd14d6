"""A programme is made in the administration, with its tasks; the write is booked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from hub.audit.models import Event
from hub.catalog.actions import publish, set_programme
from hub.catalog.models import Programme, Task
from hub.catalog.queries import files_of
from tests.people import Cast

pytestmark = pytest.mark.django_db

GIVEN = {
    "slug": "spring", "title_en": "Spring", "title_zh": "春季", "time_zone": "Asia/Shanghai",
    "checks_a_day": "50", "ranks_a_day": "10", "runs_in_total": "", "live_at_once": "4",
}  # fmt: skip


@pytest.fixture
def staff(cast: Cast) -> Client:
    cast.max.is_staff = cast.max.is_superuser = True
    cast.max.save()
    client = Client()
    client.force_login(cast.max)
    return client


def test_it_is_made_with_its_tasks_in_the_administration(
    staff: Client, cast: Cast, make_task: Callable[..., Task]
) -> None:
    task = make_task()
    answer = staff.post("/admin/catalog/programme/add/", {**GIVEN, "tasks": [task.pk]})
    assert answer.status_code == 302, answer.content.decode()[:2000]
    task.refresh_from_db()
    assert task.programme is not None
    assert (task.programme.checks_a_day, task.programme.runs_in_total) == (50, None)
    assert Event.objects.get(verb="programme.set").actor == cast.max


def test_a_task_is_taken_out_of_it_there(staff: Client, make_task: Callable[..., Task]) -> None:
    task = make_task()
    staff.post("/admin/catalog/programme/add/", {**GIVEN, "tasks": [task.pk]})
    staff.post(f"/admin/catalog/programme/{Programme.objects.get().pk}/change/", GIVEN)
    task.refresh_from_db()
    assert task.programme is None


def test_a_task_stays_in_it_when_it_is_published_again(make_task: Callable[..., Task]) -> None:
    task = make_task()
    programme = Programme(slug="s", title_en="S", title_zh="春", checks_a_day=1, ranks_a_day=1)
    set_programme(programme, [task])
    assert task.current is not None
    publish(task.slug, {**files_of(task.current), "NOTES.md": b"new"})
    task.refresh_from_db()
    assert task.programme == programme


def test_an_unknown_time_zone_is_refused_by_name(db: None) -> None:
    programme = Programme(
        slug="s", title_en="S", title_zh="春", checks_a_day=1, ranks_a_day=1, time_zone="Mars"
    )
    with pytest.raises(ValidationError, match="'Mars' is no time zone; give one of the IANA list"):
        set_programme(programme, [])
