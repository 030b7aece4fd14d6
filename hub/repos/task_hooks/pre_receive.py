"""The pre-receive hook of the repository of all tasks: is every task folder that a push changes a valid task?

Not in charge of who pushes (`hub/repos/door.py`) nor of publishing (`hub/publishing.py`). Standard library
only. Nothing of the push is run: the tasks' own reader looks at the files, and every problem that it finds
stands in the pusher's terminal, by file and key. All or nothing. A failure here refuses.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

if not __package__:  # run by git: isolated mode leaves this folder's package out of the path
    sys.path.insert(0, os.path.abspath(__file__ + "/../../../.."))

from tasks.spec import Bundle, TaskError, load_files

ZERO = "0" * 40
MAIN = "refs/heads/main"
REGULAR = ("100644", "100755")
FILES_MOST, BYTES_MOST = 300, 2 << 20  # of one task
LINES_MOST = 60  # said about one push
SECONDS = 30


class Refused(Exception):
    """Why the push is not taken; each argument is a line for the pusher."""


def git(*arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["git", *arguments], input=stdin, capture_output=True, timeout=SECONDS, check=True)
    return done.stdout


def folders(commit: str) -> dict[str, str]:
    """Folders at the top of a commit, with the ids of their trees."""
    if commit == ZERO:
        return {}
    rows = git("ls-tree", "-z", "--end-of-options", commit).decode("utf-8", "backslashreplace").split("\0")
    found = (row.split(None, 3) for row in rows if row)
    return {name: sha for _mode, kind, sha, name in found if kind == "tree"}


def read(tree: str, where: str) -> Bundle:
    """All files of a folder.

    Raises:
        Refused: links, submodules, or too much.
    """
    listing = git("ls-tree", "-r", "-l", "-z", "--end-of-options", tree).decode("utf-8", "backslashreplace")
    rows = [row.split(None, 4) for row in listing.split("\0") if row]
    for mode, _kind, _sha, _size, name in rows:
        if mode not in REGULAR:
            raise Refused(f"{where}/{name}: a link or a submodule; put a copy of the file there")
    if len(rows) > FILES_MOST or sum(int(row[3]) for row in rows) > BYTES_MOST:
        raise Refused(f"{where}: more than {FILES_MOST} files or {BYTES_MOST >> 20} MiB; a task is text")
    out = git("cat-file", "--batch", stdin="".join(f"{row[2]}\n" for row in rows).encode())
    files, at = {}, 0
    for _mode, _kind, _sha, size, name in rows:
        at = out.index(b"\n", at) + 1
        files[name] = out[at : at + int(size)]
        at += int(size) + 1
    return files


def problems(slug: str, files: Bundle, known: dict[str, list[str]]) -> list[str]:
    """What is wrong with one task; `known`: slug -> [digest, id] of those that the hub has."""
    try:
        task = load_files(slug, files)
    except TaskError as error:
        return error.problems
    owner = next((name for name, (_digest, known_id) in known.items() if known_id == task.id), slug)
    if owner != slug:
        return [f"tasks/{slug}/task.toml: id: {task.id} is that of {owner}; give a new uuid"]
    if slug in known and known[slug][1] != task.id:
        return [f"tasks/{slug}/task.toml: id: {task.id} is new for this task; keep {known[slug][1]}"]
    return []


def check(old: str, new: str, ref: str, known: dict[str, list[str]]) -> list[str]:
    """The tasks that a push changes, by name.

    Raises:
        Refused: something in it is not taken.
    """
    if ref != MAIN or new == ZERO:
        raise Refused("Tasks are published from main, which stays: git push origin HEAD:main")
    before, after = folders(old), folders(new)
    found: list[str] = [
        f"tasks/{name}: the folder is gone; a task is never deleted: run manage.py retire_task {name}"
        for name in sorted(before.keys() - after.keys())
        if name in known
    ]
    changed = sorted(name for name, tree in after.items() if before.get(name) != tree)
    for slug in changed:
        found += problems(slug, read(after[slug], f"tasks/{slug}"), known)
    if found:
        left_out = [f"… and {len(found) - LINES_MOST} more"] if len(found) > LINES_MOST else []
        raise Refused(f"{len(found)} to correct:", *found[:LINES_MOST], *left_out)
    return changed


def say(*lines: str) -> None:
    sys.stderr.buffer.write("\n".join(["", *lines, "", ""]).encode("utf-8", "backslashreplace"))
    sys.stderr.buffer.flush()


def main() -> int:
    try:
        known = json.loads(Path(os.environ["TOUCHSTONE_KNOWN"]).read_text())
        changed = [
            slug for line in sys.stdin for slug in check(*line.rstrip("\n").split(" ", 2), known=known)
        ]
    except Refused as refused:
        first, *more = refused.args
        say(f"Refused: {first}", *more, "推送被拒绝：请按以上说明修改后重新推送。")
        return 1
    except Exception as error:  # noqa: BLE001  # whatever fails here must refuse, and not with a traceback
        say(f"Refused: the check of tasks failed on our side ({type(error).__name__}). Tell the operators.")
        return 1
    site = os.environ["TOUCHSTONE_SITE"]
    say("Nothing is wrong; published now:", *(f"    {site}/tasks/{slug}/" for slug in changed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
