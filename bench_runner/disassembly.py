"""The machine code of an entry function in words, for tasks that offer it: objdump, in a sandbox.

Not in charge of building (`build.py`). objdump reads a stranger's file, so it runs where strangers' code runs
and with limits of its own. What it prints is bounded, passed on as text and never read by us. Nothing that
goes wrong here touches the verdict: it is said in the place of the text.
"""

from __future__ import annotations

import shutil

from bench_runner.build import Artefact
from bench_runner.contract import Assembly, NoAssembly
from bench_runner.sandbox import Limits, Mount, Sandbox
from bench_runner.sandbox.command import GUEST_ENVIRONMENT
from tasks.languages import LANGUAGES, NATIVE
from tasks.spec import Task

PROGRAM = "objdump"
ARTEFACT = "/artefact"
LIMITS = Limits(memory_bytes=256 * 2**20, processes=4, wall_seconds=5.0, log_bytes=64 * 1024)


def of_entry(sandbox: Sandbox, task: Task, artefact: Artefact) -> Assembly | None:
    """What the entry function became; None where the task does not offer it or nothing was compiled.

    Raises:
        InfrastructureFault: the sandbox failed.
    """
    if not task.entry.assembly or artefact.language not in NATIVE:
        return None
    if shutil.which(PROGRAM, path=GUEST_ENVIRONMENT["PATH"]) is None:
        return Assembly(missing=NoAssembly.NO_OBJDUMP)
    library = f"{ARTEFACT}/{LANGUAGES[artefact.language].artefact}"
    words = ["--no-show-raw-insn", "--section=.text", f"--disassemble={task.entry.symbol}"]
    command = [PROGRAM, *words, library]
    with sandbox.start(command, mounts=[Mount(artefact.folder, ARTEFACT)], limits=LIMITS) as guest:
        end = guest.wait()
        printed, dropped = guest.log, guest.log_dropped
    if end.how != "exited" or end.code:
        return Assembly(missing=NoAssembly.GAVE_UP)
    return Assembly(printed.decode("utf-8", errors="replace").strip(), cut=dropped > 0)
