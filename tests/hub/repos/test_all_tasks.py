"""Maintainers clone all tasks and push revisions; the checker's messages stand in their terminal."""

from __future__ import annotations

import os
import subprocess
import uuid
from pathlib import Path

import pytest

from hub import publishing
from hub.accounts.actions import create_token
from hub.accounts.models import User
from hub.catalog.models import Task, TaskRevision
from hub.catalog.queries import files_of
from hub.repos import collection, git
from hub.repos.task_hooks import pre_receive
from tasks.spec import read_folder
from tests.hub.conftest import TASKS
from tests.hub.story import Story
from tests.live import Clone
from tests.people import Cast

FILES = read_folder(TASKS / "vector-add")


@pytest.fixture
def commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """Commits files on nothing in a repository of its own, in which the hook's git runs; gives the sha."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    who = {f"GIT_{role}_{part}": "max@x" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}

    def made(files: dict[str, bytes], link: str = "") -> str:
        subprocess.run(["git", "rm", "-rqf", "--ignore-unmatch", "."], check=True)
        for name, content in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(content)
        if link:
            os.symlink("/etc/passwd", link)
        subprocess.run(["git", "add", "-Af"], check=True)
        subprocess.run(["git", "commit", "-qm", "x", "--allow-empty"], check=True, env={**os.environ, **who})
        return (
            subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True)
            .stdout.decode()
            .strip()
        )

    return made


def under(slug: str, files: dict[str, bytes] = FILES) -> dict[str, bytes]:
    return {f"{slug}/{name}": content for name, content in files.items()}


def test_only_tasks_that_changed_are_looked_at(commit: object) -> None:
    wrong = under("old-and-wrong", {"task.toml": b"?"})
    first = commit(wrong | {"README.md": b"a"})  # type: ignore[operator]
    second = commit(wrong | under("vector-add") | {"README.md": b"b"})  # type: ignore[operator]
    assert pre_receive.check(first, second, pre_receive.MAIN, {}) == ["vector-add"]
    assert pre_receive.check(second, second, pre_receive.MAIN, {}) == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"task.toml": FILES["task.toml"].replace(b"level = ", b"level = 9")},
            "tasks/vector-add/task.toml: level",
        ),
        ({"statement.zh.md": b"\xff"}, "tasks/vector-add/statement.zh.md"),
        ({"big.c": b"0" * (pre_receive.BYTES_MOST + 1)}, "a task is text"),
    ],
)
def test_mistakes_are_said_by_file_and_key(commit: object, files: dict[str, bytes], said: str) -> None:
    sha = commit(under("vector-add", FILES | files))  # type: ignore[operator]
    with pytest.raises(pre_receive.Refused) as refused:
        pre_receive.check(pre_receive.ZERO, sha, pre_receive.MAIN, {})
    assert said in "\n".join(refused.value.args)


def test_links_foreign_ids_other_branches_and_lost_folders_are_refused(commit: object) -> None:
    known = {"vector-add": ["digest", str(uuid.uuid4())]}
    whole = commit(under("vector-add"))  # type: ignore[operator]
    linked = commit(under("vector-add"), link="vector-add/more.c")  # type: ignore[operator]
    empty = commit({"README.md": b""})  # type: ignore[operator]
    plain = commit({"notes/a.md": b""})  # type: ignore[operator]
    for old, new, ref, facts, said in (
        (pre_receive.ZERO, linked, pre_receive.MAIN, {}, "a link or a submodule"),
        (pre_receive.ZERO, whole, pre_receive.MAIN, known, "is new for this task"),
        (pre_receive.ZERO, whole, "refs/heads/mine", {}, "HEAD:main"),
        (whole, pre_receive.ZERO, pre_receive.MAIN, {}, "HEAD:main"),
        (whole, empty, pre_receive.MAIN, known, "retire_task vector-add"),
        (pre_receive.ZERO, plain, pre_receive.MAIN, {}, "task.toml"),
    ):
        with pytest.raises(pre_receive.Refused) as refused:
            pre_receive.check(old, new, ref, facts)
        assert said in "\n".join(refused.value.args)


def test_the_repository_follows_what_is_published_and_a_push_is_published(story: Story, cast: Cast) -> None:
    publishing.mirror()
    main = git.main_sha(collection.TASKS)
    assert git.bundle(collection.TASKS, main, "vector-add") == FILES
    publishing.mirror()
    assert git.main_sha(collection.TASKS) == main
    changed = FILES | {"statement.en.md": FILES["statement.en.md"] + b"More.\n"}
    pushed = {"vector-add/statement.en.md": changed["statement.en.md"]}
    git.commit_files(collection.TASKS, "refs/heads/main", pushed, cast.max, "More", main)
    publishing.absorb(cast.max)
    story.task.refresh_from_db()
    assert files_of(story.task.current) == changed
    assert collection.known()["vector-add"][0] == story.task.current.digest
    publishing.absorb(cast.max)  # again: nothing is left to do
    assert TaskRevision.objects.count() == 2


@pytest.mark.slow
def test_a_push_older_than_what_the_form_published_is_undone(story: Story, cast: Cast) -> None:
    publishing.mirror()
    by_form = FILES | {"statement.en.md": FILES["statement.en.md"] + b"By form.\n"}
    publishing.publish("vector-add", by_form, cast.max, story.task.current.digest)
    pushed = {"vector-add/statement.en.md": FILES["statement.en.md"] + b"By push.\n"}
    main = git.main_sha(collection.TASKS)
    git.commit_files(collection.TASKS, "refs/heads/main", pushed, cast.max, "More", main)
    publishing.absorb(cast.max)
    story.task.refresh_from_db()
    assert files_of(story.task.current) == by_form
    publishing.mirror()
    assert git.bundle(collection.TASKS, git.main_sha(collection.TASKS), "vector-add") == by_form


def test_no_task_takes_the_name_of_the_repository(db: None) -> None:
    assert "repository of all tasks" in publishing.problems("tasks", FILES)[0].text


@pytest.mark.slow
def test_maintainers_push_and_read_the_checkers_messages_and_others_do_not_enter(
    live_site: str, tmp_path: Path
) -> None:
    from hub import flow

    max_ = User.objects.create_user(username="max", is_maintainer=True)
    alice = User.objects.create_user(username="alice")
    flow.publish_task("vector-add", FILES)
    stranger = subprocess.run(
        ["git", "ls-remote", f"{live_site}/git/tasks.git"],
        capture_output=True, check=False, env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
    )  # fmt: skip
    assert stranger.returncode != 0
    with pytest.raises(AssertionError, match="Only maintainers publish tasks"):
        Clone.of(live_site, "tasks", tmp_path / "alice", "alice", create_token(alice, "t")[1])
    clone = Clone.of(live_site, "tasks", tmp_path / "max", "max", create_token(max_, "t")[1])
    toml = FILES["task.toml"]
    clone.commit({"vector-add/task.toml": toml.replace(b"level = ", b"level = 9")})
    said = clone.push("HEAD:main")
    assert said.code != 0
    assert "tasks/vector-add/task.toml: level: 9" in said.remote, said.text
    clone.commit(
        {"vector-add/task.toml": toml, "vector-add/statement.en.md": FILES["statement.en.md"] + b"More.\n"}
    )
    said = clone.push("HEAD:main")
    assert said.code == 0, said.text
    assert f"{live_site}/tasks/vector-add/" in said.remote
    assert files_of(Task.objects.get().current)["statement.en.md"].endswith(b"More.\n")
