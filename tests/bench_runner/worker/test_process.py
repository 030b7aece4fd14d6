"""The whole worker process: real Redis, real sandbox, a double of the hub."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis as Client

from bench_runner.celery import queue_of
from bench_runner.contract import JobKind
from bench_runner.fingerprint import hardware_class
from hub.services import embedded_redis
from tasks.spec import ROOT, read_folder
from tests.bench_runner.worker.hub_double import TOKEN, HubDouble, serving, wait_for
from tests.calibrated import take_for_very_fast

# Who kills workers does it apart from others who do: for a while nobody owns what is left in their slots.
pytestmark = [pytest.mark.sandbox, pytest.mark.xdist_group("kills")]

ADD = b"""
#include <stdint.h>
void vector_add(const float* a, const float* b, float* c, int64_t n) {
    for (int64_t i = 0; i < n; i++) c[i] = a[i] + b[i];
}
"""
ENDLESS = b"def vector_add(*_):\n    while True:\n        pass\n"


class Redis:
    """A server of our own that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/r.sock"
        self.start()

    def start(self) -> None:
        command = [
            "--port",
            "0",
            "--unixsocket",
            f"{self.folder}/r.sock",
            "--dir",
            str(self.folder),
            "--save",
            "",
        ]
        self.process = subprocess.Popen(
            [embedded_redis.find_binary(), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for((self.folder / "r.sock").exists)

    def waiting(self) -> int:
        with Client(unix_socket_path=f"{self.folder}/r.sock") as client:
            return client.llen(queue_of(hardware_class()))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        (self.folder / "r.sock").unlink(missing_ok=True)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def hub() -> Iterator[HubDouble]:
    with serving() as double:
        yield double


@pytest.fixture
def worker(tmp_path: Path, redis: Redis, hub: HubDouble) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        "PATH": os.environ["PATH"],
        "HUB_URL": hub.url,
        "REDIS_URL": redis.url,
        "WORKER_TOKEN": TOKEN,
        "WORKER_NAME": "tested",
        "WORKER_DATA_DIR": str(tmp_path / "data"),
    }
    take_for_very_fast(tmp_path / "data")
    log = (tmp_path / "worker.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "bench_runner", "worker"],
        env=environment,
        stdout=log,
        stderr=log,
        cwd=ROOT.parent,
    )
    yield process
    process.kill()
    process.wait()
    sys.stdout.write((tmp_path / "worker.log").read_text())


def wake(redis: Redis, job: str) -> None:
    """As the hub does it: by name."""
    app = Celery(broker=redis.url.replace("unix://", "redis+socket://"), set_as_current=False)
    app.send_task("bench.run", [job], queue=queue_of(hardware_class()), ignore_result=True)
    app.close()


@pytest.mark.slow
def test_wake_ups_are_judged_survive_redis_and_stop_with_a_fault(
    redis: Redis, hub: HubDouble, worker: subprocess.Popen[bytes]
) -> None:
    files = read_folder(ROOT / "vector-add")
    hub.add_job("one", "vector-add", files, {"solution.c": ADD})
    hub.waiting = ["one"]  # its wake-up was lost; the hub tells it to whoever says hello
    wait_for(lambda: hub.results)
    assert hub.hellos[0]["hardware_class"] == hardware_class()
    assert hub.hellos[0]["sandboxed"] is True
    wake(redis, "one")  # doubled by the broker: the second claim is refused
    assert hub.results[0]["outcome"] == "passed"
    assert {event["phase"] for event in hub.events} >= {"building", "checking", "done"}

    redis.stop()
    redis.start()
    hub.add_job("two", "vector-add", files, {"solution.c": ADD})
    wait_for(lambda: _woken(redis, hub, "two"))
    wait_for(lambda: len(hub.results) == 2)
    assert worker.poll() is None

    hub.add_job("killed", "vector-add", files, {"solution.py": ENDLESS})
    wake(redis, "killed")
    wait_for(lambda: "killed" in hub.claimed and len(descendants(worker.pid)) >= 4)
    family = descendants(worker.pid)
    os.kill(family[0], signal.SIGKILL)  # the child that judges
    wait_for(lambda: not any(alive(pid) for pid in family))
    assert worker.poll() is None
    wait_for(lambda: hub.faults == ["the worker was killed while it judged"])

    hub.events.clear()
    hub.add_job("three", "vector-add", files, {"solution.py": ENDLESS}, JobKind.CHECK)
    wake(redis, "three")
    wait_for(lambda: "three" in hub.claimed)
    wait_for(lambda: any(event["phase"] == "checking" for event in hub.events[-2:]))
    wake(redis, "four")  # for another worker, perhaps: it stays in the queue while this one is busy
    time.sleep(0.3)
    assert redis.waiting() == 1
    worker.send_signal(signal.SIGTERM)
    wait_for(lambda: len(hub.faults) == 2)
    assert hub.faults[1:] == ["the worker was stopped"]
    assert worker.wait(60) == 0
    assert len(hub.results) == 2


def descendants(pid: int) -> list[int]:
    """Children, then theirs, by host pid."""
    children = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [found for child in children for found in descendants(child)]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _woken(redis: Redis, hub: HubDouble, job: str) -> bool:
    if job not in hub.claimed:
        wake(redis, job)
    return job in hub.claimed
