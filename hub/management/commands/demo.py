"""`manage.py demo`: walk the path from claim to reward with real git pushes; starts the hub if none runs.

Not in charge of the path itself (`hub/demo/walk.py`).
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from hub.bench.models import Worker
from hub.bench.queries import is_online
from hub.demo.visitor import PageRefused, answers
from hub.demo.walk import Walk, WalkFailed
from hub.services import instance, programs

START_SECONDS = 120


class Command(BaseCommand):
    help = "Walk the path from a claim to the reward in the terminal, with real git pushes."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with self._a_running_hub() as url:
                Walk(url, self.stdout.write).run()
        except (WalkFailed, PageRefused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\nEvery verdict was the expected one.")

    @contextlib.contextmanager
    def _a_running_hub(self) -> Iterator[str]:
        """The address of the hub that serves this data folder, started for the walk if need be."""
        found = instance.running(settings.DATA_DIR / "run")
        if found is not None:
            yield found.url
            return
        if answers(settings.SITE_URL):  # started by other means than `make up`
            yield settings.SITE_URL
            return
        port = instance.free_port()
        self.stdout.write("No hub runs: starting one for the walk …")
        command = [sys.executable, "manage.py", "up", "--port", str(port)]
        up = subprocess.Popen(command, cwd=programs.ROOT, stdout=subprocess.DEVNULL)
        try:
            yield self._wait_ready(f"http://127.0.0.1:{port}", up)
        finally:
            up.terminate()
            up.wait()

    @staticmethod
    def _wait_ready(url: str, up: subprocess.Popen[bytes]) -> str:
        deadline = time.monotonic() + START_SECONDS
        while not (answers(url) and any(is_online(worker) for worker in Worker.objects.all())):
            if up.poll() is not None or time.monotonic() > deadline:
                raise CommandError(f"The hub does not come up at {url}: run `make up` and read what it says.")
            time.sleep(0.3)
        return url
