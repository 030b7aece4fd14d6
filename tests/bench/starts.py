"""What it costs to start things in the sandbox, each beside its peer without: fork and exec, unshare, bwrap.

Not in charge of jobs (`judge.py`). In turns, so that all rows see the same machine.
"""

from __future__ import annotations

import itertools
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench_runner import build
from bench_runner.contract import Bundle
from bench_runner.guests import Clocks, Rig, Side, measuring_cpus
from bench_runner.sandbox import Limits, Mount, Sandbox, python_executable, python_runtime
from bench_runner.workspace import Revision, Workspace
from tasks.languages import LANGUAGES
from tests.bench.figures import in_turns

TRUE = ["/bin/true"]
ROUNDS = 15
LIMITS = Limits(512 * 2**20, 64, 20.0, 64 * 1024)
PASS = [python_executable(), "-I", "-S", "-c", "pass"]
NUMPY = [python_executable(), "-I", "-S", "-c", "import sys; sys.path.insert(0, sys.argv[1]); import numpy"]
UNSHARE = ["unshare", "--fork", "--pid", "--mount", "--ipc", "--uts", "--net", "--cgroup"]
BWRAP = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev"]


def starts(sandbox: Sandbox, revision: Revision, files: Bundle) -> dict[str, list[float]]:
    """Seconds from the start to the end with everything cleaned up, by what was started."""
    with tempfile.TemporaryDirectory() as scratch, Workspace(sandbox).job() as place:
        work = {**_commands(sandbox), **_builds(sandbox, revision, files, Path(scratch), place)}
        return in_turns(work, ROUNDS)


def _commands(sandbox: Sandbox) -> dict[str, Callable[[], object]]:
    numpy_folder = str(python_runtime()[0].source.parent)
    return {
        "nothing: fork and exec": lambda: _run(TRUE),
        "nothing: unshare": lambda: _run([*UNSHARE, *TRUE]),
        "nothing: bwrap alone": lambda: _run([*BWRAP, *TRUE]),
        "nothing: our sandbox": lambda: _caged(sandbox, TRUE),
        "interpreter: fork and exec": lambda: _run(PASS),
        "interpreter: our sandbox": lambda: _caged(sandbox, PASS),
        "import numpy: fork and exec": lambda: _run([*NUMPY, numpy_folder]),
        "import numpy: our sandbox": lambda: _caged(sandbox, [*NUMPY, "/runtime"], python_runtime()),
    }


def _builds(
    sandbox: Sandbox, revision: Revision, files: Bundle, scratch: Path, place: Path
) -> dict[str, Callable[[], object]]:
    workspace, task = Workspace(sandbox), revision.task
    language = build.language_of(files, task)
    for name, content in files.items():
        (scratch / name).write_bytes(content)
    command = language.build_command(scratch, scratch) or ()
    numbers = itertools.count()

    def fresh() -> Bundle:
        """What was built before would not be built again."""
        return {**files, language.entry: files[language.entry] + b"// %d\n" % next(numbers)}

    artefact = build.baseline(sandbox, workspace, revision, place)
    rig = Rig(sandbox, task, workspace.guest_kit(), measuring_cpus()[0])

    def guest() -> None:
        with Side(rig, artefact, Clocks()) as side:
            side.start()
            side.load()
            side.stop()

    return {
        f"build: {Path(command[0]).name} alone": lambda: _run(command),
        "build: our sandbox": lambda: build.submission(sandbox, workspace, task, fresh(), place),
        "build: the same sources again": lambda: build.submission(sandbox, workspace, task, files, place),
        f"a guest with {LANGUAGES[artefact.language].name} loaded, ready to be called": guest,
    }


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)


def _caged(sandbox: Sandbox, command: list[str], mounts: Sequence[Mount] = ()) -> None:
    with sandbox.start(command, mounts=list(mounts), limits=LIMITS) as guest:
        end = guest.wait()
    if end.how != "exited" or end.code:
        raise RuntimeError(f"{command[0]} ended as {end}: {guest.log.decode(errors='replace')}")
