"""Take a course away for good; delete its folder first, or it comes back."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hub.learning.actions import retire_course
from hub.learning.models import Course
from tasks.spec import course_folders


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the course, as in its address")

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["slug"]
        course = Course.objects.filter(slug=slug).first()
        if course is None:
            known = ", ".join(Course.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"No course {slug!r}; there are: {known}")
        if slug in {folder.name for folder in course_folders(settings.TASKS_DIR)}:
            raise CommandError(
                f"{settings.TASKS_DIR}/courses/{slug} would be published again: delete the folder first"
            )
        retire_course(course)
        self.stdout.write(f"{slug} is gone; what was earned with its exercises stays")
