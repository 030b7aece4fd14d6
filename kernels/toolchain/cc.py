"""C and C++ to shared objects: compile, cache by content, link, load.

Theory of operation. An object file is named by a digest of everything that went into it (source, headers,
flags, compiler version), so a stale one cannot be picked up and two processes that build the same one write
the same bytes: each compiles to a private name and renames it into place; a lock keeps them from doing the
work twice. A library is linked from objects and named by the digests of those. Compiled code is looked for in
the folder `built` of the package first (filled by `python -m kernels build --in-package`, for machines without
a compiler and for read-only mounts), then in the cache: `KERNELS_CACHE`, else the user's cache folder. A
cache that other users could write to is refused: whoever writes it runs code as us.

No `-march=native` (the result must run where it is copied to), no `-ffast-math` (it changes the arithmetic of
the whole process): errno and floating-point traps are all that is given up.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernels.errors import BuildFailed

PACKAGE = Path(__file__).parents[1]
INCLUDE = PACKAGE / "include" / "cpu"
BUILT = PACKAGE / "built"
VARIABLE = "KERNELS_CACHE"
COMPILERS = {".c": ("cc", "-std=gnu11"), ".cpp": ("c++", "-std=gnu++17")}
COMMON = ("-O3", "-fPIC", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden")
TIME_LIMIT = 300.0  # seconds, of one compiler run


@dataclass(frozen=True)
class Unit:
    """A source file and what it is compiled with."""

    source: Path
    flags: tuple[str, ...] = ()

    def digest(self) -> str:
        compiler, standard = COMPILERS[self.source.suffix]
        digest = hashlib.sha256()
        for part in (_version(compiler), standard, *COMMON, *self.flags):
            digest.update(part.encode() + b"\0")
        for file in (self.source, *_headers(self.source.parent)):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()[:20]


def available() -> bool:
    """Whether there is a C and a C++ compiler."""
    return all(shutil.which(compiler) for compiler, _ in COMPILERS.values())


def compiler_version() -> str:
    """The first line of what the C compiler says of itself; empty without one."""
    return _version("cc") if available() else ""


def library(name: str, units: Sequence[Unit], folder: Path | None = None) -> Path:
    """The path of a shared object linked from these units; built where it is not there yet.

    Raises:
        BuildFailed: a source does not compile, there is no compiler, or the cache is not ours alone.
    """
    objects = [f"{unit.source.stem}-{unit.digest()}.o" for unit in units]
    file = f"{name}-{hashlib.sha256(' '.join(objects).encode()).hexdigest()[:20]}.so"
    for place in (BUILT, folder or cache()):
        if (place / file).is_file():
            return place / file
    target = folder or cache()
    with _lock(target):
        if not (target / file).is_file():
            _compile_all([(unit, target / each) for unit, each in zip(units, objects, strict=True)])
            _run(
                [_compiler("c++"), "-shared", "-fopenmp", *(str(target / each) for each in objects)],
                target / file,
            )
    return target / file


def load(path: Path) -> ctypes.CDLL:
    """A shared object, its names kept from everybody else's."""
    return ctypes.CDLL(str(path), mode=os.RTLD_LOCAL | os.RTLD_NOW)


def cache() -> Path:
    """The folder of what was built, made if it is not there.

    Raises:
        BuildFailed: another user owns it or may write to it.
    """
    given = os.environ.get(VARIABLE)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(given) if given else base / "touchstone-kernels"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = folder.stat()
    if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise BuildFailed(
            f"{folder} belongs to user {found.st_uid} with mode {stat.S_IMODE(found.st_mode):o}, but what is in it is "
            f"run as user {os.getuid()}: set {VARIABLE} to a folder of yours, or `chmod go-w` this one"
        )
    return folder


def _headers(beside: Path) -> Iterator[Path]:
    yield from sorted(INCLUDE.glob("*.h"))
    yield from sorted(beside.glob("*.h"))


def _compile_all(wanted: Iterable[tuple[Unit, Path]]) -> None:
    missing = [(unit, path) for unit, path in wanted if not path.is_file()]
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda each: _compile(*each), missing))


def _compile(unit: Unit, path: Path) -> None:
    compiler, standard = COMPILERS[unit.source.suffix]
    include = ("-iquote", str(INCLUDE))  # not -I: <math.h> is the system's, "math.h" ours
    command = [_compiler(compiler), standard, *COMMON, *unit.flags, *include, "-c", str(unit.source)]
    _run(command, path)


def _run(command: list[str], path: Path) -> None:
    """Run the compiler into a private file, then give it its name: nobody sees half of it."""
    handle, private = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    try:
        done = subprocess.run([*command, "-o", private], capture_output=True, text=True, timeout=TIME_LIMIT)
        if done.returncode:
            raise BuildFailed(f"{' '.join(command)}\n{done.stderr[-4000:]}")
        os.replace(private, path)
    except subprocess.TimeoutExpired:
        raise BuildFailed(f"{' '.join(command)}: not done after {TIME_LIMIT:.0f} s") from None
    finally:
        Path(private).unlink(missing_ok=True)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compiler(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise BuildFailed(f"no compiler {name!r} on the PATH: apt-get install gcc g++")
    return found


@functools.cache
def _version(compiler: str) -> str:
    done = subprocess.run(
        [_compiler(compiler), "--version"], capture_output=True, text=True, timeout=TIME_LIMIT
    )
    return done.stdout.partition("\n")[0]
