"""Results and faults that the hub could not take: kept in a folder and delivered later.

Not in charge of trying at once (`attempt.py` does, with patience). Written by the process that judges,
emptied by the worker's main process after each hello that got through; a file appears whole or not at all.
"""

from __future__ import annotations

import json
import logging
import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_runner.client import HubClient
from bench_runner.contract import JOB_TIME_LIMIT, ContractError, TimeLimits
from bench_runner.errors import AttemptLost, HubRefused

log = logging.getLogger(__name__)

# After this the attempt's token is dead for certain, whenever the attempt began.
KEEP_SECONDS = TimeLimits.derive(JOB_TIME_LIMIT).token.total_seconds()


@dataclass(frozen=True)
class Letter:
    """One undelivered message of an attempt; holds its token, hence the folder is closed to others."""

    path: str  # of the request
    token: str
    body: dict[str, Any]
    at: float  # Unix time when it was written


class Spool:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, path: str, token: str, body: dict[str, Any]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        part = self._folder / f".{name}"
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            json.dump({"path": path, "token": token, "body": body, "at": time.time()}, file)
        part.replace(self._folder / f"{name}.json")

    def deliver(self, client: HubClient) -> int:
        """Try every letter once, the oldest first; gives how many the hub accepted.

        Raises:
            HubUnreachable: the hub is away again; the rest stays.
        """
        accepted = 0
        for file in sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime):
            letter = _read(file)
            if letter is not None and time.time() - letter.at < KEEP_SECONDS:
                accepted += _send(client, letter)
            elif letter is not None:
                log.warning("spool: %s is too old, dropped", letter.path)
            file.unlink(missing_ok=True)
        return accepted


def _send(client: HubClient, letter: Letter) -> bool:
    try:
        client.deliver(letter.path, letter.token, letter.body, patience=0.0)
    except (AttemptLost, HubRefused, ContractError) as refusal:
        log.info("spool: %s was refused, dropped: %s", letter.path, refusal)
        return False
    log.info("spool: %s delivered", letter.path)
    return True


def _read(file: Path) -> Letter | None:
    try:
        return Letter(**json.loads(file.read_text()))
    except (ValueError, TypeError) as error:
        log.warning("spool: %s is damaged (%s), dropped", file.name, error)
        return None
