"""Clears what a git process left behind when it was killed: locks and quarantines.

A lock that nobody holds would close its branch for ever. git removes its own when it ends or is terminated;
only a SIGKILL or a power cut leaves one. No git process of ours lives as long as SECONDS.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

SECONDS = 600
LOCKS = ("*.lock", "refs/**/*.lock")
QUARANTINES = ("objects/tmp_objdir-*", "objects/incoming-*")


def clear(repository: Path) -> list[Path]:
    """Remove what is older than any process of ours can be; what was removed."""
    before = time.time() - SECONDS
    removed = [path for path in _found(repository) if path.lstat().st_mtime < before]
    for path in removed:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return removed


def _found(repository: Path) -> Iterator[Path]:
    for pattern in (*LOCKS, *QUARANTINES):
        yield from repository.glob(pattern)
