"""Publish the task folders, each a revision with its repository if it is new or changed, and the courses."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hub import flow
from hub.core.errors import Refusal
from hub.learning.actions import publish_course
from tasks.spec import TaskError, course_folders, load_course, read_folder, task_folders


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", nargs="*", help="only these tasks, and no course")

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
        if not wanted:
            problems += self._courses(options["verbosity"])
        if problems:
            raise CommandError(f"{problems} task(s) or course(s) could not be published; the others were.")

    def _courses(self, verbosity: int) -> int:
        """Publish every course with its exercises; how many could not be."""
        problems = 0
        for folder in course_folders(settings.TASKS_DIR):
            try:
                course = load_course(folder)
                for lesson in course.lessons:
                    if lesson.exercise:
                        flow.publish_task(lesson.slug, read_folder(folder / lesson.slug))
                publish_course(course)
            except (TaskError, Refusal) as error:
                problems += 1
                self.stderr.write(str(error))
                continue
            if verbosity:
                self.stdout.write(f"course {course.slug}: {len(course.lessons)} lessons")
        return problems
