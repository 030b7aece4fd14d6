"""The rules about files in a push: where they may lie, how they may be named, how many and how large.

Standard library only; part of the pre-receive hook. What is read here is bytes that a stranger chose.
"""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from hub.repos.hooks import words
from hub.repos.hooks.objects import Change, Entry, Objects

PATH_BYTES_MOST = 200
DEPTH_MOST = 8
REGULAR = (b"100644", b"100755")
KINDS = {b"120000": "a symbolic link", b"160000": "a submodule"}
GIT_NAMES = (".gitignore", ".gitkeep")  # the only names beginning with .git that configure nobody's git
# Control and format characters (bidi overrides among them), surrogates, private and unassigned, line ends.
UNFIT_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
LISTED = 10


def check_places(changes: list[Change], policy: dict[str, Any]) -> None:
    """Every changed file lies where the task allows it."""
    outside = [shown(change.path) for change in changes if not _allowed(change.path, policy)]
    if outside:
        raise words.outside(outside[:LISTED], len(outside), policy)


def check_files(objects: Objects, commit: str, policy: dict[str, Any]) -> None:
    """The contributor's files as they will be read, all of them: kind, name, number and size."""
    files: list[Entry] = []
    for folder in sorted({_folder(pattern) for pattern in policy["allowed"]}):
        for entry in objects.files_under(commit, folder):
            files.append(entry)
            if len(files) > policy["max_files"]:
                raise words.too_many_files(folder.decode(), policy["max_files"])
    names = [_checked_name(entry.path) for entry in files]
    _check_twins(names)
    _check_kinds(files)
    _check_sizes(objects, files, policy)


def shown(path: bytes) -> str:
    """A name for the terminal: every byte or character that could deceive is written out."""
    text = path.decode("utf-8", "backslashreplace")
    return "".join(c if _fit(c) else c.encode("unicode_escape").decode() for c in text)


def _allowed(path: bytes, policy: dict[str, Any]) -> bool:
    name = path.decode("utf-8", "surrogateescape")
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in policy["allowed"])


def _folder(pattern: str) -> bytes:
    """The part of a pattern before its first wildcard, up to a slash."""
    plain = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    return plain[: plain.rfind("/") + 1].encode()


def _fit(character: str) -> bool:
    return unicodedata.category(character) not in UNFIT_CATEGORIES


def _checked_name(path: bytes) -> str:
    try:
        name = path.decode()
    except UnicodeDecodeError as error:
        raise words.bad_name(shown(path), "it is not UTF-8", "不是 UTF-8 编码") from error
    if not all(_fit(character) for character in name):
        raise words.bad_name(
            shown(path), "it holds a control or invisible character", "含有控制字符或不可见字符"
        )
    if "\\" in name or ":" in name:
        raise words.bad_name(shown(path), "it holds a backslash or a colon", "含有反斜杠或冒号")
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise words.bad_name(shown(path), "it climbs out of its folder", "试图跳出所在目录")
    if any(part.lower().startswith((".git", "git~")) and part not in GIT_NAMES for part in parts):
        raise words.bad_name(
            shown(path), "names that configure git are not taken", "不接受会影响 git 配置的文件名"
        )
    if len(path) > PATH_BYTES_MOST or len(parts) > DEPTH_MOST:
        limit = f"at most {PATH_BYTES_MOST} bytes and {DEPTH_MOST} levels are taken"
        raise words.bad_name(shown(path), limit, f"最多 {PATH_BYTES_MOST} 字节、{DEPTH_MOST} 层目录")
    return name


def _check_twins(names: Iterable[str]) -> None:
    """Two names that a file system may take for one: `A.c` beside `a.c`, or two spellings of `é`."""
    seen: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            twin = seen.setdefault(unicodedata.normalize("NFC", path).casefold(), path)
            if twin != path:
                reason = f"it differs from {twin} only in case or spelling"
                raise words.bad_name(path, reason, f"与 {twin} 仅大小写或写法不同")


def _check_kinds(files: list[Entry]) -> None:
    for entry in files:
        if entry.mode not in REGULAR:
            kind = KINDS.get(entry.mode, f"a file of mode {entry.mode.decode()}")
            raise words.not_regular(shown(entry.path), kind)


def _check_sizes(objects: Objects, files: list[Entry], policy: dict[str, Any]) -> None:
    sizes = {entry.path: objects.size(entry.sha)[1] for entry in files}
    total, most = sum(sizes.values()), policy["max_bytes"]
    if total > most:
        largest = max(sizes, key=lambda path: sizes[path])
        raise words.too_large_together(total, most, shown(largest), sizes[largest])
