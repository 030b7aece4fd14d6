"""Pushes and requests that are meant to hurt: bombs, requests beside the protocol, clients that walk away."""

from __future__ import annotations

import base64
import os
import socket
import struct
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path

import pytest

from hub.repos import git
from tests.hub.repos.conftest import SLUG, Place
from tests.hub.repos.test_refusals import commit_of, refused
from tests.live import Clone

OWN = "solutions/alice/solution.c"


@pytest.fixture
def clone(place: Place) -> Clone:
    return place.clone()


def left_in_quarantine() -> list[Path]:
    return list((git.path_of(SLUG) / "objects").glob("tmp_objdir*"))


# Bombs


@pytest.mark.slow
def test_a_blob_that_inflates_is_refused_by_its_real_size(place: Place, clone: Clone) -> None:
    clone.commit({"solutions/alice/zeros.bin": b"\0" * 40_000_000})
    before = time.monotonic()
    said = clone.push("HEAD:alice/fast")
    refused(place, said, "zeros.bin has 40,000,000 bytes; the limit is 20,000 bytes")
    assert time.monotonic() - before < 20
    assert not left_in_quarantine()


@pytest.mark.slow
def test_very_many_tiny_files_are_refused(place: Place, clone: Clone) -> None:
    stream = b"commit refs/heads/many\ncommitter a <a@example.org> 0 +0000\ndata 1\nx\nfrom main^0\n"
    for number in range(6_000):
        stream += f"M 644 inline solutions/alice/{number}.c\ndata 5\n{number:04}\n".encode()
    clone.get("fast-import", "--quiet", stdin=stream)
    refused(place, clone.push("many:refs/heads/alice/fast"), "more than 5,000 commits, folders and files")
    assert not left_in_quarantine()


def test_a_tree_that_holds_itself_many_times_over_is_refused_at_once(place: Place, clone: Clone) -> None:
    """Ten levels of ten names each are ten thousand million files in eleven objects."""
    blob = clone.get("hash-object", "-w", "--stdin", stdin=b"x")
    inner = f"100644 blob {blob}"
    for _ in range(10):
        rows = "".join(f"{inner}\t{n}\n" for n in range(10))
        inner = f"040000 tree {clone.get('mktree', stdin=rows.encode())}"
    before = time.monotonic()
    said = clone.push(f"{commit_of(clone, inner.split()[2])}:refs/heads/alice/fast")
    refused(place, said, "more than 20,000 files and folders")
    assert time.monotonic() - before < 10


def test_a_delta_that_expands_without_end_is_refused(place: Place) -> None:
    """A few bytes of delta copy the same megabyte thousands of times: git may not have the memory for it."""
    base = b"\0" * 1_000_000
    copies = b"\xf0\x40\x42\x0f" * 4_000  # copy 1 000 000 bytes from offset 0
    delta = _varint(len(base)) + _varint(len(base) * 4_000) + copies
    pack = b"PACK" + struct.pack(">II", 2, 2)
    pack += _object(3, len(base)) + zlib.compress(base)
    pack += _object(7, len(delta)) + sha1(b"blob %d\0" % len(base) + base).digest() + zlib.compress(delta)
    pack += sha1(pack).digest()
    command = f"{git.ZERO} {'1' * 40} refs/heads/alice/fast\0 report-status\n"
    body = f"{len(command) + 4:04x}{command}0000".encode() + pack
    request = urllib.request.Request(
        f"{place.url}/git/{SLUG}.git/git-receive-pack",
        data=body,
        headers={"Content-Type": "application/x-git-receive-pack-request", "Authorization": basic(place)},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert b"unpack " in (said := answer.read())
    assert b"unpack ok" not in said
    assert set(place.branches()) == {"refs/heads/main"}


def _varint(number: int) -> bytes:
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def _object(kind: int, size: int) -> bytes:
    first = (kind << 4) | (size & 15)
    size >>= 4
    return bytes([first | 0x80]) + _varint(size) if size else bytes([first])


def basic(place: Place, username: str = "alice") -> str:
    return "Basic " + base64.b64encode(f"{username}:{place.token(username)}".encode()).decode()


# Beside the protocol


BESIDE = [
    f"/git/{SLUG}.git/HEAD",
    f"/git/{SLUG}.git/objects/info/packs",
    f"/git/{SLUG}.git/info/refs",
    f"/git/{SLUG}.git/info/refs?service=git-upload-archive",
    f"/git/{SLUG}.git/info/refs?service=git-upload-pack&x=1",
    f"/git/{SLUG}/info/refs?service=git-upload-pack",
    f"/git/../git/{SLUG}.git/config",
    f"/git/..%2f{SLUG}.git/info/refs?service=git-upload-pack",
    "/git/",
    f"/git/{SLUG}.git/git-upload-pack",
]


def test_only_the_paths_of_smart_http_exist(place: Place) -> None:
    for path in BESIDE:
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            urllib.request.urlopen(place.url + path)
        assert caught.value.headers["Content-Type"].startswith("text/plain")
        assert f"{place.url}/tasks/" in caught.value.read().decode()


def test_a_credential_that_is_no_credential_is_refused(place: Place) -> None:
    for header in ("Basic", "Basic !!!", "Bearer x", "Basic " + base64.b64encode(b"\xff\xfe").decode()):
        request = urllib.request.Request(
            f"{place.url}/git/{SLUG}.git/info/refs?service=git-receive-pack",
            headers={"Authorization": header},
        )
        with pytest.raises(urllib.error.HTTPError, match="401") as caught:
            urllib.request.urlopen(request)
        assert caught.value.headers["WWW-Authenticate"] == 'Basic realm="Touchstone"'
        assert "username and a personal token" in caught.value.read().decode()


# Clients that walk away


@contextmanager
def half_a_push(place: Place) -> Iterator[socket.socket]:
    """A push that has begun, and of which the rest does not come."""
    host, port = place.url.removeprefix("http://").split(":")
    command = f"{git.ZERO} {'1' * 40} refs/heads/alice/fast\0 report-status side-band-64k\n"
    body = f"{len(command) + 4:04x}{command}0000".encode() + b"PACK" + struct.pack(">II", 2, 3)
    head = [
        f"POST /git/{SLUG}.git/git-receive-pack HTTP/1.1",
        f"Host: {host}",
        f"Authorization: {basic(place)}",
        "Content-Type: application/x-git-receive-pack-request",
        "Transfer-Encoding: chunked",
    ]
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall("\r\n".join([*head, "", f"{len(body):x}", ""]).encode() + body + b"\r\n")
        wait_until(lambda: backends() > 0)
        yield connection


def test_a_client_that_leaves_takes_its_processes_with_it(place: Place) -> None:
    with half_a_push(place) as connection:
        connection.close()
        wait_until(lambda: place.rules.absorbed == [SLUG])  # what had moved by then would be seen
    assert backends() == 0
    assert not left_in_quarantine()


def test_a_push_that_takes_too_long_is_ended(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.repos.door.BACKEND_SECONDS", 0.3)
    monkeypatch.setattr("hub.repos.door.LEAVE_SECONDS", 0.1)
    with half_a_push(place) as connection:
        connection.settimeout(10)
        said = b""
        while block := connection.recv(10_000):  # until the hub closes it
            said += block
        assert not said.endswith(b"0\r\n\r\n")  # the mark of a whole answer
    assert backends() == 0
    assert not left_in_quarantine()


@pytest.mark.slow
def test_more_conversations_than_there_are_places_wait_and_are_told(
    place: Place, clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.open_door(1)
    monkeypatch.setattr("hub.repos.door.QUEUE_SECONDS", 0.2)
    with half_a_push(place):
        said = clone("fetch", "origin")
        assert "The git door is busy. Try again in a minute." in said.remote, said.text
    wait_until(lambda: clone("fetch", "origin").code == 0)


@pytest.mark.slow
def test_readers_who_dawdle_leave_room_for_pushes(place: Place, clone: Clone) -> None:
    place.open_door(2)
    with half_a_fetch(place), half_a_fetch(place):  # one is served, one waits
        clone.commit({OWN: b"int x;\n"})
        said = clone.push("HEAD:alice/fast")
        assert "Pull request:" in said.remote, said.text


@contextmanager
def half_a_fetch(place: Place) -> Iterator[None]:
    """A stranger who asks for something and does not finish the sentence."""
    host, port = place.url.removeprefix("http://").split(":")
    head = [
        f"POST /git/{SLUG}.git/git-upload-pack HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/x-git-upload-pack-request",
        "Transfer-Encoding: chunked",
    ]
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall("\r\n".join([*head, "", "4", "0000", ""]).encode())
        wait_until(lambda: backends() > 0)
        yield


def backends() -> int:
    """Processes of git that the door has running for this test's repository."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes()
        except OSError:  # gone meanwhile
            continue
        if b"GIT_PROJECT_ROOT=" + os.fsencode(git.path_of(SLUG).parent) + b"\0" in variables:
            count += 1
    return count


def wait_until(holds, seconds: float = 10) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
