"""Run the sweeper once: derive again all work that is missing. The hub's jobs do it every 30 s."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from hub.jobs import run_rules


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{run_rules()} thing(s) put right")
