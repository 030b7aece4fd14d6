"""What a build or a program started dies with the process that judges; a worker that lives clears up soon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.spec import ROOT, read_folder
from tests.bench_runner.worker.hub_double import TOKEN, HubDouble, wait_for
from tests.bench_runner.worker.test_process import Redis, alive, descendants, hub, redis, wake

__all__ = ["hub", "redis"]  # fixtures

# Who kills workers does it apart from others who do: for a while nobody owns what is left in their slots.
pytestmark = [pytest.mark.sandbox, pytest.mark.xdist_group("kills")]

LIMIT_SECONDS = 6
WITH_A_SHORT_LIMIT = f"""
import sys
from bench_runner import presence
from bench_runner.celery import app
presence.HELLO_SECONDS = 0.5
app.conf.update(task_soft_time_limit={LIMIT_SECONDS - 1}, task_time_limit={LIMIT_SECONDS})
from bench_runner.__main__ import main
sys.exit(main())
"""
LONG_BUILD = b"""
#define A(v) v v v v v v v v v v v v v v v v
#define B(v) A(A(v))
#define C(v) B(B(v))
#define D(v) C(C(v))
void vector_add(void) { (void)(D(D(0))); }
"""
DAEMONS = b"""
import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open("/proc/self/comm", "w") as name:
                name.write("daemon")
            time.sleep(60)
        os._exit(0)
def vector_add(*_):
    time.sleep(60)
"""


@pytest.fixture
def worker(tmp_path: Path, redis: Redis, hub: HubDouble) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "PATH": os.environ["PATH"],
        "HUB_URL": hub.url,
        "REDIS_URL": redis.url,
        "WORKER_TOKEN": TOKEN,
        "WORKER_DATA_DIR": str(tmp_path / "data"),
    }
    command = [sys.executable, "-c", WITH_A_SHORT_LIMIT, "worker"]
    log = (tmp_path / "worker.log").open("wb")
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT.parent)
    yield process
    process.kill()
    process.wait()
    sys.stdout.write((tmp_path / "worker.log").read_text())


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def groups_of(pid: int) -> list[Path]:
    """The control groups that a guest's process is in, where they are made by us."""
    lines = [line.split(":", 2)[2] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    own = {line.lstrip("/") for line in lines if "touchstone" in line}
    return [path for name in own for path in Path("/sys/fs/cgroup").glob(f"*/{name}")]


def begin(
    redis: Redis,
    hub: HubDouble,
    worker: subprocess.Popen[bytes],
    job: str,
    submission: dict[str, bytes],
    sign: str,
    many: int,
) -> tuple[list[int], list[Path]]:
    """Have a job judged until a process of that name runs; the worker's family and the guest's groups."""
    hub.add_job(job, "vector-add", read_folder(ROOT / "vector-add"), submission)
    wake(redis, job)

    def signs() -> list[int]:
        return [pid for pid in descendants(worker.pid) if name_of(pid) == sign]

    wait_for(lambda: job in hub.claimed, seconds=60)  # a worker starts slowly on a busy machine
    wait_for(lambda: len(signs()) >= many)
    return descendants(worker.pid), groups_of(signs()[-1])


@pytest.mark.slow  # waits for the limits of builds
def test_whatever_ends_the_judging_process_ends_its_guests_and_their_groups(
    redis: Redis, hub: HubDouble, worker: subprocess.Popen[bytes]
) -> None:
    family, groups = begin(redis, hub, worker, "killed", {"solution.c": LONG_BUILD}, "cc1", 1)
    assert groups
    os.kill(family[0], signal.SIGKILL)
    wait_for(lambda: not any(map(alive, family)))
    wait_for(lambda: hub.faults == ["the worker was killed while it judged"])
    wait_for(lambda: not any(group.exists() for group in groups))

    family, groups = begin(redis, hub, worker, "overdue", {"solution.py": DAEMONS}, "daemon", 3)
    assert groups
    os.kill(family[0], signal.SIGSTOP)  # it cannot give up by itself: Celery's hard limit kills it
    wait_for(lambda: not any(map(alive, family)), seconds=LIMIT_SECONDS + 10)
    wait_for(lambda: len(hub.faults) == 2)
    wait_for(lambda: not any(group.exists() for group in groups))
    assert worker.poll() is None


@pytest.mark.slow
def test_a_worker_that_is_called_deaf_starts_anew_though_its_judging_process_hangs(
    redis: Redis, hub: HubDouble, worker: subprocess.Popen[bytes]
) -> None:
    wait_for(lambda: hub.hellos and descendants(worker.pid), seconds=60)
    child = descendants(worker.pid)[0]
    os.kill(child, signal.SIGSTOP)
    wake(redis, "unheard")
    wait_for(lambda: redis.waiting() == 0)
    hub.deaf = True
    wait_for(lambda: not alive(child))
    hub.deaf = False
    hub.add_job("next", "vector-add", read_folder(ROOT / "vector-add"), {"solution.c": LONG_BUILD})
    wake(redis, "next")
    wait_for(lambda: "next" in hub.claimed, seconds=60)
    assert worker.poll() is None
