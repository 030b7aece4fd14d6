"""Clone and push through the served door with a real git client."""

from __future__ import annotations

from hub.repos import git
from hub.repos.models import Push
from tests.hub.repos.conftest import SLUG, Place


def test_anybody_clones_without_a_token(place: Place) -> None:
    clone = place.reader()
    assert (clone.folder / "README.md").read_bytes() == b"Halve every number.\n"


def test_a_push_to_the_own_namespace_is_taken_and_answered_with_the_pull_request(place: Place) -> None:
    clone = place.clone()
    sha = clone.commit({"solutions/alice/solution.c": b"int y;\n"})
    said = clone.push("HEAD:alice/fast")
    assert said.code == 0, said.text
    assert f"Pull request: {place.url}/pulls/{SLUG}/alice/fast/" in said.remote
    assert "The judge starts now; follow it live there." in said.remote
    assert "评测已开始" in said.remote
    assert git.branches(SLUG)["refs/heads/alice/fast"] == sha
    push = Push.objects.get()
    assert (push.user.username, push.ref, push.old, push.new) == (
        "alice",
        "refs/heads/alice/fast",
        git.ZERO,
        sha,
    )
