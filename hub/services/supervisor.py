"""Keeps a handful of programs running until told to stop. Standard library only, one thread.

Not in charge of which programs (`programs.py`), nor of whether they answer.

Theory of operation
- Each program leads a process group of its own: Ctrl-C in the terminal reaches the supervisor alone, which
  then ends the groups in reverse order: SIGTERM, a grace period, SIGKILL to the whole group. When the
  supervisor itself is killed, the kernel sends SIGTERM to the leaders (PR_SET_PDEATHSIG), so nothing is
  left behind holding the port.
- A program that ends is started again after a pause that doubles from 1 to 30 s and falls back to 1 s once
  it has lived for a minute.
- Output goes straight into a log file (no pipe that could fill or break). The supervisor reads along and
  repeats lines that tell of an error, with the program's name in front.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before a program that ended is started again
PROVEN_SECONDS = 60.0  # having lived so long, its next end is a new story
POLL_SECONDS = 0.25
LOG_KEEP_BYTES = 10 * 1024 * 1024  # a longer log is moved aside
LINE_CHARACTERS = 1000  # of a repeated line
LINES_REMEMBERED = 200  # so many are not said twice
LOG_READ_BYTES = 64 * 1024  # of one log per look; a flood is skipped over, the file has it all
TELLING = re.compile(
    r"\b(ERROR|CRITICAL|FATAL)\b|^Traceback |^[\w.]*(Error|Exception|Warning): |FATAL CONFIG"
)
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
_LIBC = ctypes.CDLL(None)  # loaded before any fork: a child must not take the loader's lock


@dataclass(frozen=True)
class Program:
    """One program to keep running."""

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    cwd: Path
    executable: str | None = None  # run this file, with `command` as its arguments
    descriptors: tuple[int, ...] = ()  # stay open in it
    uid: int | None = None  # drop from root to this uid, for good
    grace_seconds: float = 5.0  # between SIGTERM and SIGKILL
    end_round: int = 0  # ended when all of lower rounds are gone: they need it to finish
    cpus: frozenset[int] | None = None  # the only ones that it and what it starts may use; None: all
    nice: int = 0  # below 0 it goes before others, where we are root


def launch(program: Program) -> subprocess.Popen[bytes]:
    """Start it as the leader of a process group of its own, its output at the end of its log."""
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with open(program.log, "ab") as log:
        process = subprocess.Popen(
            program.command,
            executable=program.executable,
            cwd=program.cwd,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=program.descriptors,
            user=program.uid,
            group=program.uid,
            extra_groups=None if program.uid is None else [],
            preexec_fn=_drop_rights if program.uid is not None else _die_with_parent,
        )
    if program.cpus:
        with contextlib.suppress(ProcessLookupError):  # it has ended: its log says why
            os.sched_setaffinity(process.pid, program.cpus)
    if program.nice:
        _set_nice(process.pid, program.nice)
    return process


def _set_nice(pid: int, nice: int) -> None:
    """Linux often divides the time between sessions first: then the value of a session counts."""
    with contextlib.suppress(OSError):  # we are not root, or it has ended
        os.setpriority(os.PRIO_PROCESS, pid, nice)
        Path(f"/proc/{pid}/autogroup").write_text(str(nice))


@dataclass
class _Child:
    """What the supervisor knows about one program at the moment."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_again: float = 0.0  # not before this time
    pause: float = field(default_factory=lambda: FIRST_PAUSE)
    ends: int = 0
    log_read: int = 0  # bytes of the log already looked at
    given_up_telling: bool = False  # it ends again and again: said often enough
    repeated: set[str] = field(default_factory=set)  # lines of it that went to the terminal


@dataclass
class Supervisor:
    """Starts, watches and stops programs. `say` gets one line at a time for the terminal."""

    say: Callable[[str], None]
    _children: list[_Child] = field(default_factory=list)
    stopping: bool = False  # asked to end
    watching: bool = False  # inside `watch`, where being asked is noticed

    def start(self, *programs: Program) -> None:
        for program in programs:
            child = _Child(program)
            self._children.append(child)
            self._launch(child)

    def ends(self, name: str) -> int:
        """How often this program has ended by itself."""
        return sum(child.ends for child in self._children if child.program.name == name)

    def watch(self, until: Callable[[], bool]) -> None:
        """Look after the programs until `until` says so or `stop_soon` was called."""
        self.watching = True
        while not self.stopping and not until():
            self._look()
            time.sleep(POLL_SECONDS)
        self.watching = False

    def stop_soon(self) -> None:
        """Safe in a signal handler: `watch` returns at its next look."""
        self.stopping = True

    def stop(self) -> None:
        """End every program, each group whole, round after round."""
        self.stopping = True
        for number in sorted({child.program.end_round for child in self._children}):
            _end_groups([child for child in self._children if child.program.end_round == number])
        self._children.clear()

    def _look(self) -> None:
        now = time.monotonic()
        for child in self._children:
            self._repeat_errors(child)
            _keep_short(child)
            if child.process is None:
                if now >= child.start_again:
                    self._launch(child)
            elif child.process.poll() is not None:
                self._ended(child, now)

    def _launch(self, child: _Child) -> None:
        log = child.program.log
        child.log_read = log.stat().st_size if log.exists() else 0
        child.process = launch(child.program)
        child.started = time.monotonic()

    def _ended(self, child: _Child, now: float) -> None:
        process, program = child.process, child.program
        assert process is not None  # noqa: S101  # for the type checker; the caller has looked
        _signal_group(process, signal.SIGKILL)  # what it left behind would hold its port or its socket
        if now - child.started > PROVEN_SECONDS:
            child.pause, child.given_up_telling = FIRST_PAUSE, False
        child.process, child.ends = None, child.ends + 1
        child.start_again = now + child.pause
        if not child.given_up_telling:
            child.given_up_telling = child.pause >= LONGEST_PAUSE
            for_ever = " and every time it ends" if child.given_up_telling else ""
            self.say(
                f"{program.name} ended ({_how(process.returncode)}) and is started again in "
                f"{child.pause:.0f} s{for_ever}; its log: {program.log}"
            )
        child.pause = min(2 * child.pause, LONGEST_PAUSE)

    def _repeat_errors(self, child: _Child) -> None:
        try:
            with open(child.program.log, "rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(max(child.log_read, size - LOG_READ_BYTES))
                text = log.read()
        except FileNotFoundError:  # somebody tidied up; the next start makes it again
            return
        whole = text[: text.rfind(b"\n") + 1]
        child.log_read = max(child.log_read, size - LOG_READ_BYTES) + len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            # One that cannot start says the same each time; lines with a time in them are always new.
            if TELLING.search(line) and line not in child.repeated:
                if len(child.repeated) >= LINES_REMEMBERED:
                    child.repeated.clear()
                child.repeated.add(line)
                self.say(f"{child.program.name} | {line[:LINE_CHARACTERS]}")


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, for a message about its program."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_READ_BYTES))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _keep_short(child: _Child) -> None:
    """Copied and cut, not renamed: the program goes on writing at the end of the file that it has open."""
    log = child.program.log
    if log.exists() and log.stat().st_size > LOG_KEEP_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)
        child.log_read = 0


def _end_groups(children: Sequence[_Child]) -> None:
    living = [(child.process, child.program.grace_seconds) for child in children if child.process is not None]
    for process, _ in living:
        _signal_group(process, signal.SIGTERM)
    asked = time.monotonic()
    for process, grace in living:
        while process.poll() is None and time.monotonic() < asked + grace:
            time.sleep(0.02)
        _signal_group(process, signal.SIGKILL)  # also what the leader left behind
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left in it
        os.killpg(process.pid, number)


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _die_with_parent() -> None:
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _drop_rights() -> None:
    # After the change of uid: that change clears the death signal.
    _die_with_parent()
    _LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def say(line: str) -> None:
    """One line to the terminal, at once even when it is a pipe."""
    print(line, flush=True, file=sys.stdout)
