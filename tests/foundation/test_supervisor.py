"""Programs are kept running, told apart by name, and ended whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.services import supervisor as module
from hub.services.programs import ROOT
from hub.services.supervisor import Program, Supervisor, tail


class Terminal:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def supervisor(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.05)
    made = Supervisor(say=terminal)
    yield made
    made.stop()


def python(tmp_path: Path, code: str, **more) -> Program:
    return Program(
        name="guest",
        command=[sys.executable, "-u", "-c", code],
        log=tmp_path / "log" / "guest.log",
        environment={"PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        **more,
    )


def watch(supervisor: Supervisor, until: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    supervisor.watch(until=lambda: until() or time.monotonic() > deadline)
    assert until(), "it did not come about in time"


def written(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_program_that_dies_is_started_again_and_the_terminal_says_so(
    supervisor, terminal, tmp_path
) -> None:
    supervisor.start(python(tmp_path, "print('one life'); raise SystemExit(3)"))
    watch(supervisor, lambda: supervisor.ends("guest") >= 2)
    assert "guest ended (exit status 3) and is started again in" in terminal.lines[0]
    assert written(tmp_path / "log" / "guest.log").count("one life") >= 2


def test_the_pause_before_a_restart_grows(supervisor, tmp_path) -> None:
    supervisor.start(python(tmp_path, "raise SystemExit(1)"))
    began = time.monotonic()
    watch(supervisor, lambda: supervisor.ends("guest") >= 4)
    assert time.monotonic() - began >= 0.05 + 0.1 + 0.2


def test_a_killed_program_is_named_with_its_signal(supervisor, terminal, tmp_path) -> None:
    supervisor.start(python(tmp_path, "import os; os.kill(os.getpid(), 9)"))
    watch(supervisor, lambda: bool(terminal.lines))
    assert "guest ended (signal SIGKILL)" in terminal.lines[0]


def test_what_ends_for_ever_is_not_told_for_ever(supervisor, terminal, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.1)
    supervisor.start(python(tmp_path, "print('ERROR as ever'); print('ERROR too'); raise SystemExit(1)"))
    watch(supervisor, lambda: supervisor.ends("guest") >= 5)
    assert len([line for line in terminal.lines if "guest ended" in line]) == 2
    assert "and every time it ends" in terminal.lines[-1]
    assert terminal.lines.count("guest | ERROR as ever") == 1


def test_errors_in_a_log_reach_the_terminal_and_ordinary_lines_do_not(supervisor, terminal, tmp_path) -> None:
    code = "print('all well'); print('[ERROR] disk is full'); import time; time.sleep(60)"
    supervisor.start(python(tmp_path, code))
    watch(supervisor, lambda: bool(terminal.lines))
    assert terminal.lines == ["guest | [ERROR] disk is full"]


def test_what_an_earlier_life_logged_is_not_repeated(supervisor, terminal, tmp_path) -> None:
    log = tmp_path / "log" / "guest.log"
    log.parent.mkdir()
    log.write_text("ERROR of yesterday\n")
    supervisor.start(python(tmp_path, "print('ERROR of today'); import time; time.sleep(60)"))
    watch(supervisor, lambda: bool(terminal.lines))
    assert terminal.lines == ["guest | ERROR of today"]


def test_a_long_log_is_moved_aside_while_its_program_runs(
    supervisor, terminal, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(module, "LOG_KEEP_BYTES", 100)
    log = tmp_path / "log" / "guest.log"
    code = (
        "import os, time; print('x' * 101)\n"
        "while os.path.getsize('log/guest.log'): time.sleep(0.01)\n"
        "print('ERROR afterwards'); time.sleep(60)"
    )
    supervisor.start(python(tmp_path, code))
    watch(supervisor, lambda: bool(terminal.lines))
    assert written(log) == "ERROR afterwards\n"
    assert len(written(log.with_suffix(".log.1"))) == 102
    assert terminal.lines == ["guest | ERROR afterwards"]


GRANDCHILD = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "60"])
open("pids", "w").write(f"{os.getpid()} {child.pid}\\n")
time.sleep(60)
"""


def test_stopping_ends_the_whole_group(supervisor, tmp_path) -> None:
    supervisor.start(python(tmp_path, GRANDCHILD))
    watch(supervisor, lambda: written(tmp_path / "pids").endswith("\n"))
    pids = [int(pid) for pid in written(tmp_path / "pids").split()]
    supervisor.stop()
    deadline = time.monotonic() + 5
    while not all(gone(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert all(gone(pid) for pid in pids)


def test_a_program_that_ignores_sigterm_is_killed_after_its_grace(supervisor, tmp_path) -> None:
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); open('up', 'w').close(); time.sleep(60)"
    supervisor.start(python(tmp_path, code, grace_seconds=0.2))
    watch(supervisor, lambda: (tmp_path / "up").exists())
    began = time.monotonic()
    supervisor.stop()
    assert 0.2 <= time.monotonic() - began < 5


def test_what_the_others_need_is_ended_after_them(supervisor, tmp_path) -> None:
    farewell = (
        "import signal, sys, time\n"
        "def bye(*a):\n    time.sleep({wait}); open('order', 'a').write('{name} '); sys.exit()\n"
        "signal.signal(15, bye); open('{name}-up', 'w').close(); time.sleep(60)"
    )
    needed = python(tmp_path, farewell.format(wait=0, name="needed"), end_round=1)
    supervisor.start(needed, python(tmp_path, farewell.format(wait=0.3, name="other")))
    watch(supervisor, lambda: (tmp_path / "needed-up").exists() and (tmp_path / "other-up").exists())
    supervisor.stop()
    assert written(tmp_path / "order") == "other needed "


KILLED_SUPERVISOR = """
import sys, time; from pathlib import Path; from hub.services.supervisor import Program, Supervisor
folder = Path(sys.argv[1])
code = "import os, time; open('pid', 'w').write(f'{os.getpid()} '); time.sleep(60)"
s = Supervisor(say=print)
s.start(Program("guest", [sys.executable, "-c", code], folder / "guest.log", {}, folder))
s.watch(until=lambda: False)
"""


def test_programs_end_when_the_supervisor_is_killed(tmp_path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED_SUPERVISOR, str(tmp_path)], cwd=ROOT) as process:
        deadline = time.monotonic() + 10
        while not written(tmp_path / "pid").endswith(" ") and time.monotonic() < deadline:
            time.sleep(0.02)
        pid = int(written(tmp_path / "pid"))
        process.send_signal(signal.SIGKILL)
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert gone(pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up being root")
def test_a_program_given_a_uid_cannot_become_root_again(supervisor, tmp_path) -> None:
    log = tmp_path / "log" / "guest.log"
    code = "print([l for l in open('/proc/self/status') if l[:3] in ('Uid', 'Gro', 'Cap', 'NoN')])"
    program = Program(
        name="guest",
        command=["/usr/bin/python3", "-c", code + "; import time; time.sleep(60)"],
        log=log,
        environment={"PYTHONUNBUFFERED": "1"},
        cwd=Path("/"),
        uid=52379,
    )
    supervisor.start(program)
    watch(supervisor, lambda: written(log).endswith("\n"))
    said = written(log)
    assert r"Uid:\t52379\t52379\t52379\t52379" in said
    assert r"CapEff:\t0000000000000000" in said
    assert r"NoNewPrivs:\t1" in said
    assert r"Groups:\t \n" in said


def test_the_tail_of_a_log_is_its_last_lines(tmp_path) -> None:
    log = tmp_path / "a.log"
    log.write_text("".join(f"line {n}\n" for n in range(100)))
    assert tail(log, lines=2) == "line 98\nline 99"
    assert tail(tmp_path / "absent.log") == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lets a program go before others")
def test_a_program_and_its_session_have_the_nice_value_that_it_asks_for(supervisor, tmp_path) -> None:
    code = "import os; print(os.nice(0), open('/proc/self/autogroup').read()); import time; time.sleep(9)"
    supervisor.start(python(tmp_path, f"import time; time.sleep(0.3); {code}", nice=-7))
    watch(supervisor, lambda: written(tmp_path / "log" / "guest.log").count("-7") == 2)
