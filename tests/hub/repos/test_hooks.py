"""The hook without the door: it agrees with the rest of the hub, and a failure in it refuses."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from hub.core import ids, refs
from hub.repos.access import POLICY_BYTES_MOST, Policy, PolicyTooLong, allowed_for
from hub.repos.door import HOOKS
from hub.repos.hooks import content, pre_receive

LINE = f"{pre_receive.ZERO} {'1' * 40} refs/heads/alice/fast\n".encode()


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [str(HOOKS / "pre-receive")], input=LINE, cwd=folder, capture_output=True, check=False,
        env={"PATH": "/usr/bin:/bin", "TOUCHSTONE_PYTHON": sys.executable, **environment},
    )  # fmt: skip


def test_the_hook_can_be_run_as_git_runs_it() -> None:
    mode = subprocess.run(
        ["git", "ls-files", "-s", "pre-receive"], cwd=HOOKS, capture_output=True, text=True, check=True
    ).stdout
    assert mode.startswith("100755"), "git checks it out without the right to run it"


@pytest.mark.parametrize("policy", [None, "", "{}", "not json"])
def test_a_hook_without_its_policy_refuses(tmp_path: Path, policy: str | None) -> None:
    done = run(tmp_path, **({} if policy is None else {"TOUCHSTONE_POLICY": policy}))
    assert done.returncode == 1
    assert "failed on our side. It is not your fault" in done.stderr.decode()
    assert "不是你的问题" in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_a_hook_outside_of_any_repository_refuses(tmp_path: Path) -> None:
    policy = Policy("halve", "alice", ("solutions/alice/*",), 5, 100).to_json()
    done = run(tmp_path, TOUCHSTONE_POLICY=policy)
    assert done.returncode == 1
    assert "failed on our side" in done.stderr.decode()


def test_the_hook_knows_topics_as_the_hub_does() -> None:
    assert pre_receive.TOPIC.pattern == ids.TOPIC.pattern
    policy = {"username": "alice", "ended": {}}
    for topic in ("a", "a..b", "a.lock", "A", ".a", "a_b", "x" * 63, "x" * 64, "a b", "é"):
        ref = f"refs/heads/alice/{topic}"
        try:
            pre_receive.check_name(pre_receive.Update(f"{pre_receive.ZERO} {'1' * 40} {ref}"), policy)
            taken = True
        except pre_receive.Refused:
            taken = False
        assert taken == (refs.branch_of(ref) is not None), topic


def test_the_hook_needs_nothing_but_the_standard_library() -> None:
    for path in HOOKS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or name.startswith("hub.repos.hooks"), f"{path}: {name}"


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [("solutions/alice/*", b"solutions/alice/"), ("a/b?/c*", b"a/"), ("*.c", b""), ("a/b.c", b"a/")],
)
def test_the_folder_of_a_pattern_is_what_comes_before_its_first_wildcard(pattern: str, folder: bytes) -> None:
    assert content._folder(pattern) == folder


def test_a_policy_that_does_not_fit_the_environment_is_told() -> None:
    ended = {f"topic-{number}": f"merged {'1' * 40}" for number in range(POLICY_BYTES_MOST // 50)}
    policy = Policy("halve", "alice", ("solutions/alice/*",), 5, 100, ended=ended)
    with pytest.raises(PolicyTooLong, match="You have 2000 finished pull requests on halve"):
        policy.to_json()


def test_the_username_is_filled_into_the_allowed_paths() -> None:
    assert allowed_for("alice", ("solutions/{username}/*", "docs/*")) == ("solutions/alice/*", "docs/*")
