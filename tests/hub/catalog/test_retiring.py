"""A task that is done with leaves the list and keeps its history."""

from __future__ import annotations

from hub.audit.models import Event
from hub.catalog import actions, queries
from hub.catalog.models import Task


def test_a_retired_task_leaves_the_list_and_stays_in_the_books(make_task):
    task = make_task("vector-add")
    actions.retire(task)
    assert task not in queries.published_tasks()
    assert Task.objects.get(slug="vector-add").revisions.count() == 1


def test_retiring_twice_is_recorded_once(make_task):
    task = make_task("vector-add")
    actions.retire(task)
    actions.retire(task)
    assert Event.objects.filter(verb="task.retired").count() == 1
