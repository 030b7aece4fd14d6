"""A whole hub in a folder of its own: Redis, site, jobs and workers as `make up` runs them, killable by name.

Not restarted when killed (that is `hub/services/supervisor.py`'s work): a test says what dies and what comes
back. Without the examples' jobs, so that no test waits for them, and with workers that take this machine for
a very fast one: measuring it takes each of them seconds. Facts are read from the database file.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hub.demo.visitor import answers
from hub.services import embedded_redis, programs
from hub.services.instance import free_port
from hub.services.supervisor import Program, launch
from tests.calibrated import take_for_very_fast

READY_SECONDS = 60
# In one process: starting one takes longer than most of what is done here. Tables straight from the models:
# by migrations they take twenty times as long; `make up` and the tests on PostgreSQL go that way.
FILL = """
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
settings.MIGRATION_MODULES = {{app.label: None for app in apps.get_app_configs()}}
call_command("migrate", run_syncdb=True, verbosity=0)
call_command("sync_tasks", verbosity=0)
from hub.demo import people
people.make_people()
for name, file in {tokens!r}.items():
    call_command("add_worker", name, "--token-file", file, verbosity=0)
"""


@dataclass
class WholeHub:
    """`start()` brings everything up; `kill(name)` is a SIGKILL to that program's process group."""

    folder: Path
    workers: int = 1
    settings: str = "hub.settings"  # the module that site, jobs and commands read
    worker_module: str = "bench_runner"
    tasks: Path = programs.ROOT / "tasks"
    workers_door: str = ""  # where workers find the hub, when not at its own address
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.place = programs.place("127.0.0.1", free_port(), {"DATA_DIR": str(self.folder)})
        self.url = self.place.local_url
        machine = {name: os.environ[name] for name in programs.MACHINE_VARIABLES if name in os.environ}
        ours = {"DJANGO_SETTINGS_MODULE": self.settings, "TASKS_DIR": str(self.tasks)}
        self.environment = self.place.environment({**machine, **ours})

    def start(self) -> None:
        self.run(programs.redis(self.place))
        embedded_redis.wait_ready(self.place.redis_url)
        tokens = {f"worker-{n}": str(self._token(f"worker-{n}")) for n in range(1, self.workers + 1)}
        self.manage("shell", "--verbosity", "0", "--command", FILL.format(tokens=tokens))
        self.start_site()
        self.start_jobs()
        for number in range(1, self.workers + 1):
            take_for_very_fast(self.folder / f"worker-{number}")
            self.start_worker(number)
        self.wait(lambda: self.workers_heard() >= self.workers, "the workers to report")

    def start_site(self) -> None:
        self.run(replace(programs.site(self.place), environment=self.environment))
        self.wait(lambda: answers(self.url), "the site's first page")

    def start_jobs(self) -> None:
        self.run(replace(programs.jobs(self.place), environment=self.environment))

    def start_worker(self, number: int) -> None:
        name = f"worker-{number}"
        token = self._token(name)
        program = programs.worker(self.place)
        own = {
            "HUB_URL": self.workers_door or self.url,
            "WORKER_TOKEN_FILE": str(token),
            "WORKER_NAME": name,
            "WORKER_DATA_DIR": str(self.folder / name),
        }
        command = [sys.executable, "-m", self.worker_module, "worker"]
        log = self.place.log_dir / f"{name}.log"
        environment = {**program.environment, **own}
        self.run(replace(program, name=name, command=command, environment=environment, log=log))

    def _token(self, name: str) -> Path:
        return self.folder / "secrets" / f"{name}.token"

    def start_by_name(self, name: str) -> None:
        if name == "site":
            self.start_site()
        elif name == "jobs":
            self.start_jobs()
        elif name == "redis":
            self.run(programs.redis(self.place))
        else:
            self.start_worker(int(name.rpartition("-")[2]))

    def run(self, program: Program) -> None:
        self.running[program.name] = launch(program)

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        self._end(list(self.running))

    def stop_workers(self) -> None:
        self._end([name for name in self.running if name.startswith("worker-")])

    def _end(self, names: list[str]) -> None:
        """Ask first, the whole group at once; after a while no longer ask."""
        ending = [self.running.pop(name) for name in names]
        for process in ending:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in ending:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def manage(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=programs.ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"manage.py {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}")
        return done

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the database file, as it is committed now."""
        with contextlib.closing(
            sqlite3.connect(f"file:{self.folder / 'db.sqlite3'}?mode=ro", uri=True, timeout=20)
        ) as database:
            return database.execute(query, values).fetchall()

    def count(self, query: str, *values: Any) -> int:
        return int(self.rows(query, *values)[0][0])

    def workers_heard(self) -> int:
        return self.count("SELECT count(*) FROM bench_worker WHERE last_seen_at IS NOT NULL")

    def wait(self, holds: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds:.0f} s for {what}\n{self.logs()}")
            time.sleep(0.1)

    def logs(self) -> str:
        logs = sorted(self.place.log_dir.glob("*.log"))
        tails = [f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs]
        return "\n".join(tails)


@contextlib.contextmanager
def whole_hub(folder: Path, workers: int = 1, **variant: Any) -> Iterator[WholeHub]:
    """A started hub; everything is ended on the way out."""
    hub = WholeHub(folder, workers, **variant)
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()
