"""Publish the task folders: a new or changed one becomes a revision, with its repository."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hub import flow
from hub.core.errors import Refusal
from tasks.spec import TaskError, read_folder, task_folders


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="*", help="only these tasks")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = set(options["slug"])
        folders = {folder.name: folder for folder in task_folders(settings.TASKS_DIR)}
        if unknown := sorted(wanted - set(folders)):
            raise CommandError(
                f"No task folder {unknown[0]!r} in {settings.TASKS_DIR}; there are: {', '.join(folders)}"
            )
        problems = 0
        for slug, folder in folders.items():
            if wanted and slug not in wanted:
                continue
            try:
                revision = flow.publish_task(slug, read_folder(folder))
            except (TaskError, Refusal) as error:
                problems += 1
                self.stderr.write(str(error))
                continue
            if options["verbosity"]:
                self.stdout.write(f"{slug}: revision {revision.digest[:12]}")
        if problems:
            raise CommandError(f"{problems} task(s) could not be published; the others were.")
