"""Fill an empty database with a made-up community: small, campus or mindspore."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from hub.core.errors import Refusal
from hub.demo.crowd import sizes


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("size", choices=sizes.SIZES)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--until", help="the last day of its history, as 2026-05-31 (default: today)")
        parser.add_argument("--into", default="", help="name of a database that already has demo people")

    def handle(self, *args: Any, **options: Any) -> None:
        self.verbosity, self.started = options["verbosity"], time.monotonic()
        try:
            sizes.require_no_real_data(options["into"])
        except Refusal as refusal:
            raise CommandError(str(refusal)) from refusal
        sizes.make(sizes.SIZES[options["size"]], options["seed"], _end(options["until"]), self._say)

    def _say(self, line: str) -> None:
        if self.verbosity:
            self.stdout.write(f"[{time.monotonic() - self.started:6.1f} s] {line}")


def _end(day: str | None) -> datetime:
    """The very end of that day, or of yesterday: no history lies in the future."""
    try:
        given = datetime.fromisoformat(day) if day else timezone.now()
    except ValueError as error:
        raise CommandError(f"--until {day!r} is no day: give one such as 2026-05-31") from error
    return given.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=timezone.get_default_timezone())
