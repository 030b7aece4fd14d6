"""A sandbox of its own for these tests, and the means to look from outside at what it left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bench_runner.sandbox import End, Guest, Limits, Mount, Sandbox, SandboxUnavailable, python_executable

MIB = 2**20
LIMITS = Limits(256 * MIB, 64, 10.0, 64 * 1024, out_bytes=8 * MIB, out_files=100)
PYTHON = [python_executable(), "-I", "-S", "-c"]

Run = Callable[..., tuple[End, str]]


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    try:
        opened = Sandbox.open()
    except SandboxUnavailable as fault:
        pytest.skip(f"no sandbox on this machine: {fault}")
    yield opened
    opened.close()


@pytest.fixture
def run(sandbox: Sandbox) -> Run:
    """Run Python code, or a command, to its end; gives how it ended and what it printed."""

    def run(
        program: str | Sequence[str],
        limits: Limits = LIMITS,
        mounts: Sequence[Mount] = (),
        look: Callable[[Guest], object] = lambda guest: None,
        **more: object,
    ) -> tuple[End, str]:
        command = [*PYTHON, program] if isinstance(program, str) else program
        with sandbox.start(command, mounts=mounts, limits=limits, **more) as guest:
            end = guest.wait()
            look(guest)
            return end, guest.log.decode(errors="replace")

    return run


def left_overs(sandbox: Sandbox) -> list[str]:
    """Everything of this sandbox's guests that still exists: processes, mounts, groups, folders."""
    uids = {str(uid) for uid in sandbox.uids}
    found = [f"process {pid}: {words}" for pid, uid, words in _processes() if uid in uids]
    found += [
        line.split()[4]
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if f"{sandbox.folder}/" in line
    ]
    found += [
        str(path)
        for folder in sandbox.backend.folders.values()
        for path in folder.glob(f"*.{sandbox.slot}-*")
    ]
    return found + [str(path) for path in sandbox.folder.glob("*.*-*")]


def _processes() -> Iterator[tuple[int, str, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            if status["State"].split()[0] != "Z":  # dead, and waiting for the machine's init
                yield int(folder.name), status["Uid"].split()[0], (folder / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
