"""Bundles: a folder as a mapping from safe relative names to contents, and back. Standard library only.

Not in charge of what the files mean (`spec.py`).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

Bundle = dict[str, bytes]

MAX_NAME = 200  # characters of a whole relative path
MAX_DEPTH = 8  # folders and file together
SEGMENT = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.+-]*")
LEFT_BY_TOOLS = ("__pycache__", ".mypy_cache", ".ruff_cache", ".DS_Store")


class UnsafeName(ValueError):
    """A file name that could leave its folder or hide another file; says which, and what is allowed."""


def check_name(name: str) -> None:
    """Accept `name` as a relative path of plain segments.

    Raises:
        UnsafeName: absolute, `..`, hidden separators, control or non-ASCII characters, too long or too deep.
    """
    segments = name.split("/")
    if len(name) > MAX_NAME or len(segments) > MAX_DEPTH:
        raise UnsafeName(
            f"file name {name[:80]!a}: longer than {MAX_NAME} characters "
            f"or deeper than {MAX_DEPTH} levels; shorten it"
        )
    for segment in segments:
        if segment in (".", "..") or not SEGMENT.fullmatch(segment):
            raise UnsafeName(
                f"file name {name!a}: {segment!a} is not allowed; "
                "use letters, digits, '_', '.', '+', '-' (not first) and '/' between folders"
            )


def check_names(names: Mapping[str, bytes]) -> None:
    """Accept all names together: each safe, no two that differ by case only, no file that is also a folder.

    Raises:
        UnsafeName: see above.
    """
    seen: dict[str, str] = {}
    folders = {str(parent) for name in names for parent in PurePosixPath(name.lower()).parents}
    for name in names:
        check_name(name)
        twin = seen.setdefault(name.lower(), name)
        if twin != name:
            raise UnsafeName(f"file names {twin!r} and {name!r} differ by case only; rename one of them")
        if name.lower() in folders:
            raise UnsafeName(f"file name {name!r} is also the name of a folder; rename one of them")


def read_folder(path: str | os.PathLike[str]) -> Bundle:
    """All regular files below `path`, without what tools leave there (`__pycache__`, …).

    Raises:
        UnsafeName: a name is not portable, or something below is a link, device or other special file.
    """
    root = Path(path)
    files: Bundle = {}
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if name not in LEFT_BY_TOOLS)
        for name in [*subfolders, *names]:
            found = Path(folder, name)
            if found.is_symlink() or not (found.is_file() or found.is_dir()):
                raise UnsafeName(f"{found}: neither a file nor a folder; put a copy of the file there")
        for name in names:
            if name not in LEFT_BY_TOOLS and not name.endswith(".pyc"):
                found = Path(folder, name)
                files[found.relative_to(root).as_posix()] = found.read_bytes()
    check_names(files)
    return dict(sorted(files.items()))


def write_files(files: Mapping[str, bytes], folder: str | os.PathLike[str]) -> None:
    """Write a bundle below `folder`, which must exist; existing files are never followed nor overwritten.

    Raises:
        UnsafeName: before anything is written.
        FileExistsError: a file is there already.
    """
    check_names(files)
    for name, content in files.items():
        target = Path(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        new_file = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(target, new_file, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)


def under(files: Mapping[str, bytes], prefix: str) -> Bundle:
    """The files below the folder `prefix`, with the prefix taken off: `under(files, "baseline")`."""
    start = prefix.rstrip("/") + "/"
    return {name[len(start) :]: content for name, content in files.items() if name.startswith(start)}


def digest(files: Mapping[str, bytes]) -> str:
    """The identity of a bundle: SHA-256 over sorted names and contents, each after its length."""
    whole = hashlib.sha256()
    for name in sorted(files):
        encoded = name.encode()
        whole.update(b"%d:%b%d:" % (len(encoded), encoded, len(files[name])))
        whole.update(files[name])
    return whole.hexdigest()
