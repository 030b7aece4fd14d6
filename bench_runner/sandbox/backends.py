"""What this machine offers for control groups, and groups made there with their limits.

Not in charge of a group once it is made (`cgroups.py`, which says which kinds of machine there are).

Groups live in a folder of each hierarchy (`touchstone`, for an ordinary user `touchstone-<uid>`), named
after their slot, so that a later worker finds and clears what a killed one left. An ordinary user may use
them when root has made that folder and given it away; the bare cgroup2 hierarchy lets nobody but root in,
so for them the freezer serves beside v1.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench_runner.errors import SandboxUnavailable
from bench_runner.sandbox.cgroups import (
    OWN_PROCESSES,
    Group,
    GroupV1,
    GroupV2,
    members,
    unless_gone,
    write,
)
from bench_runner.sandbox.records import Limits

ASIDE = "touchstone-worker"  # where the processes of a divided v2 group move
NEEDED = ("memory", "pids", "cpuset")  # cpuset: a guest that could leave its CPU would share the judge's
DELEGATE = (
    "as root run `systemctl edit user@.service`, put `[Service]` and "
    "`Delegate=cpu cpuset memory pids` there, and log in again"
)


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

    def slots(self, prefix: str) -> set[int]:
        """The slots whose groups exist, by their names: `<prefix><slot>-…`."""
        names = (path.name for folder in self.folders.values() for path in folder.glob(f"{prefix}*-*"))
        words = (name.removeprefix(prefix).partition("-")[0] for name in names)
        return {int(word) for word in words if word.isdecimal()}

    def hold(self, slot: int) -> tuple[int, ...]:
        """Lock a slot for all who use these groups, from whatever container, until the descriptor is closed.

        Raises:
            BlockingIOError: somebody else holds it.
        """
        if self.name == "none":
            return ()
        folder = self.folders.get("core") or self.folders["memory"]
        path = folder.parent / "cgroup.procs"  # nobody can remove that one, and so lose the lock
        if not os.access(path, os.W_OK):
            path = folder / "cgroup.procs"
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            # One byte a slot, of a file that has none: the kernel does not mind. Unlike flock(), this leaves
            # the other slots free; unlike a process's record lock, it is not lost when another close()s.
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, slot, 1, 0))
        except BaseException:
            os.close(fd)
            raise
        return (fd,)

    def _create_v2(self, name: str, limits: Limits) -> Group:
        path = self.folders["core"] / name
        path.mkdir()
        write(path / "memory.max", str(limits.memory_bytes))
        _write_if_there(path / "memory.swap.max", "0")
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
        _write_if_there(memory / "memory.memsw.limit_in_bytes", str(limits.memory_bytes))
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
            return _backend_v2(_open_v2(found.v2))
        if all(controller in found.v1 for controller in NEEDED):
            return Backend("v1", folders=_open_v1(found))
    except OSError as error:
        return Backend("none", f"control groups may not be made here: {error}")
    return Backend(
        "none", "neither cgroup v2 with memory, pids and cpuset nor their v1 hierarchies are mounted"
    )


def _backend_v2(folders: dict[str, Path]) -> Backend:
    """Systemd delegates cpuset to a user only when it is told to."""
    missing = [name for name in NEEDED if name not in _words(folders["core"] / "cgroup.controllers")]
    if missing:
        return Backend("none", f"{', '.join(missing)} not delegated to us in {folders['core']}: {DELEGATE}")
    return Backend("v2", folders=folders)


def _open_v1(found: Hierarchies) -> dict[str, Path]:
    folders = {controller: found.v1[controller] / our_folder() for controller in NEEDED}
    if found.v2 is not None and os.geteuid() == 0:
        folders["core"] = found.v2 / our_folder()
    elif "freezer" in found.v1:
        folders["freezer"] = found.v1["freezer"] / our_folder()
    else:
        raise FileNotFoundError("no hierarchy that can freeze and kill: mount cgroup2 or the freezer")
    for folder in folders.values():
        _make(folder)
    if not (folders["cpuset"] / "cpuset.cpus").read_text().strip():
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
    try:
        _delegate(base)
    except PermissionError:
        raise PermissionError(
            f"{base} is not delegated to us: start the worker by `systemd-run --user --scope -p Delegate=yes "
            "python -m bench_runner worker`"
        ) from None
    _make(folder)
    _delegate(folder)
    return {"core": folder}


def _delegate(base: Path) -> None:
    """Give the children of `base` their controllers. A v2 group that does may hold no process: they move."""
    offered = set(_words(base / "cgroup.controllers"))
    orders = " ".join(f"+{c}" for c in NEEDED if c in offered)
    try:
        write(base / "cgroup.subtree_control", orders)
    except OSError:
        aside = base / ASIDE
        aside.mkdir(exist_ok=True)
        for pid in members(base):
            with contextlib.suppress(ProcessLookupError):
                write(aside / "cgroup.procs", str(pid))
        write(base / "cgroup.subtree_control", orders)


def _write_if_there(path: Path, text: str) -> None:
    if path.exists():
        write(path, text)


def _clear(paths: Mapping[str, Path]) -> None:
    left = {**paths, "pids": next(iter(paths.values()))} if "pids" not in paths else dict(paths)
    group = GroupV1(left, []) if "memory" in left or "freezer" in left else GroupV2(left, [])
    with unless_gone():
        if "core" in left or "freezer" in left:
            group.thaw()
    group.kill()
    group.remove()


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
