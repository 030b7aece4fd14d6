"""A whole hub in a folder of its own: Redis, site, jobs and workers as `make up` runs them, killable by name.

Not restarted when killed (that is `hub/services/supervisor.py`'s work): a test says what dies and what comes
back. Without the examples' jobs, so that no test waits for them. Facts are read from the database file.
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

READY_SECONDS = 60


@dataclass
class WholeHub:
    """`start()` brings everything up; `kill(name)` is a SIGKILL to that program's process group."""

    folder: Path
    workers: int = 1
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.place = programs.place("127.0.0.1", free_port(), {"DATA_DIR": str(self.folder)})
        self.url = self.place.local_url
        machine = {name: os.environ[name] for name in programs.MACHINE_VARIABLES if name in os.environ}
        self.environment = self.place.environment(machine)

    def start(self) -> None:
        self.run(programs.redis(self.place))
        embedded_redis.wait_ready(self.place.redis_url)
        self.manage("migrate", "--verbosity", "0")
        self.manage("sync_tasks", "--verbosity", "0")
        self.manage(
            "shell", "--verbosity", "0", "--command", "from hub.demo import people; people.make_people()"
        )
        self.start_site()
        self.start_jobs()
        for number in range(1, self.workers + 1):
            self.start_worker(number)
        self.wait(lambda: self.workers_heard() >= self.workers, "the workers to report")

    def start_site(self) -> None:
        self.run(replace(programs.site(self.place), environment=self.environment))
        self.wait(lambda: answers(self.url), "the site's first page")

    def start_jobs(self) -> None:
        self.run(replace(programs.jobs(self.place), environment=self.environment))

    def start_worker(self, number: int) -> None:
        name = f"worker-{number}"
        token = self.folder / "secrets" / f"{name}.token"
        self.manage("add_worker", name, "--token-file", str(token), "--keep", "--verbosity", "0")
        program = programs.worker(self.place)
        own = {
            "WORKER_TOKEN_FILE": str(token),
            "WORKER_NAME": name,
            "WORKER_DATA_DIR": str(self.folder / name),
        }
        environment = {**program.environment, **own}
        self.run(replace(program, name=name, environment=environment, log=self.place.log_dir / f"{name}.log"))

    def run(self, program: Program) -> None:
        self.running[program.name] = launch(program)

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.running.clear()

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
def whole_hub(folder: Path, workers: int = 1) -> Iterator[WholeHub]:
    """A started hub; everything is ended on the way out."""
    hub = WholeHub(folder, workers)
    try:
        hub.start()
        yield hub
    finally:
        hub.stop()
