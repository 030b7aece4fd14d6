"""Control groups: the limits that a guest cannot outgrow, and the one sure way to kill or stop all of it.

Not in charge of namespaces, uids or rlimits (`command.py`), nor of deciding when to kill (`process.py`).

Theory of operation. Each guest gets groups of its own, so that counters start at zero and one write ends
everything in them. Three kinds of machine are served behind one interface:

* v2: one group carries memory, pids and cpuset, and can be frozen and killed.
* v1 hybrid: memory, pids and cpuset live in hierarchies of their own. The bare cgroup2 hierarchy that such
  systems mount beside them has no controllers, yet its `cgroup.kill` and `cgroup.freeze` work.
* v1 alone: the freezer hierarchy stops, and killing is a loop over `cgroup.procs`.

Groups live in a folder of each hierarchy (`touchstone`, for an ordinary user `touchstone-<uid>`), named
after their slot, so that a later worker finds and clears what a killed one left. An ordinary user may use
them when root has made that folder and given it away; the bare cgroup2 hierarchy lets nobody but root in,
so for them the freezer serves beside v1.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench_runner.errors import SandboxUnavailable
from bench_runner.sandbox.records import Limits

ASIDE = "touchstone-worker"  # where the processes of a divided v2 group move
NEEDED = ("memory", "pids")
# bubblewrap's monitor and its pid 1 live in the guest's groups too.
OWN_PROCESSES = 2
POLITE_AFTER = 50
KILL_SECONDS = 10.0  # measured: 0.1-8 ms, 500 ms when 256 MB of inodes must go


@dataclass(frozen=True)
class Hierarchies:
    """Where the controllers are mounted on this machine."""

    v1: Mapping[str, Path]
    v2: Path | None

    @classmethod
    def of_this_machine(cls, mounts: str | None = None) -> Hierarchies:
        text = Path("/proc/self/mounts").read_text() if mounts is None else mounts
        v1: dict[str, Path] = {}
        v2: Path | None = None
        for line in text.splitlines():
            _, where, kind, options, *_ = line.split()
            if kind == "cgroup2":
                v2 = v2 or Path(where)
            elif kind == "cgroup":
                for option in options.split(","):
                    v1.setdefault(option, Path(where))
        return cls(v1, v2)


class Group:
    """The groups of one guest. `enter` lists the files into which a process writes 0 to get in."""

    def __init__(self, paths: Mapping[str, Path], enter: list[Path]) -> None:
        self._paths = paths  # by purpose: memory, pids, cpuset, core (kill and freeze), freezer
        self.enter = enter
        self._fds: dict[Path, int] = {}

    def count(self) -> int:
        """Processes and threads inside, bubblewrap's two included. About 0.5 µs."""
        return int(self._read(self._paths["pids"] / "pids.current"))

    def oom_kills(self) -> int:
        raise NotImplementedError

    def peak_memory(self) -> int | None:
        raise NotImplementedError

    def freeze(self) -> None:
        """Stop everything inside; returns when it has stopped (measured 22 µs by cgroup2, 108 µs by v1)."""
        raise NotImplementedError

    def thaw(self) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        """Kill everything inside, whatever it did to escape, and wait until nothing is left.

        Raises:
            SandboxUnavailable: something survived KILL_SECONDS; the machine needs a look.
        """
        core = self._paths.get("core")
        until = time.monotonic() + KILL_SECONDS
        pause = 0.0002
        while True:
            if core is not None:
                write(core / "cgroup.kill", "1")
            else:
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
        return os.pread(self._fd(path), 4096, 0)

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
        return int(self._read(self._paths["memory"] / "memory.max_usage_in_bytes"))

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


@dataclass
class Backend:
    """Makes groups in one way. `problem` is empty when memory and process limits can be enforced."""

    name: str  # "v1", "v2" or "none"
    problem: str = ""
    folders: dict[str, Path] = field(default_factory=dict)  # our folder by controller

    def create(self, name: str, limits: Limits) -> Group | None:
        """Groups with these limits, or None where the machine offers none."""
        if self.name == "none":
            return None
        try:
            return self._create_v2(name, limits) if self.name == "v2" else self._create_v1(name, limits)
        except OSError as error:
            for folder in self.folders.values():  # what was made before the one that failed
                with contextlib.suppress(OSError):
                    (folder / name).rmdir()
            cure = "run `python -m bench_runner doctor`"
            raise SandboxUnavailable(f"control group {name}: {error}: {cure}") from error

    def sweep(self, prefix: str) -> int:
        """Kill and remove every group whose name starts with `prefix`; gives how many there were."""
        names: dict[str, dict[str, Path]] = {}
        for controller, folder in self.folders.items():
            for path in folder.glob(prefix + "*"):
                names.setdefault(path.name, {})[controller] = path
        for paths in names.values():
            _clear(paths)
        return len(names)

    def _create_v2(self, name: str, limits: Limits) -> Group:
        path = self.folders["core"] / name
        path.mkdir()
        write(path / "memory.max", str(limits.memory_bytes))
        write_if_there(path / "memory.swap.max", "0")
        write(path / "memory.oom.group", "1")
        write(path / "pids.max", str(limits.processes + OWN_PROCESSES))
        if limits.cpus is not None:
            write(path / "cpuset.cpus", _cpu_list(limits.cpus))
        return GroupV2({"core": path, "pids": path}, [path / "cgroup.procs"])

    def _create_v1(self, name: str, limits: Limits) -> Group:
        paths = {c: f / name for c, f in self.folders.items() if c != "cpuset" or limits.cpus is not None}
        for path in paths.values():
            path.mkdir()
        memory = paths["memory"]
        write(memory / "memory.limit_in_bytes", str(limits.memory_bytes))
        write_if_there(memory / "memory.memsw.limit_in_bytes", str(limits.memory_bytes))
        write(paths["pids"] / "pids.max", str(limits.processes + OWN_PROCESSES))
        if limits.cpus is not None:
            write(paths["cpuset"] / "cpuset.mems", (self.folders["cpuset"] / "cpuset.mems").read_text())
            write(paths["cpuset"] / "cpuset.cpus", _cpu_list(limits.cpus))
        # First the group by which it can be killed.
        order = sorted(paths, key=lambda controller: controller not in ("core", "freezer"))
        return GroupV1(paths, [paths[controller] / "cgroup.procs" for controller in order])


def our_folder() -> str:
    return "touchstone" if os.geteuid() == 0 else f"touchstone-{os.geteuid()}"


def find_backend(hierarchies: Hierarchies | None = None) -> Backend:
    """The back-end that works here, with our folder made in it; else one that says what is missing."""
    found = hierarchies or Hierarchies.of_this_machine()
    try:
        if found.v2 is not None and set(NEEDED) <= set(_words(found.v2 / "cgroup.controllers")):
            return Backend("v2", folders=_open_v2(found.v2))
        if all(controller in found.v1 for controller in NEEDED):
            return Backend("v1", folders=_open_v1(found))
    except OSError as error:
        return Backend("none", f"control groups may not be made here: {error}")
    return Backend("none", "neither cgroup v2 with memory and pids nor their v1 hierarchies are mounted")


def _open_v1(found: Hierarchies) -> dict[str, Path]:
    wanted = [*NEEDED, "cpuset"] if "cpuset" in found.v1 else [*NEEDED]
    folders = {controller: found.v1[controller] / our_folder() for controller in wanted}
    if found.v2 is not None and os.geteuid() == 0:
        folders["core"] = found.v2 / our_folder()
    elif "freezer" in found.v1:
        folders["freezer"] = found.v1["freezer"] / our_folder()
    else:
        raise FileNotFoundError("no hierarchy that can freeze and kill: mount cgroup2 or the freezer")
    for folder in folders.values():
        _make(folder)
    if "cpuset" in folders and not (folders["cpuset"] / "cpuset.cpus").read_text().strip():
        for key in ("cpuset.mems", "cpuset.cpus"):  # in this order, and before anything enters
            write(folders["cpuset"] / key, (folders["cpuset"].parent / key).read_text())
    return folders


def _open_v2(root: Path) -> dict[str, Path]:
    """Our folder under the topmost group that we may divide: the root, or the one delegated to us."""
    base = root
    if not os.access(root / "cgroup.subtree_control", os.W_OK):
        line = next(ln for ln in Path("/proc/self/cgroup").read_text().splitlines() if ln.startswith("0::"))
        base = root / line.removeprefix("0::").strip().lstrip("/")
        if base.name == ASIDE:  # a worker process started before us has moved in already
            base = base.parent
    folder = base / our_folder()
    _delegate(base)
    _make(folder)
    _delegate(folder)
    return {"core": folder}


def _delegate(base: Path) -> None:
    """Give the children of `base` their controllers. A v2 group that does may hold no process: they move."""
    offered = set(_words(base / "cgroup.controllers"))
    orders = " ".join(f"+{c}" for c in (*NEEDED, "cpuset") if c in offered)
    try:
        write(base / "cgroup.subtree_control", orders)
    except OSError:
        aside = base / ASIDE
        aside.mkdir(exist_ok=True)
        for pid in members(base):
            with contextlib.suppress(ProcessLookupError):
                write(aside / "cgroup.procs", str(pid))
        write(base / "cgroup.subtree_control", orders)


def members(path: Path) -> list[int]:
    try:
        # The kernel writes 0 for a process that our pid namespace cannot name; kill(0) would hit ourselves.
        return [int(word) for word in _words(path / "cgroup.procs") if word != "0"]
    except FileNotFoundError:
        return []


def write(path: Path, text: str) -> None:
    # Unbuffered: a refused value must raise here and not at a close that nobody looks at.
    with path.open("wb", buffering=0) as file:
        file.write(text.encode())


def write_if_there(path: Path, text: str) -> None:
    if path.exists():
        write(path, text)


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


def _clear(paths: Mapping[str, Path]) -> None:
    left = {**paths, "pids": next(iter(paths.values()))} if "pids" not in paths else dict(paths)
    group = GroupV1(left, []) if "memory" in left or "freezer" in left else GroupV2(left, [])
    if "core" in left or "freezer" in left:
        group.thaw()
        group.kill()
    group.remove()


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


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except PermissionError:
        user = os.getuid()
        raise PermissionError(f"as root run `mkdir {folder} && chown -R {user} {folder}`") from None
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} is not ours: as root run `chown -R {os.getuid()} {folder}`")


def _words(path: Path) -> list[str]:
    return path.read_text().split()


def _cpu_list(cpus: tuple[int, ...]) -> str:
    return ",".join(str(cpu) for cpu in cpus)
