"""Take a task whose folder is gone off the list. Its verdicts, points and merged work stay.

Not in charge of deleting the folder: the maintainer does, and may bring it back (`sync_tasks`).
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hub.catalog.actions import retire
from hub.catalog.models import Task
from tasks.spec import exercise_folders, task_folders


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the task, as in its address")

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["slug"]
        task = Task.objects.filter(slug=slug).first()
        if task is None:
            known = ", ".join(Task.objects.order_by("slug").values_list("slug", flat=True))
            raise CommandError(f"No task {slug!r}; there are: {known}")
        if slug in {folder.name for folder in _folders()}:
            raise CommandError(
                f"the folder {slug} in {settings.TASKS_DIR} would be published again: delete the folder first"
            )
        retire(task)
        self.stdout.write(f"{slug} is retired: off the list, and in the books")


def _folders() -> list[Path]:
    return [*task_folders(settings.TASKS_DIR), *exercise_folders(settings.TASKS_DIR)]
