"""Compute every board anew from the verdicts, and say whether anything was different."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from hub.boards import stored


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        done = 0
        for number, (revision, changed) in enumerate(stored.rebuild(), 1):
            done += changed
            if options["verbosity"] and changed:
                self.stdout.write(f"revision {revision}: {changed} rows were different")
            if options["verbosity"] and number % 100 == 0:
                self.stdout.write(f"{number} revisions")
        if options["verbosity"]:
            self.stdout.write(f"{done} rows were different")
