"""From how a guest ended, or what it said instead of an answer, to the reason for the contributor.

Not in charge of noticing it (`channel.py`, `sandbox`), nor of whose guest it was: a baseline that ends like
this is our fault, and `guests.py` says so.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass

from bench_runner.failure import Failed
from bench_runner.guest import records as r
from bench_runner.sandbox import End
from bench_runner.sandbox.command import DESCRIPTORS, FILE_BYTES, SHM_BYTES, TMP_BYTES


@dataclass(frozen=True)
class Facts:
    """What the words of a reason may need."""

    symbol: str
    file: str  # the entry file, as the contributor knows it
    memory_mb: int
    processes: int
    wall_seconds: float


def of_end(end: End, where: str, facts: Facts) -> Failed:
    """The main process is gone, in the middle of something that we had asked of it."""
    if end.how == "memory_limit":
        return Failed("memory_limit", where=where, megabytes=facts.memory_mb)
    if end.how == "wall_limit":
        return Failed("call_time_limit", where=where, seconds=facts.wall_seconds)
    if end.refused_processes:
        return Failed("process_limit", where=where, processes=facts.processes)
    if end.how == "exited":
        return Failed("exited", where=where, code=end.code)
    return Failed("crashed", where=where, signal=signal_name(end.code))


def of_answer(state: int, kind: int, where: str, facts: Facts, *, refused: bool) -> Failed:
    """Our code in the guest says that it could not do its turn; a forger only hurts itself.

    `refused`: it was seen from outside that the guest wanted more processes than it may have.
    """
    if state == r.NO_ENTRY:
        return Failed("entry_missing", symbol=facts.symbol, file=facts.file)
    if refused:
        return Failed("process_limit", where=where, processes=facts.processes)
    if state == r.NOT_PERMITTED:
        return Failed("not_permitted", where=where)
    if state == r.NO_SPACE:
        sizes = {"tmp": TMP_BYTES >> 20, "shm": SHM_BYTES >> 20, "file": FILE_BYTES >> 20}
        return Failed("no_space", where=where, **sizes)
    if state == r.TOO_MANY_FILES:
        return Failed("too_many_files", where=where, descriptors=DESCRIPTORS)
    if kind == r.LOAD:
        return Failed("load_failed", file=facts.file)
    return Failed("raised", where=where)


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
