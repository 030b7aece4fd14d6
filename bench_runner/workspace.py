"""Where the judge keeps files on the worker: our guest's code, what was built, one folder per job.

Not in charge of fetching revisions (`worker`), nor of what guests may see of this (`sandbox`).

All of it lies in the folder of the sandbox's slot, which the slot clears when a worker takes or leaves it.
Nothing of a job outlives the job but what was built: the same sources need not be built again (`build.py`).
"""

from __future__ import annotations

import contextlib
import json
import os
import py_compile
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bench_runner.guest
import tasks.abi
import tasks.cuda
from bench_runner.errors import InfrastructureFault
from bench_runner.guest import records
from bench_runner.sandbox import Sandbox
from tasks.languages import LANGUAGES
from tasks.spec import Task

GUEST_FILES = ("main.py", "card.py", "records.py", "syntax.py")
NATIVE_GUEST = "main"  # made from main.c
COMPILER = ("gcc", "-O2", "-std=gnu17")
BUILD = "build-"
KEPT_BUILDS, KEPT_BYTES = 64, 128 * 2**20  # the folder is in memory
OF_THIS_JOB = 2  # submission and baseline: never forgotten while it runs


@dataclass(frozen=True)
class KeptBuild:
    folder: Path  # the artefact's files and nothing else
    log: str


@dataclass(frozen=True)
class Revision:
    """An immutable revision of a task: what was read from it, and the folder with exactly its files."""

    task: Task
    folder: Path

    @property
    def digest(self) -> str:
        return self.task.digest


class Workspace:
    def __init__(self, sandbox: Sandbox, arch: str = "") -> None:
        """`arch`: what CUDA C++ is compiled for, where there is a card: `sm_90a`."""
        self.arch = arch
        self._root = sandbox.folder / "judge"
        self._root.mkdir(exist_ok=True)

    def guest_kit(self) -> Path:
        """A folder with our guests and the calling convention, compiled: what is mounted as /guest.

        Raises:
            InfrastructureFault: the one for C and C++ cannot be built here.
        """
        kit = self._root / "guest"
        if not kit.exists():
            with self._filling(kit) as folder:
                here = Path(bench_runner.guest.__file__).parent
                ours = map(Path, (tasks.abi.__file__, tasks.cuda.__file__))
                for source in (*(here / name for name in GUEST_FILES), *ours):
                    shutil.copyfile(source, folder / source.name)
                    # Not checked against the source: the folder is read-only inside and made in one go.
                    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
                    py_compile.compile(str(folder / source.name), invalidation_mode=mode, doraise=True)
                _open(folder)
                compile_guest(folder / NATIVE_GUEST)
        return kit

    def kept_folder(self, name: str, fill: Callable[[Path], None]) -> Path:
        """A folder for guests to read that is filled once per worker."""
        place = self._root / name
        if not place.exists():
            with self._filling(place) as folder:
                fill(folder)
                _open(folder)
        return place

    def kept_build(self, key: str) -> KeptBuild | None:
        """What was built under this key on this worker, if it is still there."""
        place = self._root / f"{BUILD}{key}"
        if not place.exists():
            return None
        os.utime(place)
        return KeptBuild(place / "artefact", (place / "log").read_text())

    def keep_build(self, key: str, files: dict[str, bytes], log: str) -> KeptBuild:
        """Keep a build; the longest unused ones go when there are too many, or too many bytes."""
        place = self._root / f"{BUILD}{key}"
        with self._filling(place) as folder:
            (folder / "artefact").mkdir(mode=0o755)
            write(files, folder / "artefact")
            (folder / "log").write_text(log)
        self._forget_builds()
        return KeptBuild(place / "artefact", log)

    def _forget_builds(self) -> None:
        left = KEPT_BYTES
        newest = sorted(self._root.glob(f"{BUILD}*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for number, place in enumerate(newest):
            left -= sum(path.stat().st_size for path in place.rglob("*"))
            if number >= OF_THIS_JOB and (left < 0 or number >= KEPT_BUILDS):
                shutil.rmtree(place)

    def needs(self, digest: str) -> dict[str, int]:
        """How many inputs the timing of a revision took here last time, by case; empty at first."""
        path = self._root / f"needs-{digest[:32]}.json"
        found: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        return found

    def keep_needs(self, digest: str, needs: dict[str, int]) -> None:
        part = self._root / f"needs-{digest[:32]}.part"
        part.write_text(json.dumps(needs))
        part.rename(part.with_suffix(".json"))

    @contextlib.contextmanager
    def job(self) -> Iterator[Path]:
        """A folder for one job, gone afterwards."""
        folder = Path(tempfile.mkdtemp(prefix="job-", dir=self._root))
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    @contextlib.contextmanager
    def _filling(self, target: Path) -> Iterator[Path]:
        """A new folder that becomes `target` only when it is complete."""
        folder = Path(tempfile.mkdtemp(prefix="new-", dir=self._root))
        folder.chmod(0o755)
        try:
            yield folder
            folder.rename(target)
        except BaseException:  # a stop as well: nothing half made may stay, and it goes on up
            shutil.rmtree(folder)
            raise


def compile_guest(program: Path) -> None:
    """Build the guest for C and C++; the numbers of the protocol are those of `records.py`.

    Raises:
        InfrastructureFault: it cannot be built.
    """
    numbers = vars(records).items()
    macros = [f"-D{name}={value}" for name, value in numbers if name.isupper() and isinstance(value, int)]
    source = Path(bench_runner.guest.__file__).with_name("main.c")
    command = [
        *COMPILER,
        *macros,
        f'-DARTEFACT="{LANGUAGES["c"].artefact}"',
        "-o",
        str(program),
        str(source),
        "-ldl",
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        words = (getattr(error, "stderr", None) or b"").decode(errors="replace")[:300]
        cure = "run `python -m bench_runner doctor`"
        raise InfrastructureFault(f"our guest for C cannot be built: {error} {words}: {cure}") from error
    program.chmod(0o755)


def write(files: dict[str, bytes], folder: Path) -> None:
    """Write files with checked names below a folder of ours, readable for every user."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    _open(folder)


def _open(folder: Path) -> None:
    """Readable for the slot's users whatever our umask is, so that the sandbox need not copy it."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
