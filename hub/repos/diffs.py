"""A change between two commits as rows that a page can show and a comment can stand on.

Pure parsing of git's unified patch text, as bytes: names and contents may be anything. Not in charge of
running git (`git.py`) nor of making the text safe to show (`hub/web/plain.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from git import Diff

MAX_LINES = 20_000  # of one file; what is beyond is not shown, and `truncated` says so
MAX_LINE_CHARS = 2_000

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")
_KINDS = {b" ": "context", b"+": "added", b"-": "removed"}


@dataclass(frozen=True)
class DiffLine:
    kind: str  # "context" | "added" | "removed"
    old: int | None  # line number before; None for an added line
    new: int | None  # line number after; None for a removed line
    text: str  # without the line end; bytes that are not UTF-8 became U+FFFD
    ends_file_bare: bool = False  # the file ends here without a line end


@dataclass(frozen=True)
class Hunk:
    old_start: int
    old_count: int
    new_start: int
    new_count: int
    heading: str  # what git prints behind the second @@: the enclosing function
    lines: tuple[DiffLine, ...]


@dataclass(frozen=True)
class FileDiff:
    path: str  # the name after the change, or before it for a deleted file
    old_path: str | None  # only for a renamed file
    status: str  # "added" | "modified" | "deleted" | "renamed"
    is_binary: bool
    hunks: tuple[Hunk, ...]
    truncated: bool = False

    @property
    def added(self) -> int:
        return sum(line.kind == "added" for hunk in self.hunks for line in hunk.lines)

    @property
    def removed(self) -> int:
        return sum(line.kind == "removed" for hunk in self.hunks for line in hunk.lines)


def shown(raw: bytes) -> str:
    """Text for a page: what is not UTF-8 becomes the replacement character."""
    return raw.decode("utf-8", "replace")


def file_diff(change: Diff) -> FileDiff:
    """One file of a diff that GitPython made with `create_patch=True`."""
    patch = change.diff if isinstance(change.diff, bytes) else (change.diff or "").encode()
    hunks, truncated = parse_hunks(patch)
    status = "renamed" if change.renamed_file else "added" if change.new_file else "modified"
    return FileDiff(
        path=shown(change.b_rawpath or change.a_rawpath or b""),
        old_path=shown(change.a_rawpath or b"") if change.renamed_file else None,
        status="deleted" if change.deleted_file else status,
        is_binary=patch.startswith((b"Binary files ", b"GIT binary patch")),
        hunks=hunks,
        truncated=truncated,
    )


def parse_hunks(patch: bytes) -> tuple[tuple[Hunk, ...], bool]:
    """The hunks of one file's patch, and whether lines beyond MAX_LINES were left out."""
    rows = patch.split(b"\n")
    if rows and not rows[-1]:
        rows.pop()
    truncated = len(rows) > MAX_LINES
    return tuple(_hunks(rows[:MAX_LINES])), truncated


def _hunks(rows: list[bytes]) -> Iterator[Hunk]:
    at = 0
    while at < len(rows):
        header = _HUNK.match(rows[at])
        at += 1
        if header is None:
            continue
        old, old_count, new, new_count = (int(n) if n is not None else 1 for n in header.groups()[:4])
        end = at
        while end < len(rows) and not rows[end].startswith(b"@@"):
            end += 1
        yield Hunk(old, old_count, new, new_count, shown(header[5]), _lines(rows[at:end], old, new))
        at = end


def _lines(rows: list[bytes], old: int, new: int) -> tuple[DiffLine, ...]:
    lines: list[DiffLine] = []
    for row in rows:
        kind = _KINDS.get(row[:1])
        if kind is None:
            if row.startswith(b"\\") and lines:  # "\ No newline at end of file" speaks of the line above
                last = lines[-1]
                lines[-1] = DiffLine(last.kind, last.old, last.new, last.text, ends_file_bare=True)
            continue
        text = shown(row[1:].removesuffix(b"\r"))[:MAX_LINE_CHARS]
        numbers = (None if kind == "added" else old, None if kind == "removed" else new)
        lines.append(DiffLine(kind, *numbers, text))
        old += kind != "added"
        new += kind != "removed"
    return tuple(lines)
