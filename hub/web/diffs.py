"""A change as the page shows it: files, coloured rows, comments under their lines. Everything safe to print.

Not in charge of parsing (`hub/repos/diffs.py`), of colours (`code.py`) nor of who may comment (`hub/pulls`).
A file with many lines stays folded until it is asked for by name, so that a huge change is a small page.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest

from django.utils.safestring import SafeString

from hub.pulls.models import Comment, PatchSet
from hub.repos import git
from hub.repos.diffs import DiffLine, FileDiff, Hunk
from hub.web.code import code_lines
from hub.web.complaints import Complaint
from hub.web.plain import named, plain_line
from hub.web.threads import Thread

LONG_FILE = 400  # lines; a longer one is folded
LONG_PAGE = 2_500  # lines of all files together; what comes after is folded


@dataclass(frozen=True)
class Spot:
    """A line that can be commented on."""

    path: str
    side: str  # old | new
    line: int

    @classmethod
    def parse(cls, text: str) -> Spot | None:
        """From `path:line`, or `path:old:line` for a line that is gone; None if it is not that."""
        path, _, line = text.rpartition(":")
        side = Comment.Side.NEW.value
        if path.endswith(":old"):
            path, side = path.removesuffix(":old"), Comment.Side.OLD.value
        return cls(path, side, int(line)) if path and line.isdecimal() and len(line) < 9 else None

    def __str__(self) -> str:
        return f"{self.path}:{'old:' if self.side == Comment.Side.OLD else ''}{self.line}"


@dataclass
class Row:
    kind: str  # context | added | removed
    old: int | None
    new: int | None
    html: SafeString
    spot: Spot | None  # None: not to be commented on
    ends_bare: bool = False
    threads: list[Thread] = field(default_factory=list)
    complaints: list[Complaint] = field(default_factory=list)
    has_form: bool = False

    @property
    def sign(self) -> str:
        return {"added": "+", "removed": "−"}.get(self.kind, " ")

    @property
    def anchor(self) -> str:
        return f"{'old' if self.new is None else 'new'}{self.new or self.old}"

    @property
    def has_more(self) -> bool:
        """Something stands under the line."""
        return bool(self.threads or self.complaints or self.has_form)


@dataclass
class Block:
    """A hunk."""

    heading: str
    rows: list[Row]

    @property
    def pairs(self) -> Iterator[tuple[Row | None, Row | None]]:
        """Line beside line, before and after: what is unchanged on both sides, removed beside added lines."""
        gone: list[Row] = []
        came: list[Row] = []
        for row in self.rows:
            if row.kind == "context" or (row.kind == "removed" and came):
                yield from zip_longest(gone, came)
                gone, came = [], []
            if row.kind == "context":
                yield row, row
            else:
                (gone if row.kind == "removed" else came).append(row)
        yield from zip_longest(gone, came)


@dataclass
class FileView:
    number: int
    key: str  # of the file in anchors of its lines
    path: str  # as git has it, for links and forms
    shown: str  # safe to look at
    shown_old: str
    status: str
    is_binary: bool
    is_truncated: bool
    added: int
    removed: int
    is_folded: bool
    blocks: list[Block]
    left_over: list[Thread]  # on lines that are not in view
    wrong: list[Complaint]  # the compiler's, all of them

    @property
    def lines(self) -> int:
        return self.added + self.removed

    @property
    def comments(self) -> int:
        return sum(len(row.threads) for block in self.blocks for row in block.rows) + len(self.left_over)


@lru_cache(maxsize=64)
def diff_between(slug: str, base: str, head: str) -> tuple[FileDiff, ...]:
    """Commits never change, so neither does what lies between two of them."""
    return tuple(git.diff(slug, base, head))


def changes(slug: str, patch_set: PatchSet, since: PatchSet | None = None) -> tuple[FileDiff, ...]:
    """What a patch set changes, or what it changes since an earlier one.

    After a rebase the two heads also differ by what others merged meanwhile; only files that one of the two
    patch sets touches are kept.
    """
    whole = diff_between(slug, patch_set.base_sha, patch_set.head_sha)
    if since is None:
        return whole
    before = diff_between(slug, since.base_sha, since.head_sha)
    own = {file.path for file in (*whole, *before)}
    between = diff_between(slug, since.head_sha, patch_set.head_sha)
    return tuple(file for file in between if file.path in own)


def file_views(
    files: Iterable[FileDiff],
    threads: Iterable[Thread] = (),
    wrong: Mapping[str, list[Complaint]] | None = None,
    form_at: Spot | None = None,
    opened: str = "",
    old_side: bool = True,
) -> list[FileView]:
    """`opened` names a folded file to unfold; without `old_side` removed lines take no comments.

    `wrong`: what a compiler complains of, by path.
    """
    by_path: dict[str, list[Thread]] = defaultdict(list)
    for thread in threads:
        by_path[thread.root.path].append(thread)
    views, so_far = [], 0
    for number, file in enumerate(files, 1):
        lines = sum(len(hunk.lines) for hunk in file.hunks)
        asked_for = file.path == opened or (form_at is not None and form_at.path == file.path)
        folded = not asked_for and (lines > LONG_FILE or so_far + lines > LONG_PAGE)
        so_far += 0 if folded else lines
        view = _file(
            number, file, [] if folded else file.hunks, by_path.pop(file.path, []), form_at, old_side
        )
        _complain(view, (wrong or {}).get(file.path, []))
        views.append(view)
    return views


def line_anchor(path: str, line: int) -> str:
    """Of a line as it is after the change, in the page of changes."""
    return f"{_key(path)}-new{line}"


def _key(path: str) -> str:
    return f"f{hashlib.sha256(path.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def _complain(view: FileView, wrong: list[Complaint]) -> None:
    view.wrong = wrong
    by_line = {row.new: row for block in view.blocks for row in block.rows if row.new is not None}
    for complaint in wrong:
        if complaint.line in by_line:
            by_line[complaint.line].complaints.append(complaint)


def has_spot(files: Iterable[FileDiff], spot: Spot) -> bool:
    """Whether the line is part of the change."""
    return any(
        spot.line == (line.old if spot.side == Comment.Side.OLD else line.new)
        for file in files
        if file.path == spot.path
        for hunk in file.hunks
        for line in hunk.lines
    )


def _file(
    number: int,
    file: FileDiff,
    hunks: Iterable[Hunk],
    threads: list[Thread],
    form_at: Spot | None,
    old_side: bool,
) -> FileView:
    by_line: dict[tuple[str, int | None], list[Thread]] = defaultdict(list)
    for thread in threads:
        by_line[thread.root.side, thread.root.line].append(thread)
    blocks = [_block(file.path, hunk, old_side) for hunk in hunks]
    for row in (row for block in blocks for row in block.rows):
        if row.spot is not None:
            row.threads = by_line.pop((row.spot.side, row.spot.line), [])
            row.has_form = row.spot == form_at
    return FileView(
        number,
        _key(file.path),
        file.path,
        plain_line(file.path),
        plain_line(file.old_path or ""),
        file.status,
        file.is_binary,
        file.truncated,
        file.added,
        file.removed,
        is_folded=bool(file.hunks) and not blocks,
        blocks=blocks,
        left_over=[thread for rest in by_line.values() for thread in rest],
        wrong=[],
    )


def _block(path: str, hunk: Hunk, old_side: bool) -> Block:
    # Each side is coloured as one text, so that a comment or string over several lines is seen as such.
    new_side = [line for line in hunk.lines if line.kind != "removed"]
    gone = [line for line in hunk.lines if line.kind != "added"]
    after = iter(code_lines(path, [line.text for line in new_side]))
    before = iter(code_lines(path, [line.text for line in gone]))
    rows = []
    for line in hunk.lines:
        html = next(before) if line.kind != "added" else SafeString()
        html = next(after) if line.kind != "removed" else html
        rows.append(
            Row(line.kind, line.old, line.new, html, _spot(path, line, old_side), line.ends_file_bare)
        )
    heading = f"@@ −{hunk.old_start},{hunk.old_count} +{hunk.new_start},{hunk.new_count} @@ {hunk.heading}"
    return Block(named(heading).strip(), rows)


def _spot(path: str, line: DiffLine, old_side: bool) -> Spot | None:
    if line.new is not None:
        return Spot(path, Comment.Side.NEW.value, line.new)
    if line.old is not None and old_side:
        return Spot(path, Comment.Side.OLD.value, line.old)
    return None
