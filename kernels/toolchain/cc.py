"""C and C++ to shared objects: compile, cache by content, link, load.

Theory of operation. A library is named by a digest of everything that went into it (sources, the headers
they include, flags) and by one of the compiler's version, so a stale one cannot be picked up, and two
processes that build the same one write the same bytes: each compiles to a private name and renames it into
place; a lock keeps them from doing the work twice. Objects are kept too: levels share them.

Compiled code is looked for in the folder `built` of the package first (filled by `python -m kernels build
--in-package`, for machines without a compiler and for read-only mounts), then in the cache:
`KERNELS_CACHE`, else the user's cache folder. In the package, and where there is no compiler, any
compiler's work on the same sources serves. A cache that other users could write to is refused: whoever
writes it runs code as us.

No `-march=native` (the result must run where it is copied to), no `-ffast-math` (it changes the arithmetic of
the whole process): errno and floating-point traps are all that is given up.
"""

from __future__ import annotations

import ctypes
import fcntl
import functools
import hashlib
import os
import platform
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kernels.errors import BuildFailed

PACKAGE = Path(__file__).parents[1]
INCLUDE = PACKAGE / "include" / "cpu"
BUILT = PACKAGE / "built"
VARIABLE = "KERNELS_CACHE"
PROCESSORS = ("x86_64", "AMD64")
COMPILERS = {".c": ("gcc", "-std=gnu11"), ".cpp": ("g++", "-std=gnu++17")}
COMMON = ("-O3", "-fPIC", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden")
TIME_LIMIT = 300.0  # seconds, of one compiler run
READABLE = 0o755  # by who runs what was built in the package by somebody else; the cache is closed as a whole
CURE = "apt-get install gcc g++"
OPENMP = "libgomp.so.1"
_WAITING = frozenset({"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"})  # say whether waiting threads spin
_INCLUDED = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Unit:
    """A source file and what it is compiled with."""

    source: Path
    flags: tuple[str, ...] = ()

    def digest(self) -> str:
        """Of all that the object depends on but the compiler."""
        digest = hashlib.sha256()
        for part in (COMPILERS[self.source.suffix][1], *COMMON, *self.flags):
            digest.update(part.encode() + b"\0")
        for file in _with_headers(self.source):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()[:20]


def available() -> bool:
    """Whether there is a C and a C++ compiler, for the processors that the kernels are written for."""
    found = all(shutil.which(compiler) for compiler, _ in COMPILERS.values())
    return found and platform.machine() in PROCESSORS


def compiler_version() -> str:
    """The first line of what the C compiler says of itself; empty without one."""
    return _version("gcc") if available() else ""


def library(name: str, units: Sequence[Unit], folder: Path | None = None) -> Path:
    """The path of a shared object linked from these units; built where it is not there yet.

    Args:
        folder: where it is to be, if not in the cache.

    Raises:
        BuildFailed: a source does not compile, there is no compiler, or the cache is not ours alone.
    """
    digests = [unit.digest() for unit in units]
    stem = f"{name}-{_short(*digests)}"
    found = _find(BUILT, stem, None) or _find(folder or cache(), stem, _compiler_digest())
    if found:
        return found
    target = (folder or cache()) / f"{stem}-{_needed_compiler_digest()}.so"
    with _lock(target.parent, name):
        if not target.is_file():
            objects = [
                cache() / f"{unit.source.stem}-{digest}-{_compiler_digest()}.o"
                for unit, digest in zip(units, digests, strict=True)
            ]
            _compile_all(zip(units, objects, strict=True))
            _run([_compiler("g++"), "-shared", "-fopenmp", *map(str, objects)], target)
    return target


def load(path: Path) -> ctypes.CDLL:
    """A shared object, its names kept from everybody else's."""
    _keep_openmp()
    return ctypes.CDLL(str(path), mode=os.RTLD_LOCAL | os.RTLD_NOW)


@functools.cache
def _keep_openmp() -> None:
    """Load OpenMP, for good: its threads wait in its code, also when the last that needs it is unloaded.

    It reads now what they do between parallel regions. They sleep, unless the environment says what they do:
    threads that spin use up their share of a processor that others want too, and then each region waits for
    them (5 ms instead of 0.1, beside one other process).
    """
    alone = not _WAITING & os.environ.keys()
    if alone:
        os.environ["OMP_WAIT_POLICY"] = "passive"
    try:
        with suppress(OSError):  # what was built elsewhere, without it, does not need it
            ctypes.CDLL(OPENMP, mode=os.RTLD_LOCAL | os.RTLD_NOW | os.RTLD_NODELETE)
    finally:
        if alone:
            del os.environ["OMP_WAIT_POLICY"]


def cache() -> Path:
    """The folder of what was built, made if it is not there.

    Raises:
        BuildFailed: it cannot be made, another user owns it, or others may write to it.
    """
    folder = Path(os.environ.get(VARIABLE) or _user_cache() / "touchstone-kernels")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = folder.stat()
    except OSError as refused:
        raise BuildFailed(f"no folder for what is compiled: {refused}; set {VARIABLE} to one") from refused
    if found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise BuildFailed(
            f"{folder} belongs to user {found.st_uid} with mode {stat.S_IMODE(found.st_mode):o}, but what is "
            f"in it is run as user {os.getuid()}: set {VARIABLE} to a folder of yours, or `chmod go-w` it"
        )
    return folder


def _user_cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME")
    return Path(given) if given else Path(os.path.expanduser("~")) / ".cache"


def _find(place: Path, stem: str, compiler: str | None) -> Path | None:
    """A library in a folder: of this compiler, or of any if it is None."""
    return next((path for path in sorted(place.glob(f"{stem}-{compiler or '*'}.so")) if path.is_file()), None)


def _with_headers(source: Path) -> list[Path]:
    """A source and those of our headers that it includes, directly or not."""
    found = {source: None}
    waiting = [source]
    while waiting:
        file = waiting.pop()
        for name in _INCLUDED.findall(file.read_text()):
            header = next((each for each in (file.parent / name, INCLUDE / name) if each.is_file()), None)
            if header and header not in found:
                found[header] = None
                waiting.append(header)
    return list(found)


def _compile_all(wanted: Iterable[tuple[Unit, Path]]) -> None:
    missing = [(unit, path) for unit, path in wanted if not path.is_file()]
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        list(pool.map(lambda each: _compile(*each), missing))


def _compile(unit: Unit, path: Path) -> None:
    compiler, standard = COMPILERS[unit.source.suffix]
    # -iquote: our math.h must not stand before the system's <math.h>.
    about = [standard, *COMMON, *unit.flags, "-iquote", str(INCLUDE)]
    command = [_compiler(compiler), *about, "-c", str(unit.source)]
    _run(command, path)


def _run(command: list[str], path: Path) -> None:
    """Run the compiler into a private file, then give it its name: nobody sees half of it."""
    handle, private = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    try:
        done = subprocess.run([*command, "-o", private], capture_output=True, text=True, timeout=TIME_LIMIT)
        if done.returncode:
            raise BuildFailed(f"{' '.join(command)}\n{done.stderr[-4000:]}")
        os.chmod(private, READABLE)
        os.replace(private, path)
    except subprocess.TimeoutExpired:
        raise BuildFailed(f"{' '.join(command)}: not done after {TIME_LIMIT:.0f} s") from None
    finally:
        Path(private).unlink(missing_ok=True)


@contextmanager
def _lock(folder: Path, name: str) -> Iterator[None]:
    try:
        file = (folder / f".{name}.lock").open("w")
    except OSError as refused:
        raise BuildFailed(f"{folder} cannot be written to: {refused}; set {VARIABLE} to one") from refused
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compiler(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise BuildFailed(f"no compiler {name!r} on the PATH: {CURE}")
    return found


def _compiler_digest() -> str | None:
    """Of the compilers' versions; None without them."""
    return _needed_compiler_digest() if available() else None


def _needed_compiler_digest() -> str:
    return _short(*(_version(compiler) for compiler, _ in COMPILERS.values()))[:8]


def _short(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


@functools.cache
def _version(compiler: str) -> str:
    done = subprocess.run(
        [_compiler(compiler), "--version"], capture_output=True, text=True, timeout=TIME_LIMIT
    )
    return done.stdout.partition("\n")[0]
