"""What the demo shows of programmes: two that run, one paid by stages, and one that takes applications."""

from __future__ import annotations

import pytest

from hub.catalog.models import Programme
from hub.core import clock
from hub.demo import people, programmes
from hub.programmes.models import Announcement, Application, Team
from hub.programmes.statements import statement
from tests.hub.conftest import new_task

pytestmark = pytest.mark.django_db


def test_the_demo_has_programmes_that_run_and_one_that_is_applied_for_once() -> None:
    task = new_task("vector-add")
    people.make_people()
    programmes.make_programmes()
    stages = {one.kind: one.stage(clock.now()) for one in Programme.objects.all()}
    assert stages == {"contest": "running", "internship": "running", "summer": "applying"}
    assert Team.objects.count() == Announcement.objects.count() == 1
    assert not Application.objects.exists()  # this hub lacks the tasks of the summer project
    task.refresh_from_db()
    assert task.programme is not None
    Programme.objects.update(title_en="Changed")
    programmes.make_programmes()
    assert set(Programme.objects.values_list("title_en", flat=True)) == {"Changed"}, (
        "what people changed stays"
    )


def test_the_demos_internship_has_paid_the_share_of_its_first_stage() -> None:
    new_task("bf16-matmul")
    people.make_people()
    programmes.make_programmes()
    (owed,) = statement(Programme.objects.get(slug=programmes.INTERNS))
    assert owed.user.username == "bob"
    assert 0 < owed.stages[0] < owed.points
    assert owed.stages[1] == 0
