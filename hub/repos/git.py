"""Everything that the hub asks of the bare repository of a task.

Not in charge of who may do what (`access.py`), of the smart HTTP protocol (`door.py`), nor of what a push may
contain (`hooks/pre_receive.py`, a program of its own that git starts).

Theory of operation
-------------------
A repository holds the work of strangers, so nothing in it may become an option, a path or a configuration.

1. Reading goes through GitPython's objects: commits, trees, blobs and diffs of bare repositories that we
   made. Its dynamic `repo.git.…` is unguarded (what begins with a hyphen becomes an option): it is not used.
2. Changing is a subprocess with a fixed argument list. What varies is a full hexadecimal id or a ref name
   checked here, after `--end-of-options`; contents and file names go through standard input.
3. What a git process inherits, and its limits, is decided in one place: `process.py`.
4. Names and contents are bytes. What is not UTF-8 is shown with U+FFFD; `bundle` refuses such names.

Objects that lose their branch by a forced push stay: `keep` pins them under `refs/keep/`, which nobody sees.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from git import GitError, Repo
from git.objects import Blob, Commit, Submodule, Tree
from gitdb.exc import BadName, BadObject, ODBError

from bench_runner.contract import Bundle
from hub.accounts.models import User
from hub.core.ids import SHA, SLUG
from hub.core.refs import MAIN, branch_of
from hub.repos import process
from hub.repos.diffs import FileDiff, file_diff, shown
from hub.repos.process import GitFailed

ZERO = "0" * 40
KEEP = "refs/keep/"
BUNDLE_FILES_MOST = 1_000
BUNDLE_BYTES_MOST = 16 * 1024 * 1024
COMMITS_MOST = 250
REGULAR = (0o100644, 0o100755)


class UnknownCommit(GitFailed):
    """The repository has no such commit."""


class UnfitTree(GitFailed):
    """The files of a commit cannot be taken as a bundle; the text names the file and the limit."""


@dataclass(frozen=True)
class CommitLine:
    sha: str
    author: str
    at: datetime
    subject: str


@dataclass(frozen=True)
class MergeTree:
    """A merge that was tried without moving anything. With conflicts, `tree` is not fit to be committed."""

    tree: str
    conflicts: tuple[str, ...]


# --- Repositories ------------------------------------------------------------------------------------------


def path_of(slug: str) -> Path:
    if not SLUG.fullmatch(slug):
        raise ValueError(f"{slug!r} is not the name of a task: {SLUG.pattern}")
    return Path(settings.GIT_ROOT) / f"{slug}.git"


def exists(slug: str) -> bool:
    return path_of(slug).is_dir()


def create(slug: str, files: Mapping[str, bytes], message: str) -> str:
    """Make the repository with one commit on `main`; returns its sha. One that exists is left as it is."""
    path = path_of(slug)
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as folder:
            fresh = Path(folder) / "bare.git"
            process.run(fresh, "init", "--quiet", "--bare", "--initial-branch=main", "--template=")
            _commit_into(fresh, MAIN, files, None, message, None)
            # Complete before anybody sees it; of two who create it at once, the second one finds it there.
            try:
                fresh.rename(path)
            except OSError:
                if not path.is_dir():
                    raise
    return main_sha(slug)


def branches(slug: str) -> dict[str, str]:
    """Every branch: full ref name to sha, `main` included."""
    listed = process.run(path_of(slug), "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/")
    return {ref: sha for sha, ref in (line.split(" ", 1) for line in listed.splitlines())}


def main_sha(slug: str) -> str:
    sha = _sha_of(path_of(slug), MAIN)
    if sha is None:
        raise GitFailed(f"{slug}: the repository has no main")
    return sha


def keep(slug: str, sha: str) -> None:
    """Pin a commit, so that it stays readable when its branch is moved elsewhere by force."""
    process.run(path_of(slug), "update-ref", "--end-of-options", f"{KEEP}{_full(sha)}", sha)


# --- Reading -----------------------------------------------------------------------------------------------


def commits(slug: str, base: str, head: str) -> list[CommitLine]:
    """Commits of `head` that `base` does not have, newest first, at most COMMITS_MOST."""
    span = f"{_full(base)}..{_full(head)}"
    with _reading(slug) as repo:
        found = repo.iter_commits(span, max_count=COMMITS_MOST)
        return [_line_of(commit) for commit in found]


def diff(slug: str, base: str, head: str) -> list[FileDiff]:
    """What changed from `base` to `head`, file by file in the order of their names."""
    old, new = _full(base), _full(head)
    with _reading(slug) as repo:
        changes = _commit(repo, old).diff(_commit(repo, new), create_patch=True)
        return sorted((file_diff(change) for change in changes), key=lambda file: file.path)


def bundle(slug: str, sha: str, prefix: str) -> Bundle:
    """The regular files under the folder `prefix` of a commit, named relative to it; empty if there are none.

    Raises:
        UnfitTree: a link, a submodule, a name that is not UTF-8, or more than the limits allow.
    """
    full = _full(sha)
    with _reading(slug) as repo:
        folder: Tree = _commit(repo, full).tree
        for part in Path(prefix).parts:
            inner = next((entry for entry in folder.trees if entry.name == part), None)
            if inner is None:
                return {}
            folder = inner
        return _read_files(folder, len(str(folder.path)) + 1 if folder.path else 0)


def names(slug: str, sha: str) -> list[str]:
    """Names of all files of a commit."""
    arguments = ("-r", "--name-only", "-z", "--full-tree", "--end-of-options", _full(sha))
    done = process.attempt(path_of(slug), "ls-tree", *arguments)
    if done.returncode != 0:
        raise process.failure("ls-tree", done)
    return [shown(name) for name in done.stdout.split(b"\0") if name]


def content(slug: str, sha: str, path: str) -> bytes | None:
    """A regular file of a commit; None if there is none of that name or it is larger than a bundle."""
    full = _full(sha)
    with _reading(slug) as repo:
        try:
            found = _commit(repo, full).tree / path
        except KeyError:
            return None
        fits = isinstance(found, Blob) and found.mode in REGULAR and found.size <= BUNDLE_BYTES_MOST
        return bytes(found.data_stream.read()) if fits else None


def merge_base(slug: str, a: str, b: str) -> str | None:
    """The best common ancestor; None if the histories are unrelated."""
    done = process.attempt(path_of(slug), "merge-base", "--end-of-options", _full(a), _full(b))
    if done.returncode not in (0, 1):
        raise process.failure("merge-base", done)
    return done.stdout.decode().strip() or None


def changed_names(slug: str, old: str, new: str) -> list[str]:
    """Names of all files that differ between two commits or trees, renamed ones under both names."""
    arguments = ("-r", "--name-only", "--no-renames", "-z", "--end-of-options", _full(old), _full(new))
    done = process.attempt(path_of(slug), "diff-tree", *arguments)
    if done.returncode != 0:
        raise process.failure("diff-tree", done)
    return [shown(name) for name in done.stdout.split(b"\0") if name]


# --- Changing ----------------------------------------------------------------------------------------------


def commit_files(
    slug: str,
    ref: str,
    files: Mapping[str, bytes | None],
    author: User | None,
    message: str,
    parent: str | None,
    anew: bool = False,
) -> str:
    """Commit `files` on top of `parent` and set `ref` (main or a contributor's branch) to it.

    A file given as None is removed; files not named stay. Unless `anew`, nothing is committed if `ref` has
    just these files already. `author` None means the hub itself.
    """
    return _commit_into(path_of(slug), ref, files, author, message, parent, anew)


def commit_unseen(slug: str, files: Mapping[str, bytes], author: User, message: str, parent: str) -> str:
    """Commit `files` on top of `parent`; no branch moves."""
    path = path_of(slug)
    return _commit_tree(path, _tree_with(path, files, parent), [parent], message, author)


def test_merge(slug: str, main: str, head: str) -> MergeTree:
    """Merge two commits into a tree, in no working copy and moving nothing."""
    done = process.attempt(
        path_of(slug),
        *("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z"),
        *("--end-of-options", _full(main), _full(head)),
    )
    if done.returncode not in (0, 1):  # 1: there are conflicts
        raise process.failure("merge-tree", done)
    tree, *names = done.stdout.split(b"\0")
    return MergeTree(tree.decode(), tuple(dict.fromkeys(shown(name) for name in names if name)))


def commit_merge(slug: str, tree: str, parents: Sequence[str], message: str, author: User | None) -> str:
    """Make the merge commit and pin it; no branch moves."""
    sha = _commit_tree(path_of(slug), _full(tree), parents, message, author)
    keep(slug, sha)
    return sha


def move(slug: str, ref: str, new: str, old: str) -> bool:
    """Move `main` or a contributor's branch from `old` to `new`; False if it is no longer at `old`."""
    if ref != MAIN and branch_of(ref) is None:
        raise ValueError(f"{ref!r} is neither main nor a contributor's branch: refs/heads/<username>/<topic>")
    path = path_of(slug)
    done = process.attempt(path, "update-ref", "--end-of-options", ref, _full(new), _full(old))
    if done.returncode == 0:
        return True
    if _sha_of(path, ref) != old:
        return False
    raise process.failure("update-ref", done)


def move_main(slug: str, new: str, old: str) -> bool:
    """The same for `main`."""
    return move(slug, MAIN, new, old)


def _full(sha: str) -> str:
    if not SHA.fullmatch(sha):
        raise ValueError(f"{sha!r} is not a full commit id: 40 hexadecimal digits")
    return sha


def _sha_of(path: Path, name: str) -> str | None:
    done = process.attempt(path, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
    return done.stdout.decode().strip() or None


def _commit_into(
    path: Path,
    ref: str,
    files: Mapping[str, bytes | None],
    author: User | None,
    message: str,
    parent: str | None,
    anew: bool = False,
) -> str:
    if ref != MAIN and branch_of(ref) is None:
        raise ValueError(f"{ref!r} is neither main nor a contributor's branch: refs/heads/<username>/<topic>")
    now = _sha_of(path, ref)
    tree = _tree_with(path, files, parent)
    if (
        now is not None
        and not anew
        and process.run(path, "rev-parse", "--verify", "--end-of-options", f"{now}^{{tree}}") == tree
    ):
        return now
    sha = _commit_tree(path, tree, [parent] if parent else [], message, author)
    # On main a merge may have landed since `parent` was read: it must not be lost.
    expected = parent if ref == MAIN else now
    process.run(path, "update-ref", "--end-of-options", ref, sha, expected or ZERO)
    return sha


def _tree_with(path: Path, files: Mapping[str, bytes | None], parent: str | None) -> str:
    """The tree of `parent` with `files` set, built in an index of its own."""
    with tempfile.TemporaryDirectory(prefix="touchstone-index-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        if parent is not None:
            process.run(path, "read-tree", "--end-of-options", _full(parent), more=index)
        rows = []
        for name, content in files.items():
            if content is None:
                rows.append(f"0 {ZERO}\t{name}")
            else:
                rows.append(
                    f"100644 {process.run(path, 'hash-object', '-w', '--stdin', stdin=content)}\t{name}"
                )
        process.run(
            path, "update-index", "-z", "--index-info", stdin="\0".join([*rows, ""]).encode(), more=index
        )
        return process.run(path, "write-tree", more=index)


def _commit_tree(path: Path, tree: str, parents: Sequence[str], message: str, author: User | None) -> str:
    fixed = [argument for parent in parents for argument in ("-p", _full(parent))]
    return process.run(
        path, "commit-tree", tree, *fixed, "-F", "-", stdin=message.encode(), more=_signature(author)
    )


def _signature(author: User | None) -> dict[str, str]:
    """The person wrote it, the hub made the commit."""
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    hub = ("Touchstone", f"hub@users.noreply.{host}")
    person = hub
    if author is not None:  # git refuses a name of nothing but punctuation
        name = author.shown_name if any(map(str.isalnum, author.shown_name)) else author.username
        person = (name, f"{author.username}@users.noreply.{host}")
    return {
        "GIT_AUTHOR_NAME": person[0],
        "GIT_AUTHOR_EMAIL": person[1],
        "GIT_COMMITTER_NAME": hub[0],
        "GIT_COMMITTER_EMAIL": hub[1],
    }


# --- Objects of GitPython ----------------------------------------------------------------------------------


@contextmanager
def _reading(slug: str) -> Iterator[Repo]:
    path = path_of(slug)
    try:
        with Repo(path, expand_vars=False) as repo:
            repo.git.update_environment(**process.environment(path))
            yield repo
    except (GitError, ODBError, ValueError) as error:  # no repository, or an object is missing or damaged
        raise GitFailed(f"{slug}: {type(error).__name__}: {error}") from error


def _commit(repo: Repo, sha: str) -> Commit:
    try:
        return repo.commit(sha)
    except (BadName, BadObject, ValueError) as error:
        raise UnknownCommit(f"{Path(repo.git_dir).stem}: there is no commit {sha}") from error


def _line_of(commit: Commit) -> CommitLine:
    message = commit.message if isinstance(commit.message, str) else shown(commit.message)
    subject = message.strip().split("\n", 1)[0]
    return CommitLine(commit.hexsha, commit.author.name or "", _authored(commit), subject)


def _authored(commit: Commit) -> datetime:
    """When the author says that it was; the dawn of time for a year that no calendar of ours has."""
    try:
        return commit.authored_datetime
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _read_files(folder: Tree, skip: int) -> Bundle:
    files: Bundle = {}
    total = 0
    for entry in _leaves(folder):
        name = str(entry.path)[skip:]
        if not isinstance(entry, Blob) or entry.mode not in REGULAR:
            raise UnfitTree(f"{entry.path!r} is a link or a submodule: only regular files are taken")
        if not name.isprintable():  # a surrogate stands for a byte that is not UTF-8
            raise UnfitTree(f"{entry.path!r} is not a plain UTF-8 name")
        total += entry.size
        if len(files) >= BUNDLE_FILES_MOST or total > BUNDLE_BYTES_MOST:
            raise UnfitTree(
                f"{folder.path!r} holds more than {BUNDLE_FILES_MOST} files or {BUNDLE_BYTES_MOST} bytes"
            )
        files[name] = entry.data_stream.read()
    return files


def _leaves(folder: Tree) -> Iterator[Blob | Submodule]:
    for entry in folder:
        if isinstance(entry, Tree):
            yield from _leaves(entry)
        else:
            yield entry
