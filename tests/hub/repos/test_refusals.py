"""Every refusal of a push, by its words as they stand in the pusher's terminal. Nothing moves then."""

from __future__ import annotations

import pytest

from tests.hub.repos.conftest import SLUG, Place
from tests.live import Clone, Said

OWN = "solutions/alice/solution.c"


def refused(place: Place, said: Said, *sentences: str) -> None:
    """The push failed, said these sentences and one in Chinese, and moved nothing but what was there."""
    assert said.code != 0, said.text
    for sentence in sentences:
        assert sentence in said.remote, said.text
    assert "推送被拒绝" in said.remote, said.text
    assert "Pull request:" not in said.remote


@pytest.fixture
def clone(place: Place) -> Clone:
    clone = place.clone()
    clone.commit({OWN: b"int y;\n"})
    return clone


# Where somebody may try to push, and what they are told.
TARGETS = {
    "heads/main": ["main is not yours to push", "git push origin HEAD:alice/my-solution"],
    "heads/my-fix": ["my-fix is not yours to push", "git push origin HEAD:alice/my-fix"],
    "heads/bob/fast": ["bob/fast is not yours to push", "git push origin HEAD:alice/fast"],
    "heads/alice": ["alice is not yours to push", "git push origin HEAD:alice/my-solution"],
    "heads/alice/Fast_One!": ["alice/Fast_One! cannot be a branch here", "HEAD:alice/fast-one"],
    "heads/alice/a/b": ["alice/a/b cannot be a branch here", "no further slash", "HEAD:alice/a-b"],
    "for/main": ["refs/for/main is not needed here", "git push origin HEAD:alice/my-solution"],
    "tags/v1": ["refs/tags/v1 is not a branch", "git push origin HEAD:alice/my-solution"],
    "notes/commits": ["refs/notes/commits is not a branch"],
}


def test_only_the_own_namespace_is_open(place: Place, clone: Clone) -> None:
    said = clone.push(*(f"HEAD:refs/{target}" for target in TARGETS))  # all in one push
    refused(place, said, *(sentence for sentences in TARGETS.values() for sentence in sentences))
    assert set(place.branches()) == {"refs/heads/main"}


@pytest.mark.slow
def test_another_person_s_branch_is_refused_although_it_exists(place: Place, clone: Clone) -> None:
    bob = place.clone("bob")
    theirs = bob.commit({"solutions/bob/solution.c": b"int z;\n"})
    assert bob.push("HEAD:bob/fast").code == 0
    refused(place, clone.push("--force", "HEAD:bob/fast"), "bob/fast is not yours to push")
    assert place.branches()["refs/heads/bob/fast"] == theirs


def test_without_the_needed_claim_nothing_is_taken(place: Place, clone: Clone) -> None:
    place.rules.refusal = "The task halve needs a claim before you push."
    said = clone.push("HEAD:alice/fast")
    refused(place, said, "The task halve needs a claim before you push.", f"{place.url}/tasks/{SLUG}/")


def test_a_merged_branch_is_named_although_its_claim_is_over_too(place: Place, clone: Clone) -> None:
    place.rules.refusal, place.rules.ended = (
        "The task halve needs a claim before you push.",
        {"fast": "merged 0123"},
    )
    said = clone.push("HEAD:alice/fast")
    refused(
        place, said, "pull request of alice/fast was merged as 0123", "halve needs a claim before you push"
    )


def test_files_outside_the_allowed_paths_are_listed_with_what_is_allowed(place: Place, clone: Clone) -> None:
    clone.commit({"README.md": b"mine", "solutions/bob/x.c": b"", **{f"new/{n}.c": b"" for n in range(20)}})
    said = clone.push("HEAD:alice/fast")
    refused(
        place, said, "22 changed file(s) outside", "README.md", "… and 12 more", "Allowed: solutions/alice/*"
    )


@pytest.mark.slow
def test_the_cure_for_files_outside_cures_new_and_changed_ones(place: Place, clone: Clone) -> None:
    clone.commit({"README.md": b"mine", "notes.md": b"new"})
    said = clone.push("HEAD:alice/fast")
    refused(place, said, "git checkout origin/main -- <changed file>", "git rm --cached <new file>")
    clone.get("checkout", "origin/main", "--", "README.md")
    clone.get("rm", "--cached", "notes.md")
    clone.get("commit", "-q", "-m", "Undo the rest")
    said = clone.push("HEAD:alice/fast")
    assert said.code == 0, said.text


@pytest.mark.slow
def test_deleting_a_file_of_main_is_outside_too(place: Place, clone: Clone) -> None:
    clone.get("rm", "-q", "starter/c/solution.c")
    clone.commit({})
    refused(place, clone.push("HEAD:alice/fast"), "1 changed file(s) outside", "starter/c/solution.c")


def test_a_file_over_the_limit_is_named_with_its_size_and_the_limit(place: Place, clone: Clone) -> None:
    clone.commit({"solutions/alice/weights.bin": b"x" * 20_001})
    said = clone.push("HEAD:alice/fast")
    refused(place, said, "solutions/alice/weights.bin has 20,001 bytes; the limit is 20,000 bytes")


@pytest.mark.slow
def test_a_large_file_that_a_later_commit_removed_is_still_refused(place: Place, clone: Clone) -> None:
    clone.commit({"solutions/alice/weights.bin": b"x" * 30_000})
    clone.get("rm", "-q", "solutions/alice/weights.bin")
    clone.commit({})
    refused(place, clone.push("HEAD:alice/fast"), "weights.bin has 30,000 bytes", "git rebase -i origin/main")


@pytest.mark.slow
def test_files_over_the_limit_together_are_refused_with_the_largest(place: Place, clone: Clone) -> None:
    clone.commit({f"solutions/alice/{n}.h": b"x" * (9_000 + n) for n in range(3)})
    said = clone.push("HEAD:alice/fast")
    refused(
        place,
        said,
        "have 27,010 bytes together; the limit of this task is 20,000 bytes",
        "alice/2.h with 9,002",
    )


@pytest.mark.slow
def test_too_many_files_are_refused(place: Place, clone: Clone) -> None:
    clone.commit({f"solutions/alice/{n}.h": b"" for n in range(5)})
    refused(place, clone.push("HEAD:alice/fast"), "solutions/alice/ holds more than 5 files")


@pytest.mark.parametrize(
    ("how", "sentences"),
    [
        ("merged 0123456789abcdef", ["pull request of alice/fast was merged as 0123456789ab"]),
        pytest.param("closed", ["pull request of alice/fast is closed"], marks=pytest.mark.slow),
    ],
)
def test_a_branch_of_an_ended_pull_request_takes_no_push(
    place: Place, clone: Clone, how: str, sentences: list[str]
) -> None:
    assert clone.push("HEAD:alice/fast").code == 0
    before = place.branches()
    place.rules.ended = {"fast": how}
    clone.commit({OWN: b"int again;\n"})
    refused(place, clone.push("HEAD:alice/fast"), *sentences, "HEAD:alice/fast-2")
    clone.get("commit", "-q", "--amend", "-m", "Rewritten")  # not a fast-forward
    refused(place, clone.push("--force", "HEAD:alice/fast"), *sentences)
    assert place.branches() == before


@pytest.mark.slow
def test_a_branch_is_not_deleted(place: Place, clone: Clone) -> None:
    clone.push("HEAD:alice/fast")
    refused(place, clone.push("--delete", "alice/fast"), "alice/fast cannot be deleted")
    assert "refs/heads/alice/fast" in place.branches()


@pytest.mark.slow
def test_more_than_the_allowed_number_of_branches_is_refused(place: Place, clone: Clone) -> None:
    assert clone.push("HEAD:alice/a", "HEAD:alice/b", "HEAD:alice/c").code == 0
    refused(place, clone.push("HEAD:alice/d"), "you have 3 open branches on this task, and 3 is the most")
    place.rules.ended = {"a": "closed"}
    assert clone.push("HEAD:alice/d").code == 0


@pytest.mark.slow
def test_a_push_of_several_branches_is_taken_whole_or_not_at_all(place: Place, clone: Clone) -> None:
    said = clone.push("HEAD:alice/a", "HEAD:bob/b")
    refused(place, said, "bob/b is not yours to push")
    assert set(place.branches()) == {"refs/heads/main"}


@pytest.mark.slow
def test_a_branch_without_any_change_has_nothing_to_judge(place: Place) -> None:
    clone = place.clone()
    refused(
        place,
        clone.push("HEAD:alice/fast"),
        "alice/fast has nothing that main does not have",
        "solutions/alice/",
    )
    clone.get("commit", "-q", "--allow-empty", "-m", "Nothing")
    refused(place, clone.push("HEAD:alice/fast"), "there is nothing to judge")


def test_unrelated_history_is_refused_with_the_way_out(place: Place, clone: Clone) -> None:
    clone.get("checkout", "-q", "--orphan", "own")
    clone.commit({OWN: b"int z;\n"})
    said = clone.push("HEAD:alice/fast")
    refused(place, said, "share no history with main", f"git clone {place.url}/git/{SLUG}.git")


# File names and kinds, made with plumbing where git itself would not make them.


def commit_of(clone: Clone, tree: str) -> str:
    """A commit on main whose folder solutions/alice is this tree."""
    solutions = clone.get("mktree", stdin=f"040000 tree {tree}\talice\n".encode())
    root = f"{clone.get('ls-tree', 'origin/main')}\n040000 tree {solutions}\tsolutions\n"
    return clone.get(
        "commit-tree", clone.get("mktree", stdin=root.encode()), "-p", "origin/main", "-m", "Crafted"
    )


def tree_commit(clone: Clone, entries: bytes) -> str:
    return commit_of(clone, clone.get("mktree", "-z", "--missing", stdin=entries))


def entry(clone: Clone, name: bytes, mode: str = "100644", kind: str = "blob") -> bytes:
    sha = clone.get("hash-object", "-w", "--stdin", stdin=b"int y;\n") if kind == "blob" else "1" * 40
    return f"{mode} {kind} {sha}\t".encode() + name + b"\0"


NAMES = {
    b"caf\xe9.c": r"caf\xe9.c is not taken: it is not UTF-8",
    b"a\nb.c": r"a\nb.c is not taken: it holds a control or invisible character",
    b"a\x1b[31m.c": r"a\x1b[31m.c is not taken: it holds a control or invisible character",
    "a\u202ec.c".encode(): r"a\u202ec.c is not taken: it holds a control or invisible character",
    "a\u200b.c".encode(): r"a\u200b.c is not taken: it holds a control or invisible character",
    b"..\\up.c": r"..\up.c is not taken: it holds a backslash or a colon",
    b".gitattributes": ".gitattributes is not taken: names that configure git are not taken",
    b"x" * 200 + b".c": "at most 200 bytes and 8 levels",
}


@pytest.mark.slow
def test_names_that_deceive_or_climb_are_refused(place: Place, clone: Clone) -> None:
    place.rules.branches_most = len(NAMES)
    commits = [tree_commit(clone, entry(clone, name)) for name in NAMES]
    said = clone.push(*(f"{sha}:refs/heads/alice/{number}" for number, sha in enumerate(commits)))
    refused(place, said, *NAMES.values())
    assert said.remote.count("git mv <old> <new>") == len(NAMES)


# git's own client refuses to make such trees, and the hub's git refuses to take them.
TRAVERSALS = {
    b"..": "contains '..'",
    b".": "contains '.'",
    b".git": "contains '.git'",
    b"../../etc/passwd": "contains full pathnames",
}


@pytest.mark.slow
def test_names_that_traverse_are_refused_by_git_itself(place: Place, clone: Clone) -> None:
    sha = clone.get("hash-object", "-w", "--stdin", stdin=b"int y;\n")
    for name, complaint in TRAVERSALS.items():
        inner = b"100644 " + name + b"\0" + bytes.fromhex(sha)
        tree = clone.get("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=inner)
        said = clone.push(f"{commit_of(clone, tree)}:refs/heads/alice/fast")
        refused(place, said, complaint, "no file or folder in it is named . or .. or .git")
    assert set(place.branches()) == {"refs/heads/main"}


@pytest.mark.slow
def test_names_that_differ_only_in_case_are_refused(place: Place, clone: Clone) -> None:
    sha = tree_commit(clone, entry(clone, b"Fast.h") + entry(clone, b"fast.h"))
    refused(place, clone.push(f"{sha}:refs/heads/alice/fast"), "fast.h is not taken: it differs from")


@pytest.mark.slow
def test_links_and_submodules_are_refused(place: Place, clone: Clone) -> None:
    link = tree_commit(clone, entry(clone, b"link.c", mode="120000"))
    said = clone.push(f"{link}:refs/heads/alice/fast")
    refused(place, said, "link.c is a symbolic link; only regular files are taken")
    module = tree_commit(clone, entry(clone, b"sub", mode="160000", kind="commit"))
    said = clone.push(f"{module}:refs/heads/alice/fast")
    refused(place, said, "sub is a submodule; only regular files are taken")


@pytest.mark.slow
def test_an_executable_file_is_taken(place: Place, clone: Clone) -> None:
    sha = tree_commit(clone, entry(clone, b"solution.c", mode="100755"))
    assert clone.push(f"{sha}:refs/heads/alice/fast").code == 0


@pytest.mark.slow
def test_sources_that_are_not_utf_8_are_taken(place: Place, clone: Clone) -> None:
    """Old sources are often in GBK or Latin-1; that is for the compiler to judge."""
    clone.commit({OWN: "// 你好\n".encode("gbk")})
    assert clone.push("HEAD:alice/fast").code == 0
