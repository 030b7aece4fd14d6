"""CUDA C++ to cubins with NVRTC, from its wheel, through ctypes: no CUDA toolkit, no driver, no card needed.

A cubin is named by a digest of its source, the headers it may include, the options and the architecture,
and by NVRTC's version; the compiler's log is kept beside it. It is looked for in the package's folder
`built` first, then in the cache of `cc.py`. Where NVRTC is not installed, a cubin of the same digest made by
any version of it serves.

A cubin runs on its own major architecture only (sm_80 on 8.0 to 8.9; one with an `a` on exactly that one),
but, other than PTX, on drivers older than the compiler.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kernels.errors import BuildFailed
from kernels.toolchain import cc

INCLUDE = cc.PACKAGE / "include" / "cuda"
# Nothing like -ffast-math here either. NDEBUG: a live assert keeps wgmma from running asynchronously.
OPTIONS = ("-std=c++17", "-DNDEBUG", "--ptxas-options=-v", "-lineinfo", f"-I{INCLUDE}")
# Warnings that mean a kernel many times slower: setmaxnreg ignored, wgmma instructions made to wait for each
# other (for which there are several numbers).
FATAL = ("C7508", "C7510", "instructions are serialized")
CURE = (
    "pip install nvidia-cuda-nvrtc (for running kernels: cupy-cuda13x nvidia-cuda-nvrtc nvidia-cuda-runtime)"
)


@dataclass(frozen=True)
class Resources:
    """What ptxas says a kernel takes: registers per thread; bytes of the rest."""

    registers: int
    stack: int
    spill_stores: int
    spill_loads: int
    shared: int


@dataclass(frozen=True)
class Cubin:
    """A compiled source: where it is, and what its kernels take."""

    path: Path
    kernels: dict[str, Resources]


def available() -> bool:
    """Whether NVRTC is installed."""
    return _library_path() is not None


def compile_source(source: Path, arch: str, options: Sequence[str] = (), folder: Path | None = None) -> Cubin:
    """The cubin of a source for an architecture (`sm_90a`); built where it is not there yet.

    Raises:
        BuildFailed: it does not compile, wgmma would be serialised, or NVRTC is needed and not installed.
    """
    name = f"{source.parent.name}-{source.stem}-{arch}-{_digest(source, arch, options)}"
    found = _find(name, folder)
    if found is None:
        found = (folder or cc.cache()) / f"{name}-{_version_name()}.cubin"
        code, log = _compile(source, arch, options)
        _write(found.with_suffix(".log"), log.encode())
        _write(found, code)
    return Cubin(found, resources(found.with_suffix(".log").read_text()))


def resources(log: str) -> dict[str, Resources]:
    """What ptxas's verbose log says of each kernel."""
    found = {}
    for part in log.split("Compiling entry function '")[1:]:
        name = part.partition("'")[0]
        found[name] = Resources(
            registers=_number(r"Used (\d+) registers", part),
            stack=_number(r"(\d+) bytes stack frame", part),
            spill_stores=_number(r"(\d+) bytes spill stores", part),
            spill_loads=_number(r"(\d+) bytes spill loads", part),
            shared=_number(r"(\d+) bytes smem", part),
        )
    return found


def version() -> tuple[int, int]:
    """NVRTC's version.

    Raises:
        BuildFailed: it is not installed.
    """
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check(_nvrtc().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)), "nvrtcVersion")
    return major.value, minor.value


def _version_name() -> str:
    return ".".join(map(str, version()))


def _find(name: str, folder: Path | None) -> Path | None:
    pattern = f"{name}-{_version_name() if available() else '*'}.cubin"
    for place in (cc.BUILT, folder or cc.cache()):
        for path in sorted(place.glob(pattern)):
            if path.with_suffix(".log").is_file():
                return path
    return None


def _digest(source: Path, arch: str, options: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for part in (arch, *(each for each in OPTIONS if not each.startswith("-I")), *options):
        digest.update(part.encode() + b"\0")
    for file in (source, *sorted(INCLUDE.glob("*.cuh")), *sorted(source.parent.glob("*.cuh"))):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:20]


def _compile(source: Path, arch: str, options: Sequence[str]) -> tuple[bytes, str]:
    library, program = _nvrtc(), ctypes.c_void_p()
    made = library.nvrtcCreateProgram(
        ctypes.byref(program), source.read_bytes(), str(source).encode(), 0, None, None
    )
    _check(made, "nvrtcCreateProgram")
    try:
        words = [*OPTIONS, f"-I{source.parent}", f"-arch={arch}", *options]
        array = (ctypes.c_char_p * len(words))(*(each.encode() for each in words))
        status = library.nvrtcCompileProgram(program, len(words), array)
        log = _bytes(library, "ProgramLog", program).rstrip(b"\0").decode(errors="replace")
        fatal = [each for each in FATAL if each in log]
        if status or fatal:
            why = f"ptxas warns of {', '.join(fatal)}" if fatal else "it does not compile"
            raise BuildFailed(f"{source} for {arch}: {why}\n{log[-4000:]}")
        return _bytes(library, "CUBIN", program), log
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _bytes(library: ctypes.CDLL, what: str, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    _check(getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)), what)
    buffer = ctypes.create_string_buffer(size.value)
    _check(getattr(library, f"nvrtcGet{what}")(program, buffer), what)
    return buffer.raw


@functools.cache
def _nvrtc() -> ctypes.CDLL:
    path = _library_path()
    if path is None:
        raise BuildFailed(f"NVRTC is needed to compile CUDA kernels and is not installed. Cure: {CURE}")
    for builtins in sorted(path.parent.glob("libnvrtc-builtins.so*")):
        ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)  # before 13.1 NVRTC does not find it by itself
    library = ctypes.CDLL(str(path))
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    return library


@functools.cache
def _library_path() -> Path | None:
    """libnvrtc in the namespace package `nvidia` that the wheels share."""
    spec = importlib.util.find_spec("nvidia")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(place).glob("cu*/lib/libnvrtc.so.*")):
            return path
    return None


def _check(status: int, what: str) -> None:
    if status:
        raise BuildFailed(f"NVRTC, {what}: {_nvrtc().nvrtcGetErrorString(status).decode()}")


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def _write(path: Path, content: bytes) -> None:
    """Under a private name first: nobody sees half of it."""
    handle, private = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(private).chmod(cc.READABLE)
        Path(private).replace(path)
    finally:
        Path(private).unlink(missing_ok=True)
