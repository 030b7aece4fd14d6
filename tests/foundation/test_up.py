"""`make up` as a whole: it starts, answers, heals, tells who holds what, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.services import programs
from hub.services.instance import free_port
from hub.services.programs import ROOT
from tests.calibrated import take_for_very_fast

pytestmark = pytest.mark.xdist_group("up")  # they share one hub
START_SECONDS = 60


class Up:
    """`manage.py up` in a data folder of its own, as `make up` ends by running it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        machine = {name: os.environ[name] for name in programs.MACHINE_VARIABLES if name in os.environ}
        (folder / "tasks").mkdir(exist_ok=True)  # none in it, so that no example keeps the worker busy
        take_for_very_fast(folder / "var" / "worker")
        own = {"DATA_DIR": str(folder / "var"), "TASKS_DIR": str(folder / "tasks")}
        self.environment = {**machine, **own}
        self.out = folder / "out"
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen(
                self.command(), cwd=ROOT, env=self.environment, stdout=out, stderr=out
            )

    def command(self) -> list[str]:
        return [sys.executable, "manage.py", "up", "--port", str(self.port)]

    def said(self) -> str:
        return self.out.read_text()

    def wait(self, holds: Callable[[], object], what: str, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert self.process.poll() is None, f"it ended while waiting for {what}:\n{self.said()}"
            assert time.monotonic() < deadline, f"waited in vain for {what}:\n{self.said()}"
            time.sleep(0.1)

    def page(self, path: str = "/") -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def children(self) -> list[int]:
        return [
            int(pid)
            for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        ]

    def child(self, words: str) -> int:
        """The pid of the program whose command line holds these words, 0 if there is none."""
        for pid in self.children():
            if words in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "):
                return pid
        return 0


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    running = Up(tmp_path_factory.mktemp("up"))
    try:
        running.wait(lambda: "Stop with Ctrl-C" in running.said(), "the greeting")
        yield running
    finally:
        running.process.terminate()  # does nothing to one that has ended
        running.process.wait(timeout=30)


def test_the_greeting_names_the_address_and_the_log_ins(up: Up) -> None:
    assert f"Touchstone runs at http://127.0.0.1:{up.port}" in up.said()
    for who in ("alice", "bob", "mentor", "maintainer"):
        assert re.search(rf"{who} +\S+-demo-2026 +", up.said())
    assert "everybody knows their passwords" in up.said()
    assert up.page() == 200


def test_every_program_runs_beside_the_site(up: Up) -> None:
    for words in (
        "unixsocket:redis.sock",
        "uvicorn hub.asgi",
        "celery --app hub.celery",
        "bench_runner worker",
    ):
        up.wait(lambda words=words: up.child(words), words)


def test_the_last_cpu_is_left_to_the_worker_that_measures_on_it(up: Up) -> None:
    usable = os.sched_getaffinity(0)
    if len(usable) < 2:
        pytest.skip("there is one CPU for everything")
    for words in ("unixsocket:redis.sock", "uvicorn hub.asgi", "celery --app hub.celery"):
        assert os.sched_getaffinity(up.child(words)) == usable - {max(usable)}
    up.wait(lambda: up.child("bench_runner worker"), "the worker")
    assert os.sched_getaffinity(up.child("bench_runner worker")) == usable


def test_the_worker_cannot_reach_the_database_or_the_secret_key(up: Up) -> None:
    up.wait(lambda: up.child("bench_runner worker"), "the worker")
    environment = Path(f"/proc/{up.child('bench_runner worker')}/environ").read_text().split("\0")
    names = {line.partition("=")[0] for line in environment}
    assert "WORKER_TOKEN_FILE" in names
    assert not names & {"DATABASE_URL", "SECRET_KEY", "DATA_DIR", "DJANGO_SETTINGS_MODULE"}


@pytest.mark.slow
def test_a_second_start_says_where_the_first_one_runs_and_is_no_failure(up: Up) -> None:
    done = subprocess.run(
        [sys.executable, "hub/bootstrap.py", "up", "--port", "1"],
        cwd=ROOT, env=up.environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert f"already runs at http://127.0.0.1:{up.port} (process {up.process.pid})" in done.stdout


@pytest.mark.slow
def test_a_killed_site_comes_back(up: Up) -> None:
    os.kill(up.child("uvicorn hub.asgi"), signal.SIGKILL)
    up.wait(lambda: "site ended (signal SIGKILL) and is started again in 1 s" in up.said(), "the notice")
    up.wait(lambda: up.page() == 200, "the site")


@pytest.mark.slow
def test_a_killed_redis_comes_back(up: Up) -> None:
    os.kill(up.child("unixsocket:redis.sock"), signal.SIGKILL)
    up.wait(lambda: "redis ended (signal SIGKILL)" in up.said(), "the notice")
    up.wait(lambda: up.child("unixsocket:redis.sock"), "Redis")


def test_a_port_in_use_is_refused_before_anything_is_installed(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "hub/bootstrap.py", "up", "--port", str(port)],
            cwd=ROOT, env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)},
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 cannot be used (Address already in use)" in done.stderr


def test_stopping_leaves_no_process_behind(up: Up) -> None:
    programs_of_it = up.children()
    assert len(programs_of_it) == 4
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(timeout=30) == 0
    assert "Stopped." in up.said()
    assert not [pid for pid in programs_of_it if Path(f"/proc/{pid}").exists()]
    assert (up.folder / "var" / "run" / "up.json").read_text() == ""


@pytest.mark.slow
def test_the_next_start_is_quick_and_ends_on_ctrl_c(up: Up) -> None:
    up.process.terminate()  # unless it has ended
    up.process.wait(timeout=30)
    again = Up(up.folder)
    try:
        again.wait(lambda: again.page() == 200, "the first page", seconds=20)
        assert "migrate" not in again.said()
        again.wait(lambda: "Stop with Ctrl-C" in again.said(), "the greeting")
        again.process.send_signal(signal.SIGINT)
        assert again.process.wait(timeout=30) == 0
    finally:
        again.process.kill()
        again.process.wait()
