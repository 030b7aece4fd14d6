"""Give everybody the badges that the rules say are theirs. The sweeper does it when rules have changed."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from hub import honours
from hub.core import clock


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{honours.award_everybody(at=clock.now())} badge(s) awarded")
