"""Walk the path from a claim to the reward against the running site, with real git pushes."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hub.demo.visitor import PageRefused
from hub.demo.walk import Walk, WalkFailed


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            urllib.request.urlopen(f"{settings.SITE_URL}/", timeout=10).close()  # noqa: S310 - our own address
        except (urllib.error.URLError, TimeoutError) as error:
            raise CommandError(
                f"No site answers at {settings.SITE_URL} ({error}): start it with `make up`."
            ) from error
        try:
            Walk(self.stdout.write).run()
        except (WalkFailed, PageRefused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\nEvery verdict was the expected one.")
