"""Running a guest with no cage at all: `--unsafe-no-sandbox`, for code that one trusts on one's own laptop.

Not a sandbox: rlimits only. What runs here can read, write and kill whatever the worker can; every verdict
that comes of it says `sandboxed: false` and is not ranked.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
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
    log, log_in = pipe(undo)
    try:
        limiter = [prlimit, *rlimits(limits)] if prlimit else []
        if taskset and limits.cpus:
            limiter += [taskset, "--cpu-list", ",".join(map(str, limits.cpus))]
        process = spawn([*limiter, "env", "-i", *settings, *words], log_in, pass_fds)
    finally:
        os.close(log_in)
    return Guest(process, None, limits, log=log, status=None, out=out, resources=undo.pop_all())
