"""Reads commits, trees and sizes for the pre-receive hook, as bytes, within a budget. Standard library only.

Not in charge of any rule (`pre_receive.py`). Runs inside git's hook environment, where the pushed objects lie
in quarantine. Trees are compared here and not by `git diff-tree`: a small pack can hold a tree with a billion
entries (the same subtree over and over), so every step is counted.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import NamedTuple  # dataclasses would cost each push 10 ms of imports

ENTRIES_MOST = 20_000  # looked at in one push
TREE_BYTES_MOST = 2_000_000  # of one tree object
SECONDS = 30
TREE_MODE = b"40000"


class TooMuch(Exception):
    """The push is too large to be looked at; the text says what there is too much of."""


class Entry(NamedTuple):
    """One name in a tree, with its full path."""

    path: bytes
    mode: bytes  # as it stands in the tree object: b"100644"
    sha: str

    @property
    def is_tree(self) -> bool:
        return self.mode == TREE_MODE


class Change(NamedTuple):
    """A file that differs; `now` is None when it was deleted."""

    path: bytes
    now: Entry | None


def git(*arguments: str) -> str:
    """Output of a git command; empty when it found nothing (exit status 1)."""
    done = subprocess.run(["git", *arguments], capture_output=True, timeout=SECONDS, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"git {arguments[0]} ended with {done.returncode}: {done.stderr[-300:]!r}")
    return done.stdout.decode("utf-8", "backslashreplace").strip()


class Objects:
    """One `git cat-file` for all questions of a push."""

    def __init__(self) -> None:
        self._git = subprocess.Popen(
            ["git", "cat-file", "--batch-command"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._git.stdin is not None and self._git.stdout is not None  # noqa: S101, PT018  # for mypy
        self._questions, self._answers = self._git.stdin, self._git.stdout
        self._left = ENTRIES_MOST

    def close(self) -> None:
        self._git.kill()
        self._git.communicate()

    def size(self, sha: str) -> tuple[str, int]:
        """Type and size of an object."""
        _, kind, size = self._ask(f"info {sha}")
        return kind, int(size)

    def tree(self, sha: str, prefix: bytes = b"") -> dict[bytes, Entry]:
        """The entries of a tree, or of a commit's tree, by name."""
        if self.size(sha)[1] > TREE_BYTES_MOST:
            raise TooMuch(f"a folder of more than {TREE_BYTES_MOST:,} bytes")
        _, kind, size = self._ask(f"contents {sha}")
        raw = self._read(int(size))
        if kind == "commit":
            return self.tree(raw[5:45].decode(), prefix)  # "tree <sha>" is its first line
        entries = dict(_entries(raw, prefix))
        self._left -= len(entries)
        if self._left < 0:
            raise TooMuch(f"more than {ENTRIES_MOST:,} files and folders")
        return entries

    def changes(self, old: str, new: str) -> Iterator[Change]:
        """Files that differ between two commits."""
        pairs: list[tuple[str | None, str | None, bytes]] = [(old, new, b"")]
        while pairs:
            before_sha, after_sha, prefix = pairs.pop()
            before = self.tree(before_sha, prefix) if before_sha else {}
            after = self.tree(after_sha, prefix) if after_sha else {}
            for name in sorted(before.keys() | after.keys()):
                was, now = before.get(name), after.get(name)
                if was == now:
                    continue
                if any(entry is not None and not entry.is_tree for entry in (was, now)):
                    yield Change(prefix + name, now if now is not None and not now.is_tree else None)
                folders = [entry.sha if entry is not None and entry.is_tree else None for entry in (was, now)]
                if any(folders):
                    pairs.append((folders[0], folders[1], prefix + name + b"/"))

    def files_under(self, commit: str, folder: bytes) -> Iterator[Entry]:
        """Every file of a commit below `folder` ("" or "a/b/")."""
        trees = [(commit, b"")]
        for part in folder.split(b"/")[:-1]:
            entry = self.tree(trees[0][0], trees[0][1]).get(part)
            if entry is None or not entry.is_tree:
                return
            trees = [(entry.sha, entry.path + b"/")]
        while trees:
            for entry in self.tree(*trees.pop()).values():
                if entry.is_tree:
                    trees.append((entry.sha, entry.path + b"/"))
                else:
                    yield entry

    def _ask(self, line: str) -> tuple[str, str, str]:
        self._questions.write(line.encode() + b"\n")
        self._questions.flush()
        answer = self._answers.readline().decode().split()
        if len(answer) != 3:
            raise RuntimeError(f"git cat-file, asked {line!r}, answered {answer!r}")
        return answer[0], answer[1], answer[2]

    def _read(self, size: int) -> bytes:
        return self._answers.read(size + 1)[:size]  # a line end follows


def new_objects(heads: list[str], most: int) -> list[tuple[str, str]]:
    """Ids and names of everything that a push brings.

    Raises:
        TooMuch: there are more than `most`.
    """
    listing = subprocess.Popen(
        ["git", "rev-list", "--objects", *heads, "--not", "--all"], stdout=subprocess.PIPE
    )
    assert listing.stdout is not None  # noqa: S101  # for mypy
    found = []
    try:
        for line in listing.stdout:
            sha, _, name = line.decode("utf-8", "backslashreplace").rstrip("\n").partition(" ")
            found.append((sha, name))
            if len(found) > most:
                raise TooMuch(f"more than {most:,} commits, folders and files")
    finally:
        listing.kill()
        listing.communicate()
    return found


def _entries(raw: bytes, prefix: bytes) -> Iterator[tuple[bytes, Entry]]:
    at = 0
    while at < len(raw):
        space = raw.index(b" ", at)
        end = raw.index(b"\0", space)
        name = raw[space + 1 : end]
        yield name, Entry(prefix + name, raw[at:space], raw[end + 1 : end + 21].hex())
        at = end + 21
