"""CUDA C++ to one library: `solution.cu` compiled for the card and for the host. Standard library only.

Not in charge of where it runs: the judge mounts it into its build sandbox and starts it as a script there.

Theory of operation. A submission is one file, seen twice. NVRTC, or `nvcc` where that is not installed,
compiles it for the card, where `__CUDACC__` is defined; g++ compiles it for the host, where it is not. The
card's code is put into the library as bytes, where `touchstone.h` finds it: one artefact comes out, whatever
compiled it. NVRTC has no host headers: what is not for the card belongs between `#ifndef __CUDACC__` and
`#endif`.

    cuda.py SOURCE LIBRARY [ARCH [INCLUDE …]]     exit status 1: it does not compile; stderr says why

At home `python3 -m tasks.cuda solution.cu solution.so` compiles for sm_80, with the headers of this checkout.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile

# Every name of the standard library that is needed at run time costs a build some milliseconds.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

WHEELS = "TOUCHSTONE_CUDA"  # a folder with `cu13` and the like; not set: where the package `nvidia` lies
OPTIONS = ("-std=c++17", "-DNDEBUG", "-lineinfo")
HOST = ("g++", "-std=c++20", "-O3", "-march=native", "-shared", "-fPIC", "-Wall", "-fdiagnostics-color=never")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEADERS = tuple(
    os.path.join(ROOT, *words)
    for words in (("bench_runner", "guest", "include"), ("kernels", "include", "cuda"))
)
CURE = "pip install nvidia-cuda-nvrtc, or put nvcc on the PATH"
ASSEMBLY = """
    .section .rodata
    .balign 64
    .global touchstone_cubin
touchstone_cubin:
    .incbin "{}"
    .section .note.GNU-stack,"",@progbits
"""


class BuildError(Exception):
    """It does not compile, in the compiler's words; or there is no compiler, with the cure."""


def build(source: str, library: str, arch: str, includes: Sequence[str] = ()) -> None:
    """Make `library` of `source` for cards of `arch` (`sm_90a`).

    Raises:
        BuildError: one of the two compilers refuses it, or is not there.
    """
    includes = (os.path.dirname(source), *includes)
    with tempfile.TemporaryDirectory() as folder:
        cubin, assembly = os.path.join(folder, "solution.cubin"), os.path.join(folder, "cubin.s")
        with open(cubin, "wb") as file:
            file.write(compile_cubin(source, arch, includes))
        with open(assembly, "w") as text:
            text.write(ASSEMBLY.format(cubin))
        words = [f"-I{each}" for each in includes]
        sources = ["-x", "c++", source, "-x", "assembler", assembly]
        _run([*HOST, *words, "-o", library, *sources, "-Wl,-z,defs", "-ldl"])


def compile_cubin(source: str, arch: str, includes: Sequence[str] = ()) -> bytes:
    """The code for the card.

    Raises:
        BuildError: it does not compile, or there is neither NVRTC nor nvcc.
    """
    words = [*OPTIONS, f"-arch={arch}", *(f"-I{each}" for each in (*includes, *_wheel_folders("include")))]
    library = nvrtc()
    if library is not None:
        with open(source, "rb") as file:
            return _with_nvrtc(library, file.read(), source, words)
    if (compiler := nvcc()) is None:
        raise BuildError(f"neither NVRTC nor nvcc is installed: {CURE}")
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "cubin")
        _run([compiler, *words, "-cubin", "-o", out, source])
        with open(out, "rb") as file:
            return file.read()


@functools.cache
def nvrtc() -> ctypes.CDLL | None:
    """NVRTC from its wheel, or None."""
    for folder in _wheel_folders("lib"):
        names = sorted(os.listdir(folder))
        found = [name for name in names if name.startswith("libnvrtc.so.")]
        if found:
            for name in names:
                if name.startswith("libnvrtc-builtins.so"):  # versions before 13.1 do not find it themselves
                    ctypes.CDLL(os.path.join(folder, name), mode=ctypes.RTLD_GLOBAL)
            library = ctypes.CDLL(os.path.join(folder, found[0]))
            library.nvrtcGetErrorString.restype = ctypes.c_char_p
            return library
    return None


def nvcc() -> str | None:
    """Where it is: on the PATH, or where NVIDIA's installer puts it, which few paths name."""
    return shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")


def version() -> str:
    """What compiles here: part of the name under which a build is kept."""
    library = nvrtc()
    if library is None:
        return nvcc() or "none"
    major, minor = ctypes.c_int(), ctypes.c_int()
    library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return f"nvrtc {major.value}.{minor.value}"


def wheels() -> str | None:
    """The folder of NVIDIA's wheels, which has `cu13` and the like below it."""
    if given := os.environ.get(WHEELS):
        return given
    spec = importlib.util.find_spec("nvidia")
    found = list(spec.submodule_search_locations or ()) if spec else []
    return found[0] if found else None


def _wheel_folders(part: str) -> list[str]:
    top = wheels()
    if top is None:
        return []
    folders = [os.path.join(top, name, part) for name in sorted(os.listdir(top)) if name.startswith("cu")]
    return [folder for folder in folders if os.path.isdir(folder)]


def _with_nvrtc(library: ctypes.CDLL, code: bytes, name: str, words: Sequence[str]) -> bytes:
    program = ctypes.c_void_p()
    made = library.nvrtcCreateProgram(ctypes.byref(program), code, name.encode(), 0, None, None)
    if made:
        raise BuildError(f"nvrtcCreateProgram: {library.nvrtcGetErrorString(made).decode()}")
    try:
        array = (ctypes.c_char_p * len(words))(*(word.encode() for word in words))
        status = library.nvrtcCompileProgram(program, len(words), array)
        log = _bytes(library, "ProgramLog", program).rstrip(b"\0").decode(errors="replace").strip()
        if log:
            print(log, file=sys.stderr)
        if status:
            raise BuildError(log or library.nvrtcGetErrorString(status).decode())
        return _bytes(library, "CUBIN", program)
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _bytes(library: ctypes.CDLL, what: str, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(library, f"nvrtcGet{what}")(program, buffer)
    return buffer.raw


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE)
    sys.stderr.write(done.stderr.decode(errors="replace"))
    if done.returncode:
        raise BuildError(f"{os.path.basename(command[0])} ended with {done.returncode}")


def main(source: str, library: str, arch: str = "sm_80", *includes: str) -> int:
    try:
        build(source, library, arch, includes or HEADERS)
    except BuildError as error:
        if "error" not in str(error):
            print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
