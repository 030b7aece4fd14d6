"""Make the demo people and queue the tasks' example solutions through the real judge. Only in demo mode."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hub.demo import meetings, people, programmes


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Demo accounts exist only in demo mode: set DEMO=1.")
        people.make_people()
        meetings.make_meetings()
        programmes.make_programmes()
        pushed = people.push_examples()
        if options["verbosity"]:
            for person in people.PEOPLE:
                self.stdout.write(f"{person.username:<12} {person.password:<24} {person.role}")
            self.stdout.write(f"{pushed} example solution(s) queued for the judge")
