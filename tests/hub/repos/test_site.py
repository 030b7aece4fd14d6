"""The door as the site wires it: real tasks and claims, pull requests that exist when `git push` returns."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from hub import flow
from hub.accounts.actions import create_token
from hub.accounts.models import User
from hub.claims.actions import claim
from hub.pulls.actions import close
from hub.pulls.models import PullRequest
from tasks.spec import read_folder
from tests import people
from tests.live import Clone

OPEN, EXCLUSIVE = "vector-add", "row-softmax"
SOURCE = b"// fast\n"


@pytest.fixture
def cast(live_site: str) -> people.Cast:
    for slug in (OPEN, EXCLUSIVE):
        flow.publish_task(slug, read_folder(settings.TASKS_DIR / slug))
    return people.create()


def clone_of(user: User, task: str, url: str, folder: Path) -> Clone:
    return Clone.of(url, task, folder / user.username, user.username, create_token(user, "test")[1])


def test_when_push_returns_its_pull_request_exists(live_site: str, cast: people.Cast, tmp_path: Path) -> None:
    clone = clone_of(cast.alice, OPEN, live_site, tmp_path)
    sha = clone.commit({"solutions/alice/solution.c": SOURCE}, "Add in chunks")
    said = clone.push("HEAD:alice/fast")
    assert f"Pull request: {live_site}/pulls/{OPEN}/alice/fast/" in said.remote, said.text
    pull = PullRequest.objects.get()
    assert (pull.author, pull.topic, pull.title) == (cast.alice, "fast", "Add in chunks")
    assert pull.patch_sets.get().head_sha == sha


@pytest.mark.slow
def test_an_exclusive_task_takes_pushes_of_its_claimants_only(
    live_site: str, cast: people.Cast, tmp_path: Path
) -> None:
    clone = clone_of(cast.alice, EXCLUSIVE, live_site, tmp_path)
    clone.commit({"solutions/alice/solution.c": SOURCE})
    said = clone.push("HEAD:alice/fast")
    assert said.code != 0
    assert f"The task {EXCLUSIVE} needs a claim before you push." in said.remote, said.text
    assert f"{live_site}/tasks/{EXCLUSIVE}/" in said.remote
    assert not PullRequest.objects.exists()
    claim(flow.Task.objects.get(slug=EXCLUSIVE), cast.alice)
    assert clone.push("HEAD:alice/fast").code == 0
    assert PullRequest.objects.count() == 1


@pytest.mark.slow
def test_a_closed_pull_request_takes_no_push(live_site: str, cast: people.Cast, tmp_path: Path) -> None:
    clone = clone_of(cast.alice, OPEN, live_site, tmp_path)
    clone.commit({"solutions/alice/solution.c": SOURCE})
    clone.push("HEAD:alice/fast")
    close(PullRequest.objects.get(), cast.alice)
    clone.commit({"solutions/alice/solution.c": b"// faster\n"})
    said = clone.push("HEAD:alice/fast")
    assert "the pull request of alice/fast is closed and takes no more pushes" in said.remote, said.text


@pytest.mark.slow
def test_the_limits_of_the_task_s_own_files_hold(live_site: str, cast: people.Cast, tmp_path: Path) -> None:
    clone = clone_of(cast.alice, OPEN, live_site, tmp_path)
    clone.commit({"README.md": b"mine"})
    said = clone.push("HEAD:alice/fast")
    assert "Allowed: solutions/alice/*" in said.remote, said.text
