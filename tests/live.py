"""A real server for tests that speak HTTP: uvicorn in a thread, on a free port, with the test's own database.

`live_site` is the whole site (`hub.asgi`), `serving` any ASGI application, `Clone` a person with git.
Not in charge of Redis, jobs and workers: `tests/whole.py` brings up a hub of real processes.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import pytest_django
import uvicorn

START_SECONDS = 10
GIT_SECONDS = 60


@contextmanager
def serving(application: Any) -> Iterator[str]:
    """Serve `application` until the block ends; gives its URL."""
    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, loop="uvloop", http="httptools", ws="none", lifespan="off",
        log_level="warning", timeout_graceful_shutdown=2,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True, name="live-site")
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        assert thread.is_alive(), "uvicorn ended"
        assert time.monotonic() < deadline, "uvicorn did not start"
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=START_SECONDS)


@pytest.fixture(scope="session")
def served_site() -> Iterator[str]:
    from hub.asgi import application  # once Django is set up

    with serving(application) as url:
        yield url


@pytest.fixture
def live_site(served_site: str, transactional_db: None, settings: pytest_django.Settings) -> str:
    """The URL of the whole site, over the test's own database and repositories."""
    settings.SITE_URL = served_site
    return served_site


@dataclass(frozen=True)
class Said:
    """How a git command ended, and everything that it printed."""

    code: int
    text: str

    @property
    def remote(self) -> str:
        """What the hub said: the `remote:` lines without their mark."""
        lines = [line for line in self.text.splitlines() if line.startswith("remote:")]
        return "\n".join(line.removeprefix("remote:").strip() for line in lines)


def git(
    *arguments: str, folder: Path, stdin: bytes = b"", environment: Mapping[str, str] | None = None
) -> Said:
    """Run the git client as a person on another machine would: no configuration, no prompt."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        input=stdin,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            **(environment or {}),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=GIT_SECONDS,
        check=False,
    )
    return Said(done.returncode, done.stdout.decode("utf-8", "replace"))


@dataclass(frozen=True)
class Clone:
    """One person's clone of one task."""

    folder: Path
    username: str
    token: str

    @classmethod
    def of(cls, url: str, task: str, folder: Path, username: str = "", token: str = "") -> Clone:
        parts = urlsplit(url)
        who = f"{quote(username)}:{quote(token)}@" if token else ""
        said = git(
            "clone",
            "-q",
            f"{parts.scheme}://{who}{parts.netloc}/git/{task}.git",
            str(folder),
            folder=Path("/"),
        )
        assert said.code == 0, said.text
        clone = cls(folder, username, token)
        clone("config", "user.name", username or "nobody")
        clone("config", "user.email", f"{username or 'nobody'}@example.org")
        return clone

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Said:
        return git(*arguments, folder=self.folder, stdin=stdin)

    def get(self, *arguments: str, stdin: bytes = b"") -> str:
        """The output of a command that must not fail."""
        said = self(*arguments, stdin=stdin)
        assert said.code == 0, said.text
        return said.text.strip()

    def commit(self, files: Mapping[str, bytes], message: str = "Work") -> str:
        """Write files, relative to the clone, and commit all; the new commit."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.get("add", "-A")
        self.get("commit", "-q", "-m", message)
        return self.get("rev-parse", "HEAD")

    def push(self, *arguments: str) -> Said:
        return self("push", "origin", *arguments)
