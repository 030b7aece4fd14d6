"""Reading a task folder: the one door to tasks for the hub and the judge. Standard library only.

Not in charge of running anything (`check.py`, `local.py`), nor of comparing outputs (`compare.py`).
A folder is read whole into a bundle (path -> bytes); the same bundle gives the same `Task` on every machine,
and its digest is the identity of the revision. `load_files` finds all mistakes before it raises.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, ModuleType

from tasks.bundle import Bundle, UnsafeName, check_names, digest, read_folder, under, write_files
from tasks.courses import Course, Lesson, course_folders, exercise_folders, load_course
from tasks.languages import LANGUAGES
from tasks.model import (
    Case,
    ClaimRules,
    Entry,
    Example,
    Limits,
    Paths,
    Reading,
    Speed,
    Task,
    TaskError,
    Tensor,
    Text,
    Tolerance,
    Work,
    device_of,
)
from tasks.reading import read_task

__all__ = [
    "LANGUAGES", "ROOT", "Bundle", "Case", "ClaimRules", "Entry", "Example", "Limits", "Paths", "Reading",
    "Speed", "Task", "TaskError", "Tensor", "Text", "Tolerance", "UnsafeName", "Work", "check_names",
    "device_of", "digest", "load_files", "load_folder", "load_module", "read_folder", "task_folders", "under",
    "write_files",
]  # fmt: skip

__all__ += ["Course", "Lesson", "course_folders", "exercise_folders", "load_course"]

ROOT = Path(__file__).parent  # the built-in tasks


def load_folder(path: str | os.PathLike[str]) -> Task:
    """The task in a folder; its name is the slug.

    Raises:
        TaskError: with every problem found.
    """
    folder = Path(path).resolve()
    if not (folder / "task.toml").is_file():
        raise TaskError([f"{folder}: no task.toml; a task is a folder with one, see tasks/README.md"])
    try:
        files = read_folder(folder)
    except UnsafeName as problem:
        raise TaskError([f"tasks/{folder.name}: {problem}"]) from None
    return load_files(folder.name, files)


def load_files(slug: str, files: Mapping[str, bytes]) -> Task:
    """The task in a bundle.

    Raises:
        TaskError: with every problem found.
    """
    problems: list[str] = []
    task = read_task(slug, files, problems)
    if problems or task is None:
        raise TaskError(problems)
    return task


def task_folders(root: str | os.PathLike[str] = ROOT) -> Iterator[Path]:
    """The folders below `root` that have a task.toml, by name."""
    return (path.parent for path in sorted(Path(root).glob("*/task.toml")))


def load_module(folder: str | os.PathLike[str], name: str) -> ModuleType:
    """Run `folder/name.py` under a name of its own: two revisions never share a module, nothing is cached.

    Task folders have hyphens and are not packages, so plain `import` cannot reach them.
    """
    path = Path(folder, f"{name}.py")
    loader = _FromSource(f"task_{name}_{uuid.uuid4().hex}", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    if spec is None:
        raise ImportError(f"{path}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class _FromSource(importlib.machinery.SourceFileLoader):
    """Always compiles the source: neither reads nor leaves a `__pycache__` in a task folder."""

    def get_code(self, fullname: str) -> CodeType | None:
        return self.source_to_code(self.get_data(self.path), self.path)
