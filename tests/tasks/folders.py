"""Copies of built-in task folders that a test may break."""

from __future__ import annotations

import shutil
from pathlib import Path

from tasks.spec import ROOT


def copy_of(slug: str, parent: Path) -> Path:
    """A copy of a built-in task folder below `parent`, under its own name."""
    folder = parent / slug
    shutil.copytree(ROOT / slug, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def edit(folder: Path, name: str, old: str, new: str) -> None:
    """Replace a text that must be there once in a file of the folder."""
    path = folder / name
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new), "utf-8")


def keep_examples(folder: Path, *names: str) -> None:
    """Delete all examples but those named: building each takes a while."""
    for path in (folder / "examples").iterdir():
        if path.name not in names:
            shutil.rmtree(path)
