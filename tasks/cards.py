"""What can be said of submissions for cards where there is none: whether they compile.

Not in charge of running them, which takes a worker with a card, nor of how they are compiled (`cuda.py`).
CUDA C++ is compiled for two generations, because the older one is emulated by none: what the newer takes may
be missing there. CuPy submissions are Python, and compiled as such.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tasks import cuda
from tasks.bundle import write_files

ARCHITECTURES = ("sm_80", "sm_90a")
LOG_TAIL = 4000  # characters
# What the judge shows to its builds: the header for submissions, and those of the library of kernels.
_CHECKOUT = Path(__file__).parents[1]
INCLUDES = (_CHECKOUT / "bench_runner" / "guest" / "include", _CHECKOUT / "kernels" / "include" / "cuda")


def can_compile() -> bool:
    """Whether NVRTC is here; without it there is nothing to be said of CUDA C++."""
    return cuda.nvrtc() is not None


def faults(language: str, files: Mapping[str, bytes]) -> str | None:
    """What a compiler says against it; None if it compiles for every architecture, and for the host."""
    if language != "cuda":
        return _syntax(files)
    with tempfile.TemporaryDirectory(prefix="touchstone-") as name:
        folder = Path(name)
        write_files(files, folder)
        source, includes = str(folder / "solution.cu"), [str(path) for path in INCLUDES]
        first, *others = ARCHITECTURES
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                cuda.build(source, str(folder / "solution.so"), first, includes)
                for arch in others:
                    cuda.compile_cubin(source, arch, (str(folder), *includes))
        except cuda.BuildError as error:
            return said.getvalue().replace(f"{folder}/", "").strip()[-LOG_TAIL:] or str(error)
    return None


def _syntax(files: Mapping[str, bytes]) -> str | None:
    for name, content in files.items():
        if name.endswith(".py"):
            try:
                compile(content, name, "exec")
            except (SyntaxError, ValueError) as error:
                return f"{name}: {error}"
    return None
