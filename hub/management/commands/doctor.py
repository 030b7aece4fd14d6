"""`manage.py doctor`: what keeps this machine from running the hub, and the command that cures it.

Not in charge of the judge's machine (`python -m bench_runner doctor`; `make doctor` runs both), nor of any
cure: it changes nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from hub.bench.alarms import LEAST_FREE_BYTES
from hub.bench.alarms import alarms as ringing
from hub.services import embedded_redis, instance, prepare

OLDEST_GIT = (2, 38)  # the first with `merge-tree --write-tree`


class Fault(Exception):
    """What is wrong and the cure, in one or two sentences."""


class Command(BaseCommand):
    help = "Say what is missing on this machine and the command that cures it."
    requires_system_checks: list[str] = []  # a broken part must not keep the others from being looked at

    def handle(self, *args: Any, **options: Any) -> None:
        faults = 0
        for check in CHECKS:
            name = (check.__doc__ or "").rstrip(".")
            try:
                self.stdout.write(f"  ok   {name}: {check()}")
            except Fault as fault:
                faults += 1
                self.stdout.write(self.style.ERROR(f"  !!   {name}: {fault}"))
        if faults:
            self.stdout.write(f"{faults} of {len(CHECKS)} checks found a fault.")
            sys.exit(1)
        self.stdout.write("The hub can run here.")


def python() -> str:
    """Python."""
    base = Path(sys.executable).resolve()
    version = ".".join(map(str, sys.version_info[:3]))
    if not prepare.reachable_by_all(base):
        raise Fault(
            f"{version} at {base}, which other accounts cannot enter, so the sandbox cannot run Python. "
            "Install the system's python3 (apt-get install python3-venv), remove .venv, then: make up"
        )
    return f"{version} at {base}"


def system_packages() -> str:
    """System packages."""
    missing = prepare.missing_packages(None, dev=False)
    if missing:
        raise Fault(f"missing: {', '.join(missing)}. Install: apt-get install {' '.join(missing)}")
    return "all there"


def locked_packages() -> str:
    """Python packages."""
    if not prepare.installed(dev=False):
        raise Fault("not those of requirements.lock. Install them with: make up")
    return "those of requirements.lock"


def git() -> str:
    """git."""
    if shutil.which("git") is None:
        raise Fault("not found. Install: apt-get install git")
    printed = _output("git", "--version")
    version = tuple(int(part) for part in re.findall(r"\d+", printed)[:2])
    if version < OLDEST_GIT:
        raise Fault(f"{printed}, older than {'.'.join(map(str, OLDEST_GIT))}: install a newer one.")
    backend = Path(_output("git", "--exec-path")) / "git-http-backend"
    if not os.access(backend, os.X_OK):
        raise Fault(f"{backend} is missing, pushes would fail. Install the full package: apt-get install git")
    return f"{printed.removeprefix('git version ')}, with http-backend"


def data_folder() -> str:
    """Data folder."""
    folder: Path = settings.DATA_DIR
    if not os.access(folder, os.W_OK):
        raise Fault(f"{folder} cannot be written. Give it to this account: chown -R {os.getuid()} {folder}")
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise Fault(f"{folder} has {free >> 20} MB free: make room for at least {LEAST_FREE_BYTES >> 20} MB.")
    return f"{folder}, {free >> 30} GB free"


def database() -> str:
    """Database."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise Fault(f"cannot be used: {str(error).strip()}. Check DATABASE_URL.") from error
    if not executor.loader.applied_migrations:
        return f"{connection.vendor}, still empty; filled by make up"
    if missing:
        raise Fault(f"{len(missing)} migrations are not applied. Apply them with: make up")
    return f"{connection.vendor}, all migrations applied"


def alarms() -> str:
    """Alarms."""
    try:
        texts = [alarm.text for alarm in ringing() if alarm.about != "disk"]  # which is looked at above
    except DatabaseError:
        return "none can be read without the database"
    if texts:
        raise Fault("\n       ".join(texts))
    return "none"


def redis() -> str:
    """Redis."""
    try:
        own = embedded_redis.url(settings.DATA_DIR)
        if own == settings.REDIS_URL:
            binary = embedded_redis.find_binary()
            return f"embedded, {binary.name}; {'running' if _hub() else 'starts with make up'}"
        embedded_redis.wait_ready(settings.REDIS_URL, seconds=0.0)
    except instance.StartRefused as refusal:
        raise Fault(str(refusal)) from refusal
    return "answers"


def site() -> str:
    """Site."""
    found = _hub()
    return f"runs at {found.url} (process {found.pid})" if found else "does not run; start it with: make up"


CHECKS: tuple[Callable[[], str], ...] = (
    python,
    system_packages,
    locked_packages,
    git,
    data_folder,
    database,
    alarms,
    redis,
    site,
)


def _hub() -> instance.Running | None:
    return instance.running(settings.DATA_DIR / "run")


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
