"""A task that is done with leaves the list and keeps its history."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

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


def test_the_command_retires_a_task_whose_folder_is_gone(make_task, settings, tmp_path):
    task = make_task("vector-add")
    settings.TASKS_DIR = tmp_path
    call_command("retire_task", "vector-add")
    task.refresh_from_db()
    assert task.state == Task.State.RETIRED


def test_the_command_leaves_a_task_that_would_come_back(make_task):
    task = make_task("vector-add")
    with pytest.raises(CommandError, match="would be published again: delete the folder first"):
        call_command("retire_task", "vector-add")
    task.refresh_from_db()
    assert task.state == Task.State.PUBLISHED


def test_the_command_names_the_tasks_that_there_are(make_task):
    make_task("vector-add")
    with pytest.raises(CommandError, match="No task 'nope'; there are: vector-add"):
        call_command("retire_task", "nope")
