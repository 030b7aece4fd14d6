"""Register a worker and write its token where the worker will read it. The token is shown or stored once."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from hub.bench.actions import register_worker
from hub.core.errors import BadInput


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="name of the worker, unique")
        parser.add_argument(
            "--token-file", type=Path, help="write the token here (mode 0600), not to the terminal"
        )
        parser.add_argument(
            "--keep", action="store_true", help="do nothing if the token file exists and its token is known"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["token_file"]
        known = path.read_text().strip() if options["keep"] and path and path.exists() else ""
        try:
            token = register_worker(options["name"], keep_if=known)
        except BadInput as refusal:
            raise CommandError(str(refusal)) from refusal
        if token is None:
            return
        if path is None:
            self.stdout.write(f"WORKER_TOKEN={token}")
            self.stderr.write("Shown this once. An earlier token of this worker no longer counts.")
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(token)
