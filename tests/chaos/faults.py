"""Each kind of fault: how it is done to a hub that is at work, and which attempts were open where it struck.

Not in charge of when (`run.py`) nor of what must hold afterwards (`checks.py`). A fault leaves the hub as it
found it: what died is running again, what was full is free.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hub.core.ids import token_digest
from hub.services import embedded_redis, programs
from tests.chaos.times import SILENT_SECONDS
from tests.chaos.wire import Act, Passing, Trap, Wire
from tests.whole import WholeHub

AIM_SECONDS = 10.0  # to find a worker that is at work, or a request to strike
FULL_SECONDS = 2.5
LEASES = 20
FILLER = "filler"


class Missed(Exception):
    """There was nothing to strike at."""


@dataclass
class Stage:
    """The hub that faults are done to."""

    hub: WholeHub
    wire: Wire
    random: random.Random
    clones: Path
    small: list[Path] = field(default_factory=list)  # folders on a small disk of their own

    def open_attempts(self, worker: str = "") -> list[tuple[str, str]]:
        """Attempt and worker's name."""
        rows = self.hub.rows(
            "SELECT attempt.id, worker.name FROM bench_attempt attempt JOIN bench_worker worker "
            "ON worker.id = attempt.worker_id WHERE attempt.state = 'open'"
        )
        return [(attempt, name) for attempt, name in rows if worker in ("", name)]

    def aim(self) -> tuple[str, str]:
        """An attempt that has been heard of and has just begun, and its worker."""
        heard = (
            "SELECT attempt.id, worker.name FROM bench_attempt attempt JOIN bench_worker worker "
            "ON worker.id = attempt.worker_id WHERE attempt.state = 'open' AND heard_at > started_at"
        )
        before = set(self.hub.rows(heard))
        until = time.monotonic() + AIM_SECONDS
        while time.monotonic() < until:
            now = [(attempt, name) for attempt, name in self.hub.rows(heard) if name in self.hub.running]
            if found := sorted(set(now) - before):
                return self.random.choice(found)
            time.sleep(0.01)
        raise Missed("no worker began anything")

    def while_at_work(self) -> list[str]:
        """All open attempts, at a moment when there are some."""
        with contextlib.suppress(Missed):
            self.aim()
        return [attempt for attempt, _ in self.open_attempts()]

    def processes(self, worker: str) -> list[int]:
        """All processes of a worker: the main one, its child, and what a main one that was killed left."""
        mark = f"WORKER_DATA_DIR={self.hub.folder / worker}\0".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes():
                    found.append(int(process.name))
        return found

    def judging_process(self, worker: str) -> int:
        """The child of a worker's main process."""
        found = children(self.hub.running[worker].pid)
        if not found:
            raise Missed(f"{worker} has no child")
        return found[0]

    def restart(self, worker: str) -> None:
        self.hub.start_worker(int(worker.rpartition("-")[2]))


Fault = Callable[[Stage], list[str]]  # gives the attempts that it hit


def children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


# Processes of a worker


def judging_process_killed(stage: Stage) -> list[str]:
    attempt, worker = stage.aim()
    kill(stage.judging_process(worker))
    return [attempt]


def worker_killed(stage: Stage) -> list[str]:
    attempt, worker = stage.aim()
    stage.hub.kill(worker)
    stage.restart(worker)
    return [attempt]


def worker_killed_but_its_child(stage: Stage) -> list[str]:
    """The child goes on by itself while a new worker of the same name takes other jobs."""
    attempt, worker = stage.aim()
    process = stage.hub.running.pop(worker)
    process.kill()
    process.wait()
    stage.restart(worker)
    return [attempt]


def launcher_killed(stage: Stage) -> list[str]:
    """The process that holds a guest's sandbox: it dies, and with it the guest."""
    attempt, worker = stage.aim()
    until = time.monotonic() + 1
    while time.monotonic() < until:
        if held := children(stage.judging_process(worker)):
            kill(held[0])
            return [attempt]
    raise Missed("no guest was running")


def worker_stopped(stage: Stage) -> list[str]:
    attempt, worker = stage.aim()
    process = stage.hub.running.pop(worker)
    process.terminate()
    process.wait(timeout=20)
    stage.restart(worker)
    return [attempt]


def worker_frozen(stage: Stage) -> list[str]:
    """Stands still until the hub has given it up, then goes on as if nothing had been."""
    attempt, worker = stage.aim()
    family = [stage.hub.running[worker].pid, stage.judging_process(worker)]
    for pid in family:
        kill(pid, signal.SIGSTOP)
    time.sleep(SILENT_SECONDS + 2)
    for pid in family:
        kill(pid, signal.SIGCONT)
    return [attempt]


# Programs of the hub


def redis_killed(stage: Stage) -> list[str]:
    return _redis_killed(stage, emptied=False)


def redis_killed_and_emptied(stage: Stage) -> list[str]:
    return _redis_killed(stage, emptied=True)


def _redis_killed(stage: Stage, *, emptied: bool) -> list[str]:
    hit = stage.while_at_work()
    stage.hub.kill("redis")
    if emptied:
        shutil.rmtree(stage.hub.folder / "redis")
    time.sleep(stage.random.uniform(0.1, 1.0))
    stage.hub.run(programs.redis(stage.hub.place))
    embedded_redis.wait_ready(stage.hub.place.redis_url)
    return hit


def site_killed(stage: Stage) -> list[str]:
    hit = stage.while_at_work()
    stage.hub.kill("site")
    time.sleep(stage.random.uniform(0.1, 0.5))
    stage.hub.start_site()
    return hit


def sweeper_killed(stage: Stage) -> list[str]:
    hit = stage.while_at_work()
    stage.hub.kill("jobs")
    stage.hub.start_jobs()
    return hit


def lease_over(stage: Stage) -> list[str]:
    """The clock of one lease is put forward; the sweeper finds it over, unless the attempt ends before."""
    for _ in range(LEASES):
        attempt, _name = stage.aim()
        with contextlib.closing(sqlite3.connect(stage.hub.folder / "db.sqlite3", timeout=20)) as database:
            over = "UPDATE bench_attempt SET lease_until = '2001-01-01 00:00:00' WHERE id = ?"
            database.execute(over, (attempt,))
            database.commit()
        while attempt in {found for found, _ in stage.open_attempts()}:
            time.sleep(0.05)
        if stage.hub.count("SELECT count(*) FROM bench_attempt WHERE id = ? AND state = 'lost'", attempt):
            return [attempt]
    raise Missed("every attempt ended before its lease was found over")


# The line


def result_twice(stage: Stage) -> list[str]:
    return [_struck(stage, Act.TWICE, "/result")]


def result_late(stage: Stage) -> list[str]:
    """Held back until the hub has given the attempt up."""

    def given_up(passing: Passing) -> bool:
        return _attempt_of(passing) not in {attempt for attempt, _ in stage.open_attempts()}

    return [_struck(stage, Act.LATE, "/result", given_up)]


def answer_to_a_result_lost(stage: Stage) -> list[str]:
    return [_struck(stage, Act.LOSE_REPLY, "/result")]


def answer_to_a_claim_lost(stage: Stage) -> list[str]:
    with stage.wire.armed(Trap(Act.LOSE_REPLY, lambda p: p.path.endswith("/claim"))) as trap:
        passing = _wait_for(trap)
    if passing.statuses != [200]:
        return []  # it was a refusal that got lost
    worker = _worker_of(stage, passing)
    return [attempt for attempt, _ in stage.open_attempts(worker)]


def revision_cut(stage: Stage) -> list[str]:
    """A worker that has lost its copies fetches a task's files, and the line breaks in the middle."""
    with stage.wire.armed(Trap(Act.CUT_REPLY, lambda p: "/revisions/" in p.path)) as trap:
        for worker in range(1, stage.hub.workers + 1):
            shutil.rmtree(stage.hub.folder / f"worker-{worker}" / "revisions", ignore_errors=True)
        passing = _wait_for(trap)
    return [attempt for attempt, _ in stage.open_attempts(_worker_of(stage, passing))]


def push_cut(stage: Stage) -> list[str]:
    return _push_hit(stage, Act.CUT_REQUEST)


def answer_to_a_push_lost(stage: Stage) -> list[str]:
    return _push_hit(stage, Act.LOSE_REPLY)


def _push_hit(stage: Stage, act: Act) -> list[str]:
    trap = Trap(act, lambda p: p.method == "POST" and p.path.endswith("/git-receive-pack"))
    with stage.wire.armed(trap):
        _wait_for(trap)
    return []  # no attempt of it is open yet


def fetch_cut(stage: Stage) -> list[str]:
    """A contributor clones; the line breaks, they try again, and it is whole."""
    trap = Trap(Act.CUT_REPLY, lambda p: p.method == "POST" and p.path.endswith("/git-upload-pack"))
    folder = stage.clones / f"cut-{time.monotonic_ns()}"
    command = ["git", "clone", "-q", f"{stage.wire.url}/git/tiny-add.git", str(folder)]
    with stage.wire.armed(trap):
        first = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        _wait_for(trap)
    assert first.returncode != 0, "a clone that was cut in the middle claims to be whole"
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if second.returncode:  # another fault may be at work just now
        raise Missed(second.stderr)
    return []


def _struck(stage: Stage, act: Act, ending: str, release: Callable[[Passing], bool] = lambda _: True) -> str:
    with stage.wire.armed(Trap(act, lambda p: p.path.endswith(ending), release)) as trap:
        return _attempt_of(_wait_for(trap))


def _wait_for(trap: Trap) -> Passing:
    until = time.monotonic() + AIM_SECONDS
    while trap.struck is None and time.monotonic() < until:
        time.sleep(0.02)
    if trap.struck is None:
        raise Missed(f"nothing passed that could be struck: {trap.act.value}")
    trap.done.wait(60)
    return trap.struck


def _attempt_of(passing: Passing) -> str:
    return passing.path.split("/")[-2].replace("-", "")


def _worker_of(stage: Stage, passing: Passing) -> str:
    return str(
        stage.hub.rows("SELECT name FROM bench_worker WHERE token_digest = ?", token_digest(passing.token))[
            0
        ][0]
    )


# Disks


def workers_disk_full(stage: Stage) -> list[str]:
    stage.while_at_work()
    hit = [attempt for attempt, _ in stage.open_attempts("worker-1")]
    with _full(stage, stage.hub.folder / "worker-1"):
        time.sleep(FULL_SECONDS)
    return hit


def hubs_disk_full(stage: Stage) -> list[str]:
    hit = stage.while_at_work()
    with _full(stage, stage.hub.folder):
        time.sleep(FULL_SECONDS)
    return hit


@contextlib.contextmanager
def _full(stage: Stage, folder: Path) -> Iterator[None]:
    """Not a byte is free in it."""
    if folder not in stage.small:
        raise Missed(f"{folder} has no small disk of its own")
    filler = folder / FILLER
    try:
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        yield
    finally:
        filler.unlink()


KINDS: dict[str, Fault] = {
    fault.__name__.replace("_", " "): fault
    for fault in (
        judging_process_killed,
        worker_killed,
        worker_killed_but_its_child,
        launcher_killed,
        worker_stopped,
        worker_frozen,
        redis_killed,
        redis_killed_and_emptied,
        site_killed,
        sweeper_killed,
        lease_over,
        result_twice,
        result_late,
        answer_to_a_result_lost,
        answer_to_a_claim_lost,
        revision_cut,
        push_cut,
        answer_to_a_push_lost,
        fetch_cut,
        workers_disk_full,
        hubs_disk_full,
    )
}
