"""Addresses of static files with the version of the file in them, so that browsers may keep a file for ever.

Files are served from where they lie (whitenoise with finders): there is no collecting step to forget.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage


class VersionedFiles(StaticFilesStorage):
    def url(self, name: str | None) -> str:
        plain = str(super().url(name))
        path = finders.find(name) if name else None
        return (
            f"{plain}?v={_version(path, Path(path).stat().st_mtime_ns)}" if isinstance(path, str) else plain
        )


@lru_cache(maxsize=512)
def _version(path: str, changed: int) -> str:
    """The first characters of the content's hash; `changed` makes a new key when the file is written."""
    return sha256(Path(path).read_bytes()).hexdigest()[:12]
