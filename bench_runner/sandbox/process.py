"""One guest from its start to the moment when nothing of it is left.

Not in charge of making its groups, mounts and command line (`slots.py`, `command.py`).

Theory of operation. The worker watches four things without ever blocking on the guest: its main process (by
bubblewrap, our child), its output pipe (drained, bounded, the excess dropped), the deadline, and the OOM
counter of its group. The guest has ended when its *main process* has, never at end-of-file: a daemon can
hold the pipe. At the end everything in the group is killed, and only then is the End made and /out read.

How the program ended comes from bubblewrap's status pipe. Nothing there after bubblewrap has gone means
that the sandbox itself could not be set up: an infrastructure fault with bubblewrap's own words.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench_runner.errors import SandboxUnavailable
from bench_runner.sandbox.cgroups import Group
from bench_runner.sandbox.freezing import Freezer
from bench_runner.sandbox.output import read_outputs
from bench_runner.sandbox.records import End, How, Limits

OOM_LOOK_SECONDS = 0.05
START_SECONDS = 10.0  # measured 15 ms; far above, so that only a broken machine meets it
PR_SET_CHILD_SUBREAPER = 36
READ_BYTES = 1 << 16
READS_A_POLL = 64  # 4 MiB: a flood cannot keep poll() for ever


def adopt_orphans(wanted: bool = True) -> None:
    """Become the parent of what our children leave behind: not every init buries the dead."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(wanted))


class Guest:
    """A running guest; use it as a context manager, leaving it kills everything."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        group: Group | None,
        limits: Limits,
        *,
        log: int,
        status: int | None,
        out: int | None,
        resources: contextlib.ExitStack,
    ) -> None:
        self._process = process
        self._group = group
        self._limits = limits
        self._log_fd, self._status_fd, self._out_fd = log, status, out
        self._resources = resources  # descriptors, groups, mounts, folder; given back by close()
        self._started = time.monotonic()
        self._next_oom_look = self._started + OOM_LOOK_SECONDS
        self._status = b""
        self._inner = 0
        self._pid = 0
        self._freezer: Freezer | None = None
        self._end: End | None = None
        self._closed = False
        self.log = b""
        self.log_dropped = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Host pid of the program itself, not of bubblewrap; waits until it exists.

        Raises:
            SandboxUnavailable: it did not start; the text holds bubblewrap's own words.
        """
        if not self._pid:
            self._pid = self._process.pid if self._status_fd is None else self._find_program()
        return self._pid

    def poll(self) -> End | None:
        """Never blocks. Call it while waiting for the guest by other means: it also drains the output."""
        if self._end is None:
            self._drain()
            now = time.monotonic()
            if self._process.poll() is not None:
                self._finish("exited")
            elif now >= self._started + self._limits.wall_seconds:
                self._finish("wall_limit")
            elif self._group is not None and now >= self._next_oom_look:
                self._next_oom_look = now + OOM_LOOK_SECONDS
                if self._group.oom_kills():
                    self._finish("memory_limit")
        return self._end

    def wait(self) -> End:
        """Until the main process has ended or a limit was hit."""
        if self._end is not None or self._process.returncode is not None:
            return self._end_now()
        watch = select.poll()
        watch.register(self._log_fd, select.POLLIN)
        pidfd = os.pidfd_open(self._process.pid)  # a zombie until poll() below reaps it
        watch.register(pidfd, select.POLLIN)
        try:
            while (end := self.poll()) is None:
                left = self._started + self._limits.wall_seconds - time.monotonic()
                for fd, event in watch.poll(max(0.0, min(left, OOM_LOOK_SECONDS)) * 1000):
                    if fd == self._log_fd and not event & select.POLLIN:
                        watch.unregister(fd)  # closed by the guest; without this the loop would spin
        finally:
            os.close(pidfd)
        return end

    def cpu_seconds(self) -> float:
        """Processor time used so far by the guest and all that it has started."""
        counted = self._group.cpu_seconds() if self._group is not None else None
        return _program_seconds(self.pid) if counted is None else counted

    def refused_processes(self) -> int:
        """How often the guest asked for a process or thread above its limit, so far."""
        if self._end is not None or self._group is None:
            return self._end.refused_processes if self._end is not None else 0
        return self._group.refused_processes()

    def freeze(self) -> None:
        """Stop everything the guest has; it has stopped when this returns (see `freezing.py`)."""
        if self._end is not None:
            return
        if self._group is None:
            self._signal_all(signal.SIGSTOP)
            return
        if self._freezer is None:
            try:
                self._freezer = Freezer(self.pid, self._group)
            except (ProcessLookupError, FileNotFoundError):
                return  # it ended by itself; poll() will tell
        self._freezer.freeze()

    def thaw(self) -> None:
        if self._freezer is not None:
            self._freezer.thaw()
        elif self._group is None and self._end is None:
            self._signal_all(signal.SIGCONT)

    def output(self, names: Sequence[str], max_bytes: int) -> dict[str, bytes]:
        """The named files under /out. The guest is ended first: nothing can change while it is read.

        Raises:
            BadOutput: a file is missing, a link, not regular, linked twice or too big.
        """
        if self._out_fd is None or self._closed:
            raise ValueError("no /out: set Limits.out_bytes, and read before close()")
        self._end_now()
        return read_outputs(self._out_fd, names, max_bytes)

    def hold_output(self, folder: int) -> None:
        """Take over the descriptor of /out, where it could not be had before the start."""
        self._resources.callback(os.close, folder)
        self._out_fd = folder

    def close(self) -> End:
        """Kill what is left, unmount, remove the groups. A second call only gives the End again."""
        try:
            return self._end_now()
        finally:  # also when it could not be ended: what it holds must not be missing for ever
            if not self._closed:
                self._closed = True
                self._resources.close()

    def _end_now(self) -> End:
        if self._end is None and self._process.poll() is not None:
            return self._finish("exited")
        return self._end or self._finish("killed")

    def _finish(self, how: How) -> End:
        """Kill to clean, then say how it ended. An OOM kill outranks what the main process made of it."""
        seconds = time.monotonic() - self._started
        if self._freezer is not None:
            self._freezer.close()
            self._freezer = None
        self._kill()
        self._reap()
        self._drain()
        peak = self._group.peak_memory() if self._group is not None else None
        # Set before the rest is looked at: should that raise, close() has only to give back what we hold.
        self._end = End(how, signal.SIGKILL.value, seconds, peak)
        if self._group is not None:
            self._end = replace(self._end, refused_processes=self._group.refused_processes())
        if how == "exited" and self._group is not None and self._group.oom_kills():
            self._end = replace(self._end, how="memory_limit")
        elif how == "exited":
            self._end = replace(self._end, **self._exit())
        return self._end

    def _kill(self) -> None:
        if self._group is not None:
            self._process.kill()  # a launcher that is in none of its groups yet
            self._group.kill()
        else:
            self._signal_all(signal.SIGKILL)

    def _reap(self) -> None:
        """Bury our child and bubblewrap's pid 1, which is ours since its parent died (`adopt_orphans`)."""
        self._process.wait(START_SECONDS)
        if self._status_fd is not None:
            self._read_status()
            for inner in (line["child-pid"] for line in self._status_lines() if "child-pid" in line):
                with contextlib.suppress(
                    ChildProcessError
                ):  # its parent, or somebody's init, was there first
                    os.waitpid(inner, 0)

    def _signal_all(self, number: signal.Signals) -> None:
        """Without groups: the session of the program. A guest can escape this, hence only in unsafe mode."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _exit(self) -> dict[str, Any]:
        code = self._process.returncode
        if self._status_fd is not None:
            self._read_status()
            exits = [line for line in self._status_lines() if "exit-code" in line]
            if not exits:
                words = self.log.decode(errors="replace").strip()[:500]
                raise SandboxUnavailable(
                    f"the sandbox could not be set up ({code}): {words}: run `python -m bench_runner doctor`"
                )
            code = exits[0]["exit-code"]
        if code < 0 or code > 128:
            return {"how": "signalled", "code": -code if code < 0 else code - 128}
        return {"code": code}

    def _drain(self) -> None:
        for _ in range(READS_A_POLL):
            try:
                data = os.read(self._log_fd, READ_BYTES)
            except BlockingIOError:
                return
            if not data:
                return
            kept = data[: max(0, self._limits.log_bytes - len(self.log))]
            self.log += kept
            self.log_dropped += len(data) - len(kept)

    def _read_status(self) -> None:
        assert self._status_fd is not None  # noqa: S101 - for the type checker
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._status_fd, 4096):
                self._status += data

    def _status_lines(self) -> list[dict[str, int]]:
        whole, _, _ = self._status.rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]

    def inner(self) -> int:
        """Host pid of bubblewrap's pid 1; waits until it exists."""
        assert self._status_fd is not None  # noqa: S101 - for the type checker
        until = time.monotonic() + START_SECONDS
        watch = select.poll()
        watch.register(self._status_fd, select.POLLIN)
        while not self._inner:
            watch.poll(20)
            self._read_status()
            self._inner = next((line["child-pid"] for line in self._status_lines() if "child-pid" in line), 0)
            self._need_alive(until)
        return self._inner

    def _find_program(self) -> int:
        until = time.monotonic() + START_SECONDS
        inner = self.inner()
        children = Path(f"/proc/{inner}/task/{inner}/children")
        while True:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if words := children.read_text().split():
                    return int(words[0])  # in order of birth: orphans that it adopts come later
            self._need_alive(until)
            time.sleep(0.0005)

    def _need_alive(self, until: float) -> None:
        if self._process.poll() is not None and not self._inner:
            self._finish("exited")
        if self._process.poll() is not None:
            raise ProcessLookupError("the guest ended before its program could be found")
        if time.monotonic() > until:  # it lives: going on would leave it unfrozen
            raise SandboxUnavailable(
                f"the program of a guest was not found within {START_SECONDS:.0f} s: "
                "look at the machine's load, and that its kernel has CONFIG_PROC_CHILDREN"
            )


def _program_seconds(pid: int) -> float:
    """Of a process and of those children that it has waited for: the best that an ordinary user gets."""
    try:
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):  # it has ended: the call that notices reports it
        return 0.0
    return sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")
