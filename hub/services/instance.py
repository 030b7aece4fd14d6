"""One running hub per data folder, and a free port for it. Standard library only.

Not in charge of starting or stopping it (`supervisor.py`).
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO


class StartRefused(Exception):
    """The hub cannot start here; the text says why and what cures it."""


@dataclass(frozen=True)
class Running:
    """Who holds the data folder, as that process wrote it down."""

    pid: int
    url: str


class AlreadyRunning(Exception):
    """Another process serves this data folder: nothing is wrong, there is nothing to do."""

    def __init__(self, running: Running) -> None:
        self.running = running
        super().__init__(
            f"Touchstone already runs at {running.url} (process {running.pid}). "
            f"Stop it with Ctrl-C in its terminal, or with: kill {running.pid}"
        )


class Hold:
    """The lock on a data folder: let go by `release`, or by the kernel when this process ends."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def release(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.close()


def hold(run_dir: Path, url: str) -> Hold:
    """Take the data folder for this process and write down its URL, or raise AlreadyRunning."""
    run_dir.mkdir(parents=True, exist_ok=True)
    file = open(run_dir / "up.json", "a+")  # noqa: SIM115  # stays open: the lock lives as long as the file
    if not _lock(file):
        with file:
            raise AlreadyRunning(_read(file))
    file.seek(0)
    file.truncate()
    json.dump({"pid": os.getpid(), "url": url}, file)
    file.flush()
    return Hold(file)


def running(run_dir: Path) -> Running | None:
    """The process that holds this data folder, if one does."""
    try:
        with open(run_dir / "up.json", "r+") as file:
            return None if _lock(file) else _read(file)
    except FileNotFoundError:
        return None


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: IO[str]) -> Running:
    file.seek(0)
    try:
        found = json.load(file)
        return Running(pid=int(found["pid"]), url=str(found["url"]))
    except (ValueError, KeyError):  # it holds the lock and has not yet written who it is
        return Running(pid=0, url="an address it has not told yet")


def require_free_port(host: str, port: int) -> None:
    """Raise StartRefused unless `port` can be listened on."""
    if not 1 <= port <= 65535:
        raise StartRefused(f"PORT={port}: a port is a number from 1 to 65535. Try: make up PORT=8001")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            cure = f"make up PORT={port + 1 if port < 65535 else 8000}"
            raise StartRefused(
                f"Port {port} on {host} cannot be used ({error.strerror}). Try: {cure}"
            ) from error


def free_port() -> int:
    """A port on this machine that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
