"""Clone, fetch and push through the served door with a real git client: what is taken, what is seen."""

from __future__ import annotations

import gc
import gzip
import random
import subprocess
import urllib.request
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import pytest_django

from hub.core import clock
from hub.repos import git
from hub.repos.models import Push
from tests.hub.repos.conftest import SLUG, Place
from tests.hub.repos.test_refusals import refused
from tests.live import Clone, Said

OWN = "solutions/alice/solution.c"


def noise(count: int) -> bytes:
    """Bytes that do not compress."""
    return random.Random(1).randbytes(count)


def test_anybody_clones_without_a_token(place: Place) -> None:
    clone = place.reader()
    assert (clone.folder / "README.md").read_bytes() == b"Halve every number.\n"


@pytest.mark.parametrize("version", ["0", "1", "2"])
@pytest.mark.slow
def test_every_protocol_version_clones_and_pushes(place: Place, version: str) -> None:
    clone = place.clone()
    clone.get("config", "protocol.version", version)
    sha = clone.commit({OWN: b"int y;\n"})
    assert clone.push("HEAD:alice/fast").code == 0
    clone.get("fetch", "-q", "origin")
    assert clone.get("rev-parse", "origin/alice/fast") == sha


def test_a_push_to_the_own_namespace_is_taken_and_answered_with_the_pull_request(place: Place) -> None:
    clone = place.clone()
    sha = clone.commit({OWN: b"int y;\n"})
    said = clone.push("HEAD:alice/fast")
    assert said.code == 0, said.text
    assert f"Pull request: {place.url}/pulls/{SLUG}/alice/fast/" in said.remote
    assert "The judge starts now; follow it live there." in said.remote
    assert "评测已开始" in said.remote
    assert place.branches()["refs/heads/alice/fast"] == sha


def test_when_push_returns_it_is_absorbed_and_written_down(place: Place) -> None:
    clone = place.clone()
    first = clone.commit({OWN: b"int y;\n"})
    clone.push("HEAD:alice/fast")
    assert place.rules.absorbed == [SLUG]
    second = clone.commit({OWN: b"int z;\n"})
    clone.push("HEAD:alice/fast")
    rows = Push.objects.order_by("id").values_list("user__username", "ref", "old", "new")
    ref = "refs/heads/alice/fast"
    assert list(rows) == [("alice", ref, git.ZERO, first), ("alice", ref, first, second)]


@pytest.mark.slow
def test_a_forced_push_is_taken_and_the_older_head_stays_readable(place: Place) -> None:
    clone = place.clone()
    older = clone.commit({OWN: b"int y;\n"})
    clone.push("HEAD:alice/fast")
    clone.get("commit", "-q", "--amend", "-m", "Better")
    assert clone.push("HEAD:alice/fast").code != 0  # git's own client asks for --force
    assert clone.push("--force", "HEAD:alice/fast").code == 0
    subprocess.run(["git", f"--git-dir={git.path_of(SLUG)}", "gc", "-q", "--prune=now"], check=True)
    assert git.bundle(SLUG, older, "solutions/alice") == {"solution.c": b"int y;\n"}


@pytest.mark.slow
def test_merging_main_into_one_s_branch_is_fine(place: Place) -> None:
    clone = place.clone()
    clone.commit({OWN: b"int y;\n"})
    main = git.main_sha(SLUG)
    git.commit_files(
        SLUG, git.MAIN, {"solutions/bob/solution.c": b"int b;\n"}, place.cast.bob, "Merge bob", main
    )
    clone.get("pull", "-q", "--no-rebase", "--no-edit", "origin", "main")
    said = clone.push("HEAD:alice/fast")
    assert said.code == 0, said.text


@pytest.mark.slow
def test_a_push_with_nothing_new_is_harmless(place: Place) -> None:
    clone = place.clone()
    clone.commit({OWN: b"int y;\n"})
    clone.push("HEAD:alice/fast")
    said = clone.push("HEAD:alice/fast")
    assert said.code == 0
    assert "Everything up-to-date" in said.text
    assert Push.objects.count() == 1


@pytest.mark.slow
def test_a_large_push_comes_in_chunks(place: Place) -> None:
    """Above http.postBuffer git sends chunks of unknown total, after a small probe whether it may."""
    place.rules.max_bytes = 5_000_000
    clone = place.clone()
    content = noise(3_000_000)
    sha = clone.commit({"solutions/alice/table.bin": content})
    said = clone.push("HEAD:alice/fast")
    assert said.code == 0, said.text
    assert git.bundle(SLUG, sha, "solutions/alice") == {"table.bin": content}
    assert place.reader().get("rev-parse", "origin/alice/fast") == sha


def test_a_gzipped_request_is_understood(place: Place) -> None:
    """git's client gzips what it sends when it is long, such as a long list of what it has."""
    want = f"want {git.main_sha(SLUG)} no-progress\n"
    answer = ask_for_pack(
        place, gzip.compress(pkt(want) + b"0000" + pkt("done\n")), {"Content-Encoding": "gzip"}
    )
    assert b"PACK" in answer


def pkt(line: str) -> bytes:
    return f"{len(line) + 4:04x}{line}".encode()


def ask_for_pack(place: Place, body: bytes, headers: dict[str, str]) -> bytes:
    request = urllib.request.Request(
        f"{place.url}/git/{SLUG}.git/git-upload-pack",
        data=body,
        headers={"Content-Type": "application/x-git-upload-pack-request", **headers},
    )
    with urllib.request.urlopen(request) as answer:
        return bytes(answer.read())


@pytest.mark.slow
def test_pushes_at_the_same_moment_are_all_taken(place: Place) -> None:
    clones = [place.clone("alice"), place.clone("bob"), place.clone("mei"), place.clone("max")]
    for clone in clones:
        clone.commit({f"solutions/{clone.username}/solution.c": b"int y;\n"})
    with ThreadPoolExecutor(len(clones)) as pool:
        said = list(pool.map(lambda clone: clone.push(f"HEAD:{clone.username}/fast"), clones))
    assert [one.code for one in said] == [0] * 4, [one.text for one in said]
    assert len(place.branches()) == 5
    assert Push.objects.count() == 4


def test_an_absorption_that_fails_does_not_fail_the_push(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    clone = place.clone()
    clone.commit({OWN: b"int y;\n"})
    place.rules.absorbed = None  # type: ignore[assignment]  # so that on_push raises
    assert clone.push("HEAD:alice/fast").code == 0
    assert f"A push to {SLUG} could not be absorbed" in caplog.text


# Who may come in


def ask(place: Place, username: str, token: str) -> Said:
    folder = place.folder
    address = place.url.replace("//", f"//{username}:{token}@")
    return Clone(folder, username, token)("push", f"{address}/git/{SLUG}.git", "main:refs/heads/alice/x")


@pytest.fixture
def home(place: Place) -> Place:
    """A repository of one's own to push from, in the test's folder."""
    Clone(place.folder, "", "").get("init", "-q", "-b", "main")
    Clone(place.folder, "", "").get(
        "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "x"
    )
    return place


def test_a_push_without_a_token_is_asked_for_one(home: Place) -> None:
    said = Clone(home.folder, "", "")("push", f"{home.url}/git/{SLUG}.git", "main:refs/heads/alice/x")
    assert said.code != 0
    assert "could not read Username" in said.text


def test_a_token_that_is_not_good_is_refused_with_the_reason(home: Place) -> None:
    where = f"Make a token at {home.url}/settings/tokens/ and give it as the password."
    said = ask(home, "alice", "ts_wrong")
    assert f"This token is unknown. {where}" in said.remote, said.text

    said = ask(home, "alice", "green-tea-and-granite")
    assert "That is not a personal token. git does not take the password of the site" in said.remote, (
        said.text
    )
    assert where in said.remote

    said = ask(home, "bob", home.token("alice"))
    assert "This token belongs to alice, and you gave the username bob." in said.remote

    home.cast.alice.tokens.update(expires_at=clock.now())
    said = ask(home, "alice", home.token("alice"))
    assert f"The token “test” expired on {clock.now():%Y-%m-%d}. {where}" in said.remote

    home.cast.alice.tokens.update(expires_at=None, revoked_at=clock.now())
    said = ask(home, "alice", home.token("alice"))
    assert f"The token “test” was revoked on {clock.now():%Y-%m-%d}. {where}" in said.remote
    assert "Authentication failed" in said.text


def test_the_token_alone_is_enough(place: Place) -> None:
    clone = place.clone()
    clone.commit({OWN: b"int y;\n"})
    address = place.url.replace("//", f"//{place.token('alice')}:@")
    said = clone("push", f"{address}/git/{SLUG}.git", "HEAD:refs/heads/alice/fast")
    assert said.code == 0, said.text


def test_an_unknown_task_is_named(home: Place) -> None:
    said = Clone(home.folder, "", "")("clone", f"{home.url}/git/no-such-task.git")
    assert f"There is no task “no-such-task” here. All tasks: {home.url}/tasks/" in said.remote, said.text
    assert "not found" in said.text


# What others see


@pytest.mark.slow
def test_others_branches_are_seen_unless_the_task_hides_them(place: Place) -> None:
    alice, bob = place.clone("alice"), place.clone("bob")
    alice.commit({OWN: b"int y;\n"})
    alice.push("HEAD:alice/fast")
    secret = bob.commit({"solutions/bob/solution.c": b"int b;\n"})
    bob.push("HEAD:bob/fast")
    everything = ["HEAD", "refs/heads/alice/fast", "refs/heads/bob/fast", "refs/heads/main"]
    assert refs_seen(alice) == everything

    place.rules.hidden = True
    assert refs_seen(place.reader()) == ["HEAD", "refs/heads/main"]
    own = b64encode(f"alice:{place.token('alice')}".encode()).decode()
    alice.get("config", "http.extraHeader", f"Authorization: Basic {own}")  # unasked, git says nobody's name
    assert refs_seen(alice) == ["HEAD", "refs/heads/alice/fast", "refs/heads/main"]
    said = alice("fetch", "origin", secret)
    assert said.code != 0
    assert "unadvertised object" in said.text, said.text


@pytest.mark.slow
def test_a_hidden_branch_is_not_even_given_out_by_its_id(place: Place) -> None:
    """Protocol 2 gives out any object. A client can ask so without having looked at what is shown."""
    place.rules.hidden = True
    bob = place.clone("bob")
    secret = bob.commit({"solutions/bob/solution.c": b"int b;\n"})
    assert bob.push("HEAD:bob/fast").code == 0
    asking = pkt("command=fetch") + b"0001" + pkt(f"want {secret}\n") + pkt("done\n") + b"0000"
    place.rules.hidden = False
    assert b"PACK" in ask_for_pack(place, asking, {"Git-Protocol": "version=2"})
    place.rules.hidden = True
    assert b"PACK" not in ask_for_pack(place, asking, {"Git-Protocol": "version=2"})
    plain = pkt(f"want {secret} no-progress\n") + b"0000" + pkt("done\n")
    assert b"not our ref" in ask_for_pack(place, plain, {})


@pytest.mark.slow
def test_pushing_works_while_branches_are_hidden(place: Place) -> None:
    place.rules.hidden = True
    alice = place.clone("alice")
    for content in (b"int y;\n", b"int z;\n"):
        alice.commit({OWN: content})
        assert alice.push("HEAD:alice/fast").code == 0
    said = alice.push("HEAD:bob/fast")
    assert "bob/fast is not yours to push" in said.remote


def refs_seen(clone: Clone) -> list[str]:
    return sorted(line.split("\t")[1] for line in clone.get("ls-remote", "origin").splitlines())


def test_the_hub_s_own_refs_are_neither_seen_nor_moved(place: Place) -> None:
    clone = place.clone()
    sha = clone.commit({OWN: b"int y;\n"})
    clone.push("HEAD:alice/fast")
    git.keep(SLUG, sha)
    assert not [ref for ref in refs_seen(clone) if ref.startswith("refs/keep")]
    said = clone.push(f"HEAD:refs/keep/{'1' * 40}")
    assert said.code != 0
    assert "hidden ref" in said.text, said.text


def test_a_hook_that_cannot_run_closes_the_door(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.repos.door.HOOKS", tmp_path / "nothing")
    clone = place.clone()
    clone.commit({OWN: b"int y;\n"})
    assert clone.push("HEAD:alice/fast").code != 0
    assert set(place.branches()) == {"refs/heads/main"}


@pytest.mark.slow
def test_hooks_and_settings_in_the_repository_change_nothing(place: Place, tmp_path: Path) -> None:
    """Nobody can push them there; were they there, they would still not count."""
    bare, trap = git.path_of(SLUG), tmp_path / "ran"
    hook = bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {trap}\n")
    hook.chmod(0o755)
    for name in ("update", "post-receive"):
        (hook.parent / name).write_text(hook.read_text())
        (hook.parent / name).chmod(0o755)
    with open(bare / "config", "a") as config:
        config.write(f"[core]\n\tfsmonitor = touch {trap}\n\thooksPath = {hook.parent}\n")
    clone = place.clone()
    clone.commit({OWN: b"int y;\n"})
    assert clone.push("HEAD:main").code != 0
    assert clone.push("HEAD:alice/fast").code == 0
    assert not trap.exists()


def test_a_pack_over_the_limit_is_refused_by_size(
    place: Place, settings: pytest_django.Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GIT_MAX_PACK_BYTES = 1_000_000
    clone = place.clone()
    clone.commit({OWN: noise(3_000_000)})
    said = clone.push("HEAD:alice/fast")
    refused(place, said, "could not unpack what you pushed", "at most 1,000,000 bytes", "git rebase -i")
    assert "pack exceeds maximum allowed size" in said.remote
    assert set(place.branches()) == {"refs/heads/main"}
    gc.collect()  # when a failure that nobody asked about is noticed
    assert "never retrieved" not in caplog.text


@pytest.mark.slow
def test_a_push_from_a_shallow_clone_is_taken(place: Place) -> None:
    git.commit_files(SLUG, git.MAIN, {"README.md": b"newer\n"}, None, "Newer", git.main_sha(SLUG))
    place.clone("bob")
    address = Clone(place.folder / "bob", "", "").get("remote", "get-url", "origin").replace("bob:", "alice:")
    address = address.replace(place.token("bob"), place.token("alice"))
    clone = Clone(place.folder / "shallow", "alice", "")
    Clone(place.folder, "", "").get("clone", "-q", "--depth", "1", address, str(clone.folder))
    clone.get("config", "user.name", "alice")
    clone.get("config", "user.email", "alice@example.org")
    clone.commit({OWN: b"int y;\n"})
    said = clone.push("HEAD:alice/fast")
    assert said.code == 0, said.text
