"""Where the functions of custom operators come from: libraries and sources, in allowed folders.

A library runs as us, so it is loaded from allowed folders alone: the working directory and what is below it,
those named in `FRAMEWORK_CUSTOM_FOLDERS` (as in PATH), and those given to `allow_folder`. Sources are
compiled once and kept in the cache of `kernels` by content, for the best instruction set of this processor.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from framework.errors import CustomError
from kernels.errors import BuildFailed
from kernels.toolchain import cc, isa

VARIABLE = "FRAMEWORK_CUSTOM_FOLDERS"
HEADERS = Path(__file__).with_name("include")
FORM = (
    "int Name(int nparam, void **params, int *ndims, int64_t **shapes, const char **dtypes, "
    "void *stream, void *extra)"
)
SIGNATURE = (
    ctypes.c_int,  # nparam
    ctypes.c_void_p,  # void **params
    ctypes.c_void_p,  # int *ndims
    ctypes.c_void_p,  # int64_t **shapes
    ctypes.c_void_p,  # const char **dtypes
    ctypes.c_void_p,  # void *stream
    ctypes.c_void_p,  # void *extra
)
_DEFINED = re.compile(r"\bint\s+(\w+)\s*\(\s*int\s+\w+\s*,\s*void\s*\*\s*\*")
_KERNEL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(")
Function = Any  # what a library loaded by ctypes has under a name
_allowed: list[Path] = []


def allow_folder(folder: str | os.PathLike[str]) -> None:
    """Allow custom operators to be loaded from a folder and what is below it."""
    _allowed.append(Path(folder).resolve())


def allowed_folders() -> list[Path]:
    """Those that libraries and sources may lie in."""
    named = [Path(each).resolve() for each in os.environ.get(VARIABLE, "").split(os.pathsep) if each]
    return [Path.cwd().resolve(), *named, *_allowed]


def from_file(operator: str, func: str) -> Function:
    """The function of `"path:Name"`: a .so is loaded, a .c, .cc, .cpp or .cu compiled first.

    Raises CustomError, naming the operator: no such file, a folder that is not allowed, a source that does
    not compile, a library that does not load, a function that is not in it.
    """
    file, _, symbol = func.rpartition(":")
    path = Path(file).resolve()
    if not file or not symbol.isidentifier():
        raise CustomError(f"Custom {operator!r}: func {func!r} must read 'library.so:Function'")
    if not any(path.is_relative_to(folder) for folder in allowed_folders()):
        raise CustomError(
            f"Custom {operator!r}: {path} lies in none of the allowed folders, "
            f"{', '.join(map(str, allowed_folders()))}; "
            f"call framework.custom.allow_folder({str(path.parent)!r}) or set {VARIABLE}"
        )
    if not path.is_file():
        raise CustomError(f"Custom {operator!r}: there is no file {path}")
    return function_of(operator, path if path.suffix == ".so" else compiled(operator, path), symbol)


def name_of(func: Any) -> str:
    """What an operator is called that was given no name: as its function is."""
    if callable(func):
        return getattr(func, "__name__", type(func).__name__)
    names = [*_DEFINED.findall(str(func)), *_KERNEL.findall(str(func))]
    return names[0] if names else str(func).rpartition(":")[2]


def from_source(operator: str, text: str) -> Function:
    """The one function of the seven-argument form in a C or C++ text."""
    names = _DEFINED.findall(text)
    if len(names) != 1:
        raise CustomError(
            f"Custom {operator!r}: the source defines {len(names)} functions of the form {FORM!r}; define one"
        )
    source = kept(text, ".cpp" if 'extern "C"' in text else ".c")
    return function_of(operator, compiled(operator, source), names[0])


def kernel_of(operator: str, text: str) -> tuple[str, Path]:
    """The name of the one `extern "C" __global__` kernel in a CUDA text, and the file that keeps it."""
    names = _KERNEL.findall(text)
    if len(names) != 1:
        raise CustomError(f"Custom {operator!r}: the CUDA source defines {len(names)} kernels; define one")
    return names[0], kept(text, ".cu")


def kept(text: str, suffix: str) -> Path:
    """A source in the cache, in a file of its own."""
    path = cc.cache() / f"custom-{hashlib.sha256(text.encode()).hexdigest()[:20]}{suffix}"
    if not path.is_file():
        private = path.with_suffix(f".{os.getpid()}")
        private.write_text(text)
        private.replace(path)
    return path


def compiled(operator: str, source: Path) -> Path:
    """The shared library of a source file."""
    about = ("-iquote", str(HEADERS), "-fvisibility=default")
    try:
        if source.suffix == ".cu":
            return _by_nvcc(source, about)
        if source.suffix == ".cc":
            source = kept(source.read_text(), ".cpp")
        if source.suffix not in cc.COMPILERS:
            raise CustomError(
                f"Custom {operator!r}: {source.name} is no .so, .c, .cc, .cpp or .cu; give one of these"
            )
        return cc.library(f"custom-{source.stem}", [cc.Unit(source, (*isa.FLAGS[isa.chosen()], *about))])
    except BuildFailed as failed:
        raise CustomError(f"Custom {operator!r}: {source.name} does not compile:\n{failed}") from failed


def _by_nvcc(source: Path, about: tuple[str, ...]) -> Path:
    """Host code that launches kernels needs CUDA's own compiler."""
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        raise BuildFailed("a .cu file with host code needs nvcc on the PATH: install the CUDA toolkit")
    version = subprocess.run([nvcc, "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(source.read_bytes() + version + (HEADERS / "custom.h").read_bytes()).hexdigest()
    target = cc.cache() / f"custom-{source.stem}-{digest[:20]}.so"
    if not target.is_file():
        private = target.with_suffix(f".{os.getpid()}")
        command = [
            nvcc,
            "-O3",
            "-shared",
            "-Xcompiler",
            ",".join(("-fPIC", *about)),
            str(source),
            "-o",
            str(private),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BuildFailed(f"{' '.join(command)}\n{done.stderr[-4000:]}")
        private.replace(target)
    return target


def function_of(operator: str, library: Path, symbol: str) -> Function:
    """A function of a library, ready to be called in the seven-argument form."""
    try:
        loaded = cc.load(library)
    except OSError as refused:
        raise CustomError(f"Custom {operator!r}: {library} does not load: {refused}") from refused
    try:
        function = loaded[symbol]
    except AttributeError:
        raise CustomError(
            f"Custom {operator!r}: {library.name} has no function {symbol!r}; if it is C++, declare it "
            f'extern "C"; `nm -D {library}` lists what there is'
        ) from None
    function.argtypes = SIGNATURE
    function.restype = ctypes.c_int
    return function
