"""Compile the catalogues that are older than their sources; `make up` and the tests do so by themselves."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from hub.services.translations import compile_stale


class Command(BaseCommand):
    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        for path in compile_stale():
            self.stdout.write(str(path))
