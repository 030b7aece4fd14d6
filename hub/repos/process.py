"""Every git process that the hub starts: its arguments, its environment, its limits.

Not in charge of what a repository is asked (`git.py`) nor of the talk with a client (`backend.py`).

Each gets an environment made from nothing: no system or user configuration, no hooks, no prompt. Settings of
one request are GIT_CONFIG_* variables and win over the repository's own; nothing pushed can touch them.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from django.conf import settings

from hub.repos.diffs import shown

TIMEOUT_SECONDS = 30

# Limits of one process behind the git door: against packs that inflate to more than they look.
BACKEND_CPU_SECONDS = 60
BACKEND_MEMORY_BYTES = 1536 * 1024 * 1024
BACKEND_FILE_FACTOR = 8  # times GIT_MAX_PACK_BYTES: the largest file it may write


class GitFailed(Exception):
    """git did not do what the hub asked for: our failure, or a damaged repository."""


def environment(path: Path, config: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """All that a git process of ours inherits. These settings win over the repository's own."""
    fixed = [
        ("safe.directory", str(path)),
        ("core.hooksPath", os.devnull),
        ("core.fsmonitor", "false"),
        ("core.bigFileThreshold", "1m"),  # larger blobs are streamed, not held in memory
        ("gc.auto", "0"),  # nothing that a page may still show is ever collected
        ("pack.threads", "1"),
    ]
    settings_of_git = [*fixed, *config]
    made = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_CONFIG_COUNT": str(len(settings_of_git)),
    }
    for number, (key, value) in enumerate(settings_of_git):
        made |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return made


def attempt(
    path: Path, *arguments: str, stdin: bytes = b"", more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", f"--git-dir={path}", *arguments],
            input=stdin,
            env=environment(path) | dict(more or {}),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitFailed(f"git {arguments[0]}: {error}") from error


def run(path: Path, *arguments: str, stdin: bytes = b"", more: Mapping[str, str] | None = None) -> str:
    done = attempt(path, *arguments, stdin=stdin, more=more)
    if done.returncode != 0:
        raise failure(arguments[0], done)
    return done.stdout.decode().strip()


def failure(command: str, done: subprocess.CompletedProcess[bytes]) -> GitFailed:
    said = shown(done.stderr).strip()[-500:]
    return GitFailed(f"git {command} ended with {done.returncode}: {said or 'it said nothing'}")


async def start_backend(
    path: Path, request: Mapping[str, str], config: Sequence[tuple[str, str]]
) -> asyncio.subprocess.Process:
    """`git http-backend` for one request (CGI variables), in its own session, so that all of it can end."""
    limits = (
        f"--cpu={BACKEND_CPU_SECONDS}",
        f"--as={BACKEND_MEMORY_BYTES}",
        f"--fsize={BACKEND_FILE_FACTOR * settings.GIT_MAX_PACK_BYTES}",
        "--core=0",
    )
    cgi = {
        "GIT_PROJECT_ROOT": str(settings.GIT_ROOT),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_HTTP_MAX_REQUEST_BUFFER": "10M",
    }
    return await asyncio.create_subprocess_exec(
        *("prlimit", *limits, "--", "git", "http-backend"),
        env=environment(path, config) | cgi | dict(request),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
