"""Starting one guest: its output folder, its descriptors, its process.

Not in charge of groups, uids and staging (`slots.py`), nor of the command line (`command.py`).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_runner.errors import SandboxUnavailable
from bench_runner.sandbox import mounts as host
from bench_runner.sandbox.cgroups import Group
from bench_runner.sandbox.command import LAUNCHER_ENVIRONMENT, Descriptors, bubblewrap, launcher
from bench_runner.sandbox.process import START_SECONDS, Guest
from bench_runner.sandbox.records import Limits, Mount

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Cage:
    """What one guest needs, all made by now."""

    place: Path  # its staging folder
    limits: Limits
    uid: int | None  # None: an ordinary user runs the worker
    group: Group | None
    filter: int  # memory file of the seccomp program

    def start(
        self,
        program: Sequence[str],
        mounts: Sequence[Mount],
        pass_fds: Sequence[int],
        environment: Mapping[str, str],
        undo: contextlib.ExitStack,
    ) -> Guest:
        """Start `program`; everything on `undo` belongs to the Guest from then on."""
        log, log_in = pipe(undo)
        status, status_in = pipe(undo)
        out = self._mount_output(undo)
        late = out is None and self.limits.out_bytes > 0
        with contextlib.ExitStack() as ours:
            for fd in (log_in, status_in):
                ours.callback(os.close, fd)
            # A description of its own: overlapping starts would share the read position otherwise.
            rules = os.open(f"/proc/self/fd/{self.filter}", os.O_RDONLY | os.O_CLOEXEC)
            ours.callback(os.close, rules)
            block, unblock = _block(ours) if late else (None, None)
            inner = bubblewrap(
                program,
                mounts=mounts,
                output=self._output_words(late),
                fds=Descriptors(status_in, rules, block),
                environment=environment,
            )
            given = [fd for fd in (status_in, rules, block) if fd is not None]
            enter = self.group.enter if self.group is not None else []
            process = spawn(launcher(enter, self.limits, self.uid, inner), log_in, [*given, *pass_fds])
            guest = Guest(
                process, self.group, self.limits, log=log, status=status, out=out, resources=undo.pop_all()
            )
            if unblock is not None:
                _hold_output(guest, unblock)
        return guest

    def _mount_output(self, undo: contextlib.ExitStack) -> int | None:
        if self.limits.out_bytes <= 0 or self.uid is None:
            return None
        folder = self.place / "out"
        folder.mkdir()
        host.mount_output(folder, self.uid, self.limits.out_bytes, self.limits.out_files)
        fd = os.open(folder, FOLDER_FLAGS)
        undo.callback(os.close, fd)
        return fd

    def _output_words(self, late: bool) -> list[str]:
        if late:
            return ["--size", str(self.limits.out_bytes), "--tmpfs", "/out"]
        return ["--bind", str(self.place / "out"), "/out"] if self.limits.out_bytes > 0 else []


def spawn(command: Sequence[str], log: int, pass_fds: Sequence[int]) -> subprocess.Popen[bytes]:
    """A process of its own session, with both its outputs in `log` and no descriptor but those named."""
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=LAUNCHER_ENVIRONMENT,
            close_fds=True,
            pass_fds=pass_fds,
            start_new_session=True,
        )
    except OSError as error:
        raise SandboxUnavailable(f"{command[0]}: {error}: run `python -m bench_runner doctor`") from error


def pipe(undo: contextlib.ExitStack) -> tuple[int, int]:
    """A pipe whose reading end never blocks and is closed by `undo`; the writing end is the caller's."""
    read, write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read, False)
    undo.callback(os.close, read)
    return read, write


def _block(ours: contextlib.ExitStack) -> tuple[int, int]:
    block, unblock = os.pipe2(os.O_CLOEXEC)
    ours.callback(os.close, block)
    ours.callback(os.close, unblock)
    return block, unblock


def _hold_output(guest: Guest, unblock: int) -> None:
    """Open /out from outside while bubblewrap waits: all mounts exist and no code of the guest has run yet.

    The descriptor keeps the tmpfs alive after everything inside is dead.
    """
    until = time.monotonic() + START_SECONDS
    try:
        inner = guest.inner()
        while True:
            try:
                guest.hold_output(os.open(f"/proc/{inner}/root/out", FOLDER_FLAGS))
                break
            except FileNotFoundError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.0005)
        os.write(unblock, b"1")
    except OSError as error:
        guest.close()
        raise SandboxUnavailable(f"/out of a guest cannot be reached from outside: {error}") from error
