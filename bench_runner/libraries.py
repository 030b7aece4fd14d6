"""The libraries of ours that a task lets its submissions import: a compiled copy of each, mounted read-only.

Not in charge of which task allows which (`[entry] libraries` in task.toml). They are found by name and never
imported here: the judge knows nothing of what it mounts.
"""

from __future__ import annotations

import compileall
import importlib.util
import py_compile
import shutil
from collections.abc import Iterable
from pathlib import Path

from bench_runner.errors import InfrastructureFault
from bench_runner.sandbox import Mount
from bench_runner.workspace import Workspace

# What each needs beside itself. Ours are copied, others are mounted from where they are installed.
NEEDS = {"framework": ("framework", "kernels", "ml_dtypes"), "kernels": ("kernels", "ml_dtypes")}
OURS = ("framework", "kernels")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "bench", "*.md")


def library_mounts(workspace: Workspace, libraries: Iterable[str]) -> list[Mount]:
    """Below /runtime, where the guest looks, beside NumPy.

    Raises:
        InfrastructureFault: one of them is not installed beside the worker.
    """
    needed = sorted({package for name in libraries for package in NEEDS[name]})
    places = {name: _copy(workspace, name) if name in OURS else _installed(name) for name in needed}
    return [Mount(place, f"/runtime/{name}") for name, place in places.items()]


def _installed(name: str) -> Path:
    spec = importlib.util.find_spec(name)  # finds it without importing it
    if spec is None or spec.origin is None:
        raise InfrastructureFault(f"{name} is not beside the worker: start it from the repository")
    return Path(spec.origin).parent


def _copy(workspace: Workspace, name: str) -> Path:
    """Compiled once per worker: a guest cannot write beside the sources, so each would compile anew."""

    def fill(folder: Path) -> None:
        shutil.copytree(_installed(name), folder, ignore=LEFT_OUT, dirs_exist_ok=True)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH  # as the copy never changes
        compileall.compile_dir(folder, quiet=2, invalidation_mode=mode)

    return workspace.kept_folder(f"library-{name}", fill)
