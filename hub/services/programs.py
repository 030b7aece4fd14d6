"""Which programs make up the hub on one machine, and what each of them may know. Standard library only.

Not in charge of running them (`supervisor.py`).

The bench worker gets an environment of its own, made from nothing: it must never hold the database's
address or the site's secret key.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from hub.services import embedded_redis
from hub.services.supervisor import Program

ROOT = Path(__file__).resolve().parents[2]
# What a process needs of the machine's environment and is no secret of ours.
MACHINE_VARIABLES = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
)


MOST_BY_ITSELF = 4  # processes of the site: each keeps pages of its own, in 150 MB
MOST_PROCESSES = 64
BEFORE_BUILDS = -10  # nice


@dataclass(frozen=True)
class Place:
    """Where this hub lives and listens."""

    host: str
    port: int
    data_dir: Path
    redis_url: str
    embedded: bool  # we start Redis ourselves

    @property
    def local_url(self) -> str:
        """How a program on this machine reaches the site."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104  # compared, not bound
        return f"http://{host}:{self.port}"

    def reached_by_others(self, site_url: str) -> bool:
        """Whether other machines can come in: directly, or through a proxy that has an address of its own."""
        names = {self.host, urlsplit(site_url).hostname}
        return not names <= {"localhost", "127.0.0.1", "::1"}

    @property
    def run_dir(self) -> Path:
        return self.data_dir / "run"

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "log"

    @property
    def worker_token(self) -> Path:
        return self.data_dir / "secrets" / "worker.token"

    def environment(self, given: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The variables under which the site and its commands run; what the caller set wins."""
        ours = {
            "DATA_DIR": str(self.data_dir),
            "SITE_URL": self.local_url,
            "REDIS_URL": self.redis_url,
            "DEMO": "1",
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "hub.settings",
        }
        return {**ours, **{name: value for name, value in given.items() if value or name not in ours}}


def place(host: str, port: int, given: Mapping[str, str] = os.environ) -> Place:
    data_dir = Path(given.get("DATA_DIR") or ROOT / "var").resolve()
    own = embedded_redis.url(data_dir)
    redis_url = given.get("REDIS_URL") or own
    return Place(host, port, data_dir, redis_url, embedded=redis_url == own)


def redis(at: Place) -> Program:
    return _off_the_measuring_cpu(embedded_redis.program(at.data_dir, at.log_dir))


def site(at: Place) -> Program:
    environment = at.environment()
    several = ["--workers", str(number)] if (number := site_processes(environment)) > 1 else []
    program = _python(
        at,
        "site",
        ["-m", "uvicorn", "hub.asgi:application", "--host", at.host, "--port", str(at.port),
         "--loop", "uvloop", "--http", "httptools", "--ws", "none", *several,
         "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "2"],
        environment,
        end_round=1,
    )  # fmt: skip
    program = _off_the_measuring_cpu(program)
    # People wait for a page, nobody for the milliseconds of a build. Where site and worker have one processor
    # between them, all is as the machine would have it.
    return replace(program, nice=BEFORE_BUILDS if program.cpus else 0)


def site_processes(given: Mapping[str, str]) -> int:
    """How many processes answer: SITE_PROCESSES, else as many as there are processors beside the worker's.

    Raises:
        ValueError: what is given is no such number.
    """
    told = given.get("SITE_PROCESSES", "")
    if not told:
        return max(1, min(len(os.sched_getaffinity(0)) - 1, MOST_BY_ITSELF))
    if not told.isdecimal() or not 1 <= int(told) <= MOST_PROCESSES:
        raise ValueError(f"SITE_PROCESSES={told!r}: give a number from 1 to {MOST_PROCESSES}.")
    return int(told)


def jobs(at: Place) -> Program:
    # Started without looking for neighbours: there is one of it, and mingling costs a second.
    program = _python(
        at,
        "jobs",
        ["-m", "celery", "--app", "hub.celery", "worker", "--beat", "--pool", "solo", "--queues", "hub",
         "--loglevel", "INFO", "--without-gossip", "--without-mingle", "--hostname", "hub@%h"],
        at.environment(),
        end_round=1,
    )  # fmt: skip
    return _off_the_measuring_cpu(program)


def worker(at: Place) -> Program:
    # Ended first, so that the site still takes the attempt that it gives back.
    environment = {name: os.environ[name] for name in MACHINE_VARIABLES if name in os.environ}
    environment |= {
        "HUB_URL": at.local_url,
        "REDIS_URL": at.redis_url,
        "WORKER_TOKEN_FILE": str(at.worker_token),
        "WORKER_NAME": os.environ.get("WORKER_NAME", "embedded"),
        "WORKER_DATA_DIR": os.environ.get("WORKER_DATA_DIR", str(at.data_dir / "worker")),
        "WORKER_CARD": "none",  # the one beside the site is for processors; a card has a worker of its own
        "PYTHONUNBUFFERED": "1",
    }
    unsafe = ["--unsafe-no-sandbox"] if os.environ.get("UNSAFE_NO_SANDBOX") == "1" else []
    return _python(at, "worker", ["-m", "bench_runner", "worker", *unsafe], environment)


def _off_the_measuring_cpu(program: Program) -> Program:
    """For what runs beside the worker: it measures on the last CPU, where there is more than one."""
    usable = sorted(os.sched_getaffinity(0))
    return replace(program, cpus=frozenset(usable[:-1]) or None)


def _python(
    at: Place, name: str, arguments: list[str], environment: Mapping[str, str], end_round: int = 0
) -> Program:
    return Program(
        name=name,
        command=[sys.executable, *arguments],
        log=at.log_dir / f"{name}.log",
        environment=environment,
        cwd=ROOT,
        end_round=end_round,
    )
