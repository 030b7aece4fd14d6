"""What stands in front of Django: no stranger fills the disk with a body or trips the database by a NUL."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hub import asgi


def sent(
    headers: list[tuple[bytes, bytes]], pieces: int, path: str = "/login/", query: bytes = b""
) -> tuple[list[dict[str, Any]], int]:
    """POST 1 MiB pieces to a page: what came back, and how many pieces were read."""
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": query,
        "headers": [(b"host", b"127.0.0.1"), *headers], "http_version": "1.1", "scheme": "http",
    }  # fmt: skip
    answers: list[dict[str, Any]] = []
    read = 0

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 2**20, "more_body": read < pieces}

    async def send(message: dict[str, Any]) -> None:
        answers.append(message)

    asyncio.run(asgi.application(scope, receive, send))
    return answers, read


def test_a_body_that_is_told_to_be_too_long_is_refused_unread() -> None:
    answers, read = sent([(b"content-length", str(asgi.BODY_MOST + 1).encode())], pieces=100)
    assert (answers[0]["status"], read) == (413, 0)
    assert b"longer than 16777216 bytes" in answers[1]["body"]


@pytest.mark.parametrize("told", [[], [(b"content-length", b"7" * 5000)]])
def test_a_body_of_untold_length_is_cut_off(told: list[tuple[bytes, bytes]]) -> None:
    answers, read = sent(told, pieces=10_000)
    assert (answers, read) == ([], 17)


@pytest.mark.parametrize(("path", "query"), [("/people/\0/", b""), ("/pulls/", b"author=%00")])
def test_an_address_with_a_nul_is_refused_before_a_database_sees_it(path: str, query: bytes) -> None:
    answers, _read = sent([], pieces=1, path=path, query=query)
    assert answers[0]["status"] == 400
    assert b"NUL character" in answers[1]["body"]
