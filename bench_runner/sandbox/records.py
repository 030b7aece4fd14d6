"""What goes into a sandbox and what comes out of it, as plain records.

Not in charge of anything that runs: see `slots.py` (the sandbox of a worker) and `process.py` (one guest).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

How = Literal["exited", "signalled", "wall_limit", "memory_limit", "killed"]


@dataclass(frozen=True)
class Mount:
    """A file or folder shown inside, always read-only. A source that other users cannot read is copied."""

    source: Path
    target: str  # absolute, inside
    device: bool = False  # a node of /dev, or a folder of such: shown where it is, and usable


@dataclass(frozen=True)
class Limits:
    """What one guest may use. Everything is enforced from outside; the rlimits inside are a second layer."""

    memory_bytes: int  # all processes together, with page cache and shared memory of this guest
    processes: int  # processes and threads of the guest (bubblewrap's own come on top)
    wall_seconds: float  # from start; time spent frozen counts
    log_bytes: int  # stdout and stderr together; the rest is drained and dropped
    out_bytes: int = 0  # size of /out; 0: there is none
    out_files: int = 1000
    cpus: tuple[int, ...] | None = None  # None: whatever the worker itself may use


@dataclass(frozen=True)
class End:
    """How the main process of a guest ended. By then nothing of the attempt runs any more."""

    how: How
    code: int  # exit code, or the signal's number
    seconds: float  # from start to end, wall clock
    peak_memory_bytes: int | None  # None where no memory group exists
    refused_processes: int = 0  # how often the guest asked for a process or thread above its limit
