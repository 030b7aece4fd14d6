"""Control groups: the limits that a guest cannot outgrow, and the one sure way to kill or stop all of it.

Not in charge of finding what the machine offers and of making groups (`backends.py`), of namespaces, uids or
rlimits (`command.py`), nor of deciding when to kill (`process.py`).

Theory of operation. Each guest gets groups of its own, so that counters start at zero and one write ends
everything in them. Three kinds of machine are served behind one interface:

* v2: one group carries memory, pids and cpuset, and can be frozen and killed.
* v1 hybrid: memory, pids and cpuset live in hierarchies of their own. The bare cgroup2 hierarchy that such
  systems mount beside them has no controllers, yet its `cgroup.kill` and `cgroup.freeze` work.
* v1 alone: the freezer hierarchy stops, and killing is a loop over `cgroup.procs`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench_runner.errors import SandboxUnavailable

# bubblewrap's monitor and its pid 1 live in the guest's groups too.
OWN_PROCESSES = 2
POLITE_AFTER = 50
KILL_SECONDS = 10.0  # measured: 0.1-8 ms, 500 ms when 256 MB of inodes must go


class Group:
    """The groups of one guest. `enter` lists the files into which a process writes 0 to get in."""

    def __init__(self, paths: Mapping[str, Path], enter: list[Path]) -> None:
        self._paths = paths  # by purpose: memory, pids, cpuset, core (kill and freeze), freezer
        self.enter = enter
        self._fds: dict[Path, int] = {}
        self._current = paths["pids"] / "pids.current"  # looked at after every timed call

    def count(self) -> int:
        """Processes and threads inside, bubblewrap's two included. A few µs."""
        return int(self._read(self._current))

    def oom_kills(self) -> int:
        raise NotImplementedError

    def peak_memory(self) -> int | None:
        raise NotImplementedError

    def refused_processes(self) -> int:
        """How often something inside asked for a process or thread above the limit."""
        return number_after("max", self._read(self._paths["pids"] / "pids.events"))

    def cpu_seconds(self) -> float | None:
        """Processor time of all that is or was inside; None where no hierarchy here counts it."""
        core = self._paths.get("core")
        return None if core is None else number_after("usage_usec", self._read(core / "cpu.stat")) * 1e-6

    def freeze(self) -> None:
        """Stop everything inside; returns when it has stopped (measured 22 µs by cgroup2, 108 µs by v1)."""
        raise NotImplementedError

    def thaw(self) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        """Kill everything inside, whatever it did to escape, and wait until nothing is left.

        A group that somebody else has removed counts as empty: the kernel removes no other.

        Raises:
            SandboxUnavailable: something survived KILL_SECONDS; the machine needs a look.
        """
        core = self._paths.get("core")
        until = time.monotonic() + KILL_SECONDS
        pause = 0.0002
        while True:
            with unless_gone():
                if core is not None:
                    write(core / "cgroup.kill", "1")
                elif "freezer" in self._paths:
                    self._kill_each()
            left = {pid for path in set(self._paths.values()) for pid in members(path)}
            if not left:
                return
            for pid in left:  # a launcher that was on its way into the groups
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > until:
                raise SandboxUnavailable(
                    f"processes {sorted(left)} outlived SIGKILL for {KILL_SECONDS:.0f} s: "
                    "look at them with `ps -o pid,stat,wchan`, reboot the machine if they hang in the kernel"
                )
            time.sleep(pause)
            pause = min(pause * 2, 0.02)

    def _kill_each(self) -> None:
        self.freeze()  # or a fork bomb is faster than we are
        for pid in members(self._paths["pids"]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.thaw()  # a frozen process dies only then

    def remove(self) -> None:
        """Remove the empty groups. The kernel may need a moment after the last process."""
        for fd in self._fds.values():
            os.close(fd)
        self._fds = {}
        for path in set(self._paths.values()):
            remove_group(path)

    def _read(self, path: Path) -> bytes:
        with unless_gone():
            return os.pread(self._fd(path), 4096, 0)
        raise SandboxUnavailable(
            f"control group {path.parent} has vanished under its guest: see that nothing else on this "
            f"machine removes what is in {path.parent.parent}, and that all its workers share one /run"
        )

    def _fd(self, path: Path, mode: int = os.O_RDONLY) -> int:
        """Kept open: opening costs more than reading."""
        fd = self._fds.get(path)
        if fd is None:
            fd = self._fds[path] = os.open(path, mode | os.O_CLOEXEC)
        return fd

    def _freeze_core(self, core: Path) -> None:
        os.pwrite(self._fd(core / "cgroup.freeze", os.O_WRONLY), b"1", 0)
        events = self._fd(core / "cgroup.events")
        until = time.monotonic() + KILL_SECONDS
        looks = 0
        while b"frozen 1" not in os.pread(events, 256, 0):
            looks = _look_again(looks, until)

    def _thaw_core(self, core: Path) -> None:
        os.pwrite(self._fd(core / "cgroup.freeze", os.O_WRONLY), b"0", 0)


class GroupV2(Group):
    def oom_kills(self) -> int:
        return number_after("oom_kill", self._read(self._paths["core"] / "memory.events"))

    def peak_memory(self) -> int | None:
        path = self._paths["core"] / "memory.peak"  # since Linux 5.19
        return int(self._read(path)) if path.exists() else None

    def freeze(self) -> None:
        self._freeze_core(self._paths["core"])

    def thaw(self) -> None:
        self._thaw_core(self._paths["core"])


class GroupV1(Group):
    def oom_kills(self) -> int:
        return number_after("oom_kill", self._read(self._paths["memory"] / "memory.oom_control"))

    def peak_memory(self) -> int | None:
        path = self._paths["memory"] / "memory.max_usage_in_bytes"
        return int(self._read(path)) if path.exists() else None

    def freeze(self) -> None:
        if "core" in self._paths:
            return self._freeze_core(self._paths["core"])
        state = self._fd(self._paths["freezer"] / "freezer.state", os.O_RDWR)
        until = time.monotonic() + KILL_SECONDS
        os.pwrite(state, b"FROZEN", 0)
        looks = 0
        while os.pread(state, 16, 0).strip() != b"FROZEN":
            looks = _look_again(looks, until)

    def thaw(self) -> None:
        if "core" in self._paths:
            self._thaw_core(self._paths["core"])
        else:
            os.pwrite(self._fd(self._paths["freezer"] / "freezer.state", os.O_RDWR), b"THAWED", 0)


def members(path: Path) -> list[int]:
    with unless_gone():
        # The kernel writes 0 for a process that our pid namespace cannot name; kill(0) would hit ourselves.
        return [int(word) for word in (path / "cgroup.procs").read_text().split() if word != "0"]
    return []


@contextlib.contextmanager
def unless_gone() -> Iterator[None]:
    """Pass over a group that is no more. The kernel says ENODEV where a file of it was open before."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENODEV):
            raise


def write(path: Path, text: str) -> None:
    # Unbuffered: a refused value must raise here and not at a close that nobody looks at.
    with path.open("wb", buffering=0) as file:
        file.write(text.encode())


def number_after(key: str, text: bytes) -> int:
    for line in text.decode().splitlines():
        word, _, value = line.partition(" ")
        if word == key:
            return int(value)
    return 0


def remove_group(path: Path) -> None:
    for pause in _pauses(2.0):
        try:
            path.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # EBUSY: the last process is gone but not yet forgotten
            time.sleep(pause)
        else:
            return
    raise SandboxUnavailable(f"control group {path} stays busy: look who is in its cgroup.procs")


def _pauses(seconds: float) -> Iterator[float]:
    pause, until = 0.0005, time.monotonic() + seconds
    while time.monotonic() < until:
        yield pause
        pause = min(pause * 2, 0.05)


def _look_again(looks: int, until: float) -> int:
    if looks > POLITE_AFTER:  # the guest may need this very CPU to come to a stop
        os.sched_yield()
    if time.monotonic() > until:
        raise SandboxUnavailable("a guest did not freeze in time: look at `dmesg` for what the kernel does")
    return looks + 1
