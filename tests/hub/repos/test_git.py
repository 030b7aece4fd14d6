"""The one module that runs git: repositories, diffs, bundles and merges of whatever was committed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hub.accounts.models import User
from hub.repos import git
from hub.repos.git import MAIN, GitFailed, UnfitTree, UnknownCommit

SLUG = "halve"
BRANCH = "refs/heads/alice/fast"
OWN = "solutions/alice/solution.c"


@pytest.fixture
def main() -> str:
    return git.create(SLUG, {"README.md": b"one\ntwo\nthree\n"}, "Start")


def commit(files: dict[str, bytes | None], parent: str, ref: str = BRANCH) -> str:
    return git.commit_files(SLUG, ref, files, None, "Work", parent)


def plumb(*arguments: str, stdin: bytes = b"") -> str:
    command = ["git", f"--git-dir={git.path_of(SLUG)}", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout.decode().strip()


def commit_of_raw_tree(tree: bytes, parent: str) -> str:
    sha = plumb("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=tree)
    environment = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    command = [
        "git",
        *environment,
        f"--git-dir={git.path_of(SLUG)}",
        "commit-tree",
        sha,
        "-p",
        parent,
        "-m",
        "x",
    ]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode().strip()


def blob(content: bytes) -> bytes:
    return bytes.fromhex(plumb("hash-object", "-w", "--stdin", stdin=content))


def test_creating_again_changes_nothing(main: str) -> None:
    assert git.create(SLUG, {"other": b""}, "Again") == main
    assert git.branches(SLUG) == {MAIN: main}


@pytest.mark.parametrize("slug", ["../x", "", "-x", "a/b", "A", "x.git"])
def test_a_name_that_is_no_task_never_becomes_a_path(slug: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a task"):
        git.branches(slug)


@pytest.mark.parametrize("sha", ["--output=/tmp/x", "main", "a" * 39, "A" * 40, "refs/heads/main"])
def test_only_full_ids_reach_git(main: str, sha: str) -> None:
    for call in (
        lambda: git.commits(SLUG, main, sha),
        lambda: git.diff(SLUG, sha, main),
        lambda: git.bundle(SLUG, sha, "solutions"),
        lambda: git.merge_base(SLUG, main, sha),
        lambda: git.test_merge(SLUG, sha, main),
        lambda: git.move_main(SLUG, sha, main),
        lambda: git.keep(SLUG, sha),
    ):
        with pytest.raises(ValueError, match="is not a full commit id"):
            call()


@pytest.mark.parametrize("ref", ["refs/heads/alice", "refs/tags/v1", "HEAD", "--stdin", "refs/heads/a/../b"])
def test_only_main_and_contributors_branches_are_committed_to(main: str, ref: str) -> None:
    with pytest.raises(ValueError, match="is neither main nor a contributor's branch"):
        commit({OWN: b""}, main, ref)


def test_an_unknown_commit_is_named(main: str) -> None:
    with pytest.raises(UnknownCommit, match="there is no commit 1111"):
        git.diff(SLUG, main, "1" * 40)


def test_a_missing_repository_or_object_is_a_failure_of_git(main: str) -> None:
    head = commit({OWN: b"int y;\n"}, main)
    tree = plumb("rev-parse", f"{head}^{{tree}}")
    (git.path_of(SLUG) / "objects" / tree[:2] / tree[2:]).unlink()
    for read in (lambda: git.diff(SLUG, main, head), lambda: git.bundle(SLUG, head, "solutions/alice")):
        with pytest.raises(GitFailed, match=f"{tree}|{head}"):
            read()
    git.path_of(SLUG).rename(git.path_of("gone"))
    for read in (lambda: git.diff(SLUG, main, head), lambda: git.commits(SLUG, main, head)):
        with pytest.raises(GitFailed, match=SLUG):
            read()
    with pytest.raises(GitFailed, match="has no main"):
        git.main_sha(SLUG)


@pytest.mark.parametrize("when", ["1000000000000000 +0000", "1700000000 +9999", "0 +0000"])
def test_a_commit_of_any_date_is_read(main: str, when: str) -> None:
    tree = plumb("rev-parse", f"{main}^{{tree}}")
    raw = f"tree {tree}\nparent {main}\nauthor a <a@b> {when}\ncommitter a <a@b> {when}\n\nFar away\n"
    head = plumb("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw.encode())
    assert [line.subject for line in git.commits(SLUG, main, head)] == ["Far away"]


def test_a_commit_on_a_main_that_moved_meanwhile_is_refused(main: str) -> None:
    landed = commit({OWN: b"int x;\n"}, main, ref=MAIN)
    with pytest.raises(GitFailed, match="update-ref"):
        commit({"README.md": b"new\n"}, main, ref=MAIN)
    assert git.main_sha(SLUG) == landed


def test_committing_sets_and_removes_files_and_is_idempotent(main: str) -> None:
    first = commit({OWN: b"int y;\n", "solutions/alice/old.h": b""}, main)
    again = {OWN: b"int y;\n", "solutions/alice/old.h": b""}
    assert git.commit_files(SLUG, BRANCH, again, None, "Other words", main) == first
    second = commit({"solutions/alice/old.h": None}, first)
    assert git.bundle(SLUG, second, "solutions/alice") == {"solution.c": b"int y;\n"}
    assert git.branches(SLUG) == {MAIN: main, BRANCH: second}
    assert [line.subject for line in git.commits(SLUG, main, second)] == ["Work", "Work"]


def test_a_diff_numbers_the_lines_of_both_sides(main: str) -> None:
    head = commit({"README.md": b"one\n2\nthree\nfour"}, main)
    (file,) = git.diff(SLUG, main, head)
    assert (file.path, file.old_path, file.status, file.is_binary) == ("README.md", None, "modified", False)
    (hunk,) = file.hunks
    assert [(line.kind, line.old, line.new, line.text) for line in hunk.lines] == [
        ("context", 1, 1, "one"),
        ("removed", 2, None, "two"),
        ("added", None, 2, "2"),
        ("context", 3, 3, "three"),
        ("added", None, 4, "four"),
    ]
    assert hunk.lines[-1].ends_file_bare
    assert (file.added, file.removed) == (2, 1)


def test_a_diff_tells_added_deleted_renamed_and_binary_files(main: str) -> None:
    content = b"".join(b"line %d\n" % n for n in range(30))
    base = commit({"solutions/alice/a.c": content, "solutions/alice/gone.c": b"x\n"}, main)
    head = commit(
        {
            "solutions/alice/a.c": None,
            "solutions/alice/b.c": content,
            "solutions/alice/gone.c": None,
            "solutions/alice/new.bin": b"\0\1\2",
        },
        base,
    )
    files = {file.path.rpartition("/")[2]: file for file in git.diff(SLUG, base, head)}
    assert {name: file.status for name, file in files.items()} == {
        "b.c": "renamed", "gone.c": "deleted", "new.bin": "added",
    }  # fmt: skip
    assert files["b.c"].old_path == "solutions/alice/a.c"
    assert files["new.bin"].is_binary
    assert not files["gone.c"].is_binary


def test_what_is_not_utf_8_is_shown_with_replacement_characters(main: str) -> None:
    tree = b"100644 caf\xe9.c\0" + blob(b"// caf\xe9\nint y;\n")
    head = commit_of_raw_tree(tree, main)
    shown = {file.path: file for file in git.diff(SLUG, main, head)}
    assert set(shown) == {"README.md", "caf\ufffd.c"}
    assert [line.text for line in shown["caf\ufffd.c"].hunks[0].lines] == ["// caf\ufffd", "int y;"]
    with pytest.raises(UnfitTree, match="is not a plain UTF-8 name"):
        git.bundle(SLUG, head, "")


def test_lines_that_look_like_a_patch_stay_lines(main: str) -> None:
    text = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
    head = commit({"solutions/alice/a.patch": text}, main)
    (file,) = git.diff(SLUG, main, head)
    assert [line.text for line in file.hunks[0].lines] == text.decode().splitlines()
    assert len(file.hunks) == 1


def test_a_very_long_file_is_cut_and_says_so(main: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.repos.diffs.MAX_LINES", 10)
    head = commit({OWN: b"x\n" * 100}, main)
    (file,) = git.diff(SLUG, main, head)
    assert file.truncated
    assert len(file.hunks[0].lines) < 10


def test_attributes_in_the_tree_cannot_steer_the_diff(main: str) -> None:
    head = commit({".gitattributes": b"*.c binary diff=evil\n", OWN: b"int y;\n"}, main)
    file = next(file for file in git.diff(SLUG, main, head) if file.path == OWN)
    assert not file.is_binary


def test_a_bundle_has_the_files_under_a_folder_byte_for_byte(main: str) -> None:
    content = "// 你好\r\n".encode("gbk") + b"\0"
    head = commit({OWN: content, "solutions/alice/inc/a.h": b"", "solutions/bob/b.c": b"b"}, main)
    assert git.bundle(SLUG, head, "solutions/alice") == {"solution.c": content, "inc/a.h": b""}
    assert git.bundle(SLUG, head, "solutions/alice/") == git.bundle(SLUG, head, "solutions/alice")
    assert git.bundle(SLUG, head, "solutions/nobody") == {}


def test_a_bundle_takes_no_links_and_nothing_huge(main: str, monkeypatch: pytest.MonkeyPatch) -> None:
    link = commit_of_raw_tree(b"120000 passwd\0" + blob(b"/etc/passwd"), main)
    with pytest.raises(UnfitTree, match="'passwd' is a link or a submodule"):
        git.bundle(SLUG, link, "")
    head = commit({OWN: b"x" * 100}, main)
    monkeypatch.setattr(git, "BUNDLE_BYTES_MOST", 99)
    with pytest.raises(UnfitTree, match="more than 1000 files or 99 bytes"):
        git.bundle(SLUG, head, "solutions/alice")


def test_unrelated_histories_have_no_merge_base(main: str) -> None:
    other = git.commit_files(SLUG, BRANCH, {OWN: b""}, None, "Alone", None)
    assert git.merge_base(SLUG, main, other) is None
    assert git.merge_base(SLUG, main, commit({OWN: b"1"}, main)) == main


def test_a_merge_is_tried_committed_and_moves_main_once(main: str) -> None:
    head = commit({OWN: b"int y;\n"}, main)
    moved = git.commit_files(SLUG, MAIN, {"README.md": b"new\n"}, None, "Meanwhile", main)
    tried = git.test_merge(SLUG, moved, head)
    assert tried.conflicts == ()
    merge = git.commit_merge(SLUG, tried.tree, [moved, head], "Merge alice/fast", None)
    assert git.main_sha(SLUG) == moved
    assert not git.move_main(SLUG, merge, main)  # main is no longer there
    assert git.move_main(SLUG, merge, moved)
    assert not git.move_main(SLUG, merge, moved)
    assert git.main_sha(SLUG) == merge
    assert git.bundle(SLUG, merge, "solutions/alice") == {"solution.c": b"int y;\n"}


@pytest.mark.parametrize(
    ("name", "signed"), [("艾丽", "艾丽"), ("...", "mei"), ("a\n<b>", "ab"), ("", "mei")]
)
def test_a_merge_is_signed_whatever_the_merger_s_name_is(main: str, name: str, signed: str) -> None:
    tree = plumb("rev-parse", f"{main}^{{tree}}")
    merged = git.commit_merge(SLUG, tree, [main], "Merge", User(username="mei", display_name=name))
    assert plumb("log", "-1", "--format=%an", merged) == signed


def test_a_conflict_names_the_files(main: str) -> None:
    ours = git.commit_files(SLUG, MAIN, {"README.md": b"ours\n"}, None, "Ours", main)
    theirs = commit({"README.md": b"theirs\n"}, main)
    assert git.test_merge(SLUG, ours, theirs).conflicts == ("README.md",)


def test_an_existing_file_of_another_program_in_its_place_is_not_a_repository(tmp_path: Path) -> None:
    git.path_of(SLUG).mkdir(parents=True)
    with pytest.raises(GitFailed, match="git for-each-ref ended with 128"):
        git.branches(SLUG)
