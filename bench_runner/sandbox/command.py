"""The command line that walks a program into its cage: groups, rlimits, uid, namespaces, filter, program.

Not in charge of making the groups, mounts and descriptors that it names (`slots.py`), nor of watching
(`process.py`).

Theory of operation. A tiny shell puts itself into the groups (its children inherit them, so there is no
moment outside) and becomes, by exec all the way: prlimit → setpriv → bubblewrap. No code of ours runs
between fork and exec, so the worker may have threads. Traps that shaped the flags:

* `bwrap --uid` as root stays root on the host: `setpriv` switches first, to a uid that no other guest has.
* pid 1 inside is bubblewrap itself, with the guest's own uid and no more rights: the guest could write code
  into its memory, and freezing a lone guest does not stop pid 1 (`freezing.py`). So /proc/1 is hidden.
* the root and /dev are writable tmpfs unless remounted, `--size` holds for the next `--tmpfs` only.
* a core limit of 0 does not keep a crash from a core handler that the machine pipes to; a limit of 1 byte
  does, and it is too small for a file as well.
* the status descriptor tells how the program ended; only bubblewrap holds it, a guest cannot forge that.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench_runner.sandbox.records import Limits, Mount

ENTER = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 125; shift; done; shift; exec "$@"'
TOOLS = ("bwrap", "setpriv", "prlimit")
LAUNCHER_ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
GUEST_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",  # noqa: S108 - the guest's own tmpfs
    "LANG": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
TMP_BYTES = 64 * 2**20
SHM_BYTES = 8 * 2**20
DESCRIPTORS = 256
FILE_BYTES = 64 * 2**20  # rlimit; one file, a second layer below the sized tmpfs

NAMESPACES = [
    "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup", "--unshare-net",
    "--disable-userns", "--die-with-parent", "--new-session", "--hostname", "sandbox", "--clearenv",
]  # fmt: skip
HIDE_INIT = ["--tmpfs", "/proc/1", "--remount-ro", "/proc/1"]
SET_UID = ["--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]


@dataclass(frozen=True)
class Descriptors:
    """Numbers that bubblewrap reads from or writes to; the guest never sees them."""

    status: int
    filter: int
    block: int | None = None  # the program starts only when this can be read


def launcher(enter: Sequence[Path], limits: Limits, uid: int | None, inner: Sequence[str]) -> list[str]:
    """Groups, then rlimits, then uid, then `inner` (bubblewrap or, unsafely, the program itself)."""
    command = ["/bin/sh", "-c", ENTER, "launch", *map(str, enter), "--"]
    command += ["prlimit", *rlimits(limits)]
    if uid is not None:
        command += ["setpriv", f"--reuid={uid}", f"--regid={uid}", *SET_UID]
    return [*command, *inner]


def rlimits(limits: Limits) -> list[str]:
    cpus = len(limits.cpus) if limits.cpus is not None else os.cpu_count() or 1
    seconds = int(limits.wall_seconds * cpus) + 2
    file_bytes = max(limits.out_bytes, FILE_BYTES)
    return [
        "--core=1", f"--fsize={file_bytes}", f"--nofile={DESCRIPTORS}", "--memlock=0", "--msgqueue=0",
        "--sigpending=128", f"--stack={64 * 2**20}", f"--cpu={seconds}",
    ]  # fmt: skip


def bubblewrap(
    program: Sequence[str],
    *,
    mounts: Sequence[Mount],
    output: Sequence[str],
    fds: Descriptors,
    environment: Mapping[str, str],
) -> list[str]:
    """`output` is the pair of words that makes /out, or nothing."""
    command = ["bwrap", *NAMESPACES]
    for name, value in {**GUEST_ENVIRONMENT, **environment}.items():
        command += ["--setenv", name, value]
    command += [*_system_folders(), "--proc", "/proc", *HIDE_INIT, "--dev", "/dev"]
    command += ["--size", str(SHM_BYTES), "--tmpfs", "/dev/shm"]  # noqa: S108 - inside the sandbox
    command += ["--size", str(TMP_BYTES), "--tmpfs", "/tmp"]  # noqa: S108 - inside the sandbox
    for mount in mounts:
        command += ["--dev-bind" if mount.device else "--ro-bind", str(mount.source), mount.target]
    command += [*output, "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", "/tmp"]  # noqa: S108
    command += ["--cap-drop", "ALL", "--seccomp", str(fds.filter), "--json-status-fd", str(fds.status)]
    if fds.block is not None:
        command += ["--block-fd", str(fds.block)]
    return [*command, "--", *program]


@functools.cache
def _system_folders() -> tuple[str, ...]:
    """/usr read-only and what points into it, as this system lays them out."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in ("bin", "lib", "lib32", "lib64", "sbin"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), f"/{name}"]
        elif path.is_dir():
            words += ["--ro-bind", f"/{name}", f"/{name}"]
    for path in map(Path, ("/etc/ld.so.cache", "/etc/alternatives")):
        words += ["--ro-bind-try", str(path), str(path)]
    return tuple(words)


def python_executable() -> str:
    """The interpreter a guest runs: the one below our virtual environment, which NumPy's build fits."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


@functools.cache
def python_mounts() -> tuple[Mount, ...]:
    """What the interpreter needs beyond /usr: its own folder when it was installed elsewhere (pyenv, uv)."""
    base = Path(sys.base_prefix).resolve()
    return () if base.is_relative_to("/usr") else (Mount(base, str(base)),)


@functools.cache
def _numpy_folder() -> Path | None:
    spec = importlib.util.find_spec("numpy")  # finds it without importing it
    return Path(spec.origin).parent if spec is not None and spec.origin is not None else None


def python_runtime() -> list[Mount]:
    """NumPy for a guest: `/runtime/numpy` and the libraries its wheel brings; put /runtime on sys.path."""
    folder = _numpy_folder()
    if folder is None:
        raise ModuleNotFoundError("NumPy is not installed beside the worker: run `pip install numpy`")
    libraries = folder.with_name("numpy.libs")
    mounts = [Mount(folder, "/runtime/numpy")]
    return [*mounts, Mount(libraries, "/runtime/numpy.libs")] if libraries.is_dir() else mounts
