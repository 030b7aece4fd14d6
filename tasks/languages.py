"""The languages of submissions: entry file, artefact and build command of each. Standard library only.

Not in charge of where a build runs (the judge's sandbox, or `local.py` for the author's own code).
To add a language: an entry here, its calling convention in `abi.py`, a test in `tests/tasks/test_abi.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

# -march=native: an artefact is built on the machine where it runs. -z defs: a missing function is a build
# failure with the linker's message, not a crash at load. The include path lets `#include "fast.h"` work.
COMMON = (
    "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC",
    "-Wall", "-fdiagnostics-color=never", "-Wl,-z,defs",
)  # fmt: skip

DEVICES = ("cpu", "gpu")

BuildCommand = Callable[[str, str], list[str] | None]


@dataclass(frozen=True)
class Language:
    id: str
    name: str  # for people
    entry: str  # the one file that a submission must have
    artefact: str  # what is loaded, inside the folder that the build fills
    build: BuildCommand
    device: str = "cpu"  # on what it computes: one of DEVICES

    def build_command(
        self, out_dir: str | os.PathLike[str], src_dir: str | os.PathLike[str]
    ) -> list[str] | None:
        """The command that makes `out_dir/artefact` from the sources; None: the sources are the artefact."""
        return self.build(os.fspath(out_dir), os.fspath(src_dir))


def _compiler(program: str, standard: str, entry: str) -> BuildCommand:
    def command(out_dir: str, src_dir: str) -> list[str]:
        return [
            program, standard, *COMMON, f"-I{src_dir}",
            "-o", os.path.join(out_dir, "solution.so"), os.path.join(src_dir, entry), "-lm",
        ]  # fmt: skip

    return command


def _cuda(out_dir: str, src_dir: str) -> list[str]:
    """The card's architecture and the folders of headers come after these words."""
    source, library = os.path.join(src_dir, "solution.cu"), os.path.join(out_dir, "solution.so")
    return ["python3", "-m", "tasks.cuda", source, library]


def _nothing_to_build(out_dir: str, src_dir: str) -> None:
    return None


LANGUAGES = {
    language.id: language
    for language in (
        Language("c", "C", "solution.c", "solution.so", _compiler("gcc", "-std=c17", "solution.c")),
        Language("cpp", "C++", "solution.cpp", "solution.so", _compiler("g++", "-std=c++20", "solution.cpp")),
        Language("python", "Python", "solution.py", "solution.py", _nothing_to_build),
        Language("cuda", "CUDA C++", "solution.cu", "solution.so", _cuda, "gpu"),
        Language("cupy", "CuPy", "solution_cupy.py", "solution_cupy.py", _nothing_to_build, "gpu"),
        Language("triton", "Triton", "solution_triton.py", "solution_triton.py", _nothing_to_build, "gpu"),
    )
}

NATIVE = ("c", "cpp")  # whose artefact is a library of the processor's machine code


def for_device(device: str) -> tuple[str, ...]:
    """The ids of the languages that compute on a device."""
    return tuple(id for id, language in LANGUAGES.items() if language.device == device)


def of_files(names: Collection[str], allowed: tuple[str, ...]) -> tuple[str, ...]:
    """The ids of the allowed languages whose entry file is there; a submission must have exactly one."""
    return tuple(id for id in allowed if LANGUAGES[id].entry in names)
