"""The repository of all tasks, from which maintainers clone them and to which they push revisions.

Not in charge of who may (`door.py`), of what a push may hold (`task_hooks/`), nor of publishing
(`hub/publishing.py`).

Theory of operation. The database knows what is published. `main` follows it: what was published in other
ways is committed before anybody looks. `refs/keep/absorbed` is where `main` stood when the two last agreed:
what a push brought is the difference, found again by whoever comes next if the process died. A file in the
repository tells which revision each folder is, for the hook as well. One lock for everything that moves.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from bench_runner.contract import Bundle
from hub.core.refs import MAIN
from hub.repos import git, process

TASKS = "tasks"  # its name; no task may have it
ABSORBED = f"{git.KEEP}absorbed"
README = b"""# Tasks

One folder for each task; its name is that of the task. Change it, commit, and `git push origin HEAD:main`.
Every mistake is said in the terminal; without one, the new revision is published when the push returns.
"""
Known = dict[str, list[str]]  # slug -> [digest, id]


@contextmanager
def locked() -> Iterator[None]:
    """Alone with the repository, over all processes; it is made if there is none."""
    folder = Path(settings.GIT_ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "tasks.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not git.exists(TASKS):
            git.create(TASKS, {"README.md": README}, "All tasks\n")
            note({})
        yield


def known_path() -> Path:
    return git.path_of(TASKS) / "known.json"


def known() -> Known:
    found: Known = json.loads(known_path().read_text())
    return found


def note(known: Known) -> None:
    """Write down which revision each folder of `main` is, and that nothing of it is left to be published."""
    fresh = known_path().with_suffix(".new")
    fresh.write_text(json.dumps(known))
    os.replace(fresh, known_path())
    path = git.path_of(TASKS)
    process.run(path, "update-ref", "--end-of-options", ABSORBED, git.main_sha(TASKS))


def brought() -> dict[str, Bundle]:
    """Folders that differ from when `note` was last called, with their files; not those that are gone."""
    path, main = git.path_of(TASKS), git.main_sha(TASKS)
    before, now = _folders(path, ABSORBED), _folders(path, main)
    changed = sorted(name for name, tree in now.items() if before.get(name) != tree)
    return {name: git.bundle(TASKS, main, name) for name in changed}


def commit(folders: Mapping[str, Bundle]) -> None:
    """Put these folders on `main`, each whole, in one commit."""
    parts = [
        f"commit {MAIN}\ncommitter Touchstone <touchstone@localhost> now\n".encode(),
        _data(f"As published on the hub: {', '.join(sorted(folders))[:500]}\n".encode()),
        f"from {git.main_sha(TASKS)}\n".encode(),
    ]
    for slug, files in folders.items():
        parts.append(f"D {slug}\n".encode())
        for name, content in files.items():
            parts += [f"M 100644 inline {slug}/{name}\n".encode(), _data(content)]
    process.run(git.path_of(TASKS), "fast-import", "--quiet", "--date-format=now", stdin=b"".join(parts))


def _folders(path: Path, commit: str) -> dict[str, str]:
    rows = process.run(path, "ls-tree", "-z", "--end-of-options", commit).split("\0")
    found = (row.split(None, 3) for row in rows if row)
    return {name: sha for _mode, kind, sha, name in found if kind == "tree"}


def _data(content: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(content), content)
