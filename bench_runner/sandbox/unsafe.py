"""Running a guest with no cage at all: `--unsafe-no-sandbox`, for code that one trusts on one's own laptop.

Not a sandbox: rlimits only. What runs here can read and write whatever the worker can; every verdict that
comes of it says `sandboxed: false` and is not ranked.

There are no groups to kill by. So where bubblewrap can make one, the program gets a pid namespace around it
and nothing else: when its first process is killed, the kernel kills the rest, daemons too. Without that the
program's session is killed, and a daemon in a session of its own stays.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_runner.sandbox.cage import FOLDER_FLAGS, pipe, spawn
from bench_runner.sandbox.command import GUEST_ENVIRONMENT, rlimits
from bench_runner.sandbox.process import Guest
from bench_runner.sandbox.records import Limits, Mount


def start_unsafe(
    place: Path,
    program: Sequence[str],
    mounts: Sequence[Mount],
    limits: Limits,
    pass_fds: Sequence[int],
    environment: Mapping[str, str],
    undo: contextlib.ExitStack,
) -> Guest:
    """Show the mounts as links below `place`, and rewrite paths in the words so that they point there."""
    mounts = [mount for mount in mounts if not mount.device]  # /dev is there
    for mount in mounts:
        link = place / mount.target.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(mount.source.resolve())
    out = None
    if limits.out_bytes > 0:
        (place / "out").mkdir()
        out = os.open(place / "out", FOLDER_FLAGS)
        undo.callback(os.close, out)
    tops = {mount.target.split("/")[1] for mount in mounts} | {"out"}
    inside = re.compile(rf"(?<![\w/.-])/(?={'|'.join(map(re.escape, sorted(tops)))}(?:/|$|[^\w.-]))")
    words = [inside.sub(f"{place}/", word) for word in program]
    values = {**GUEST_ENVIRONMENT, **environment, "TOUCHSTONE_ROOT": str(place)}
    settings = [f"{name}={inside.sub(f'{place}/', value)}" for name, value in values.items()]
    prlimit, taskset = shutil.which("prlimit"), shutil.which("taskset")
    namespace = pid_namespace()
    log, log_in = pipe(undo)
    status, status_in = pipe(undo)
    try:
        limiter = [prlimit, *rlimits(limits)] if prlimit else []
        if taskset and limits.cpus:
            limiter += [taskset, "--cpu-list", ",".join(map(str, limits.cpus))]
        if namespace:
            namespace = (*namespace, "--json-status-fd", str(status_in), "--")
        command = [*limiter, *namespace, "env", "-i", *settings, *words]
        process = spawn(command, log_in, [*pass_fds, status_in])
    finally:
        os.close(log_in)
        os.close(status_in)
    known = status if namespace else None
    return Guest(process, None, limits, log=log, status=known, out=out, resources=undo.pop_all())


@functools.cache
def pid_namespace() -> tuple[str, ...]:
    """The command that walks a program into a pid namespace, or nothing where none can be made."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return ()
    command = (bwrap, "--dev-bind", "/", "/", "--proc", "/proc", "--unshare-pid", "--die-with-parent")
    works = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    return command if works else ()
