"""Messages of attempts that wait in a folder: undelivered ones, and one in case the process that judges dies.

Not in charge of trying at once (`attempt.py` does, with patience). Written by the process that judges,
emptied by the worker's main process after each hello that got through; a file appears whole or not at all.

    <id>.json      a result or fault that the hub could not take
    <id>.open      the fault to report should its owner die: removed when the attempt has been delivered
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_runner.client import HubClient
from bench_runner.contract import JOB_TIME_LIMIT, ContractError, TimeLimits
from bench_runner.errors import AttemptLost, HubRefused

log = logging.getLogger(__name__)

# After this the attempt's token is dead for certain, whenever the attempt began.
KEEP_SECONDS = TimeLimits.derive(JOB_TIME_LIMIT).token.total_seconds()
ROOM_BYTES = 2 * 2**20  # for the letters of one attempt


@dataclass(frozen=True)
class Letter:
    """One undelivered message of an attempt; holds its token, hence the folder is closed to others."""

    path: str  # of the request
    token: str
    body: dict[str, Any]
    at: float  # Unix time when it was written
    owner: str  # the process that wrote it


class Spool:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lacks_room(self) -> str:
        """Why nothing could be kept here, with the cure; empty when it could."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            return f"{self._folder} cannot be used: {error}: give WORKER_DATA_DIR a folder that can"
        if free >= ROOM_BYTES:
            return ""
        return f"the disk of {self._folder} is full: {free >> 10} kB are free, {ROOM_BYTES >> 10} are needed"

    def put(self, path: str, token: str, body: dict[str, Any]) -> None:
        """Keep a message until the hub takes it."""
        self._write(Letter(path, token, body, time.time(), _me()), "json")

    @contextmanager
    def unless_finished(self, path: str, token: str, body: dict[str, Any]) -> Iterator[None]:
        """Should this process die within, whoever lives on in this folder sends the message."""
        file = self._write(Letter(path, token, body, time.time(), _me()), "open")
        try:
            yield
        finally:
            file.unlink(missing_ok=True)

    def deliver(self, client: HubClient) -> int:
        """Try every letter once, the oldest first; gives how many the hub accepted.

        Raises:
            HubUnreachable: the hub is away again; the rest stays.
        """
        accepted = 0
        self.take_over_from_the_dead()
        for file in sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime):
            letter = _read(file)
            if letter is not None and time.time() - letter.at < KEEP_SECONDS:
                accepted += _send(client, letter)
            elif letter is not None:
                log.warning("spool: %s is too old, dropped", letter.path)
            file.unlink(missing_ok=True)
        return accepted

    def take_over_from_the_dead(self) -> int:
        """Make the messages of processes that died ready for delivery; gives how many there were."""
        taken = 0
        for file in self._folder.glob("*.open"):
            with contextlib.suppress(FileNotFoundError):  # it was finished just now
                letter = _read(file)
                if letter is None or _has_died(letter.owner):
                    file.rename(file.with_suffix(".json"))
                    taken += 1
        return taken

    def _write(self, letter: Letter, kind: str) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = uuid.uuid4().hex
        part = self._folder / f".{name}"
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as file:
            json.dump(asdict(letter), file)
        return part.replace(self._folder / f"{name}.{kind}")


def _me() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def _has_died(owner: str) -> bool:
    """Of another host nothing is known: two containers may share a folder."""
    host, pid, started = owner.rsplit(":", 2)
    return host == socket.gethostname() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """When the process started, in the kernel's ticks: tells it from a later one of the same number."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


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
