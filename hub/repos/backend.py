"""One conversation between a git client and `git http-backend`: bytes in, bytes out, and a sure end.

Not in charge of who may ask (`door.py`) nor of how the process is started and limited (`process.py`).

Request body → standard input, standard output → response, both at the pace of the slower side. git may refuse
a pack before it has all of it; the rest is then read and dropped, so that its reason reaches the client. A
client that leaves: close, wait, terminate, kill. git clears its quarantine and its locks when terminated, so
kill comes last.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BLOCK = 64 * 1024
DRAINED_MOST = 64 * 1024 * 1024
HEADER_BYTES_MOST = 16 * 1024
COMPLAINT_BYTES = 2_000
TERMINATED_SECONDS = 3


class ClientLeft(Exception):
    """The client closed the connection before the answer was through."""


class NoAnswer(Exception):
    """git ended without an answer; nothing was sent to the client yet."""


async def converse(process: Process, receive: Receive, send: Send) -> None:
    """Carry the request to git and its answer to the client, except for the message that ends the answer.

    Raises:
        ClientLeft, NoAnswer: as they say.
    """
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  # started with pipes
    body_read = asyncio.Event()
    feeding = asyncio.create_task(_feed(receive, process.stdin, body_read))
    relaying = asyncio.create_task(_relay(process.stdout, send))
    waiting = asyncio.create_task(body_read.wait())
    try:
        await asyncio.wait({feeding, relaying}, return_when=asyncio.FIRST_COMPLETED)
        if feeding.done() and not relaying.done():
            feeding.result()
            raise ClientLeft
        await relaying
        # An answer that ends before the request does makes some clients drop it: hear them out.
        await asyncio.wait({feeding, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (feeding, relaying, waiting):
            task.cancel()
        await asyncio.gather(feeding, relaying, waiting, return_exceptions=True)


async def end(process: Process, grace: float) -> None:
    """See the process and all its children out: by themselves within `grace` seconds, else by force."""
    assert process.stdin is not None  # noqa: S101  # started with pipes
    process.stdin.close()
    for seconds, number in ((grace, signal.SIGTERM), (TERMINATED_SECONDS, signal.SIGKILL)):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
        if process.returncode == 0:
            return
        # Also when the leader is gone: the group outlives a leader that was killed by a limit.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
    await process.wait()


async def complaint(stream: StreamReader | None) -> str:
    """The beginning of what git wrote to standard error, read to its end so that git never waits for us."""
    first = b""
    while stream is not None and (block := await stream.read(BLOCK)):
        first = (first + block)[:COMPLAINT_BYTES]
    return first.decode("utf-8", "backslashreplace")


async def _feed(receive: Receive, stdin: StreamWriter, body_read: asyncio.Event) -> None:
    """Write the body to git, then wait for the client to leave. Returns when it has left."""
    dropped = 0
    listening = True
    while dropped <= DRAINED_MOST:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if listening:
            listening = await _write(stdin, message.get("body", b""))
        else:
            dropped += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    stdin.close()
    body_read.set()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(stdin: StreamWriter, body: bytes) -> bool:
    """False if git does not listen any more: it has its answer already."""
    if not body:
        return True
    gone = (BrokenPipeError, ConnectionResetError)
    if not stdin.is_closing():  # uvloop raises RuntimeError on a write to a pipe that it has closed
        with contextlib.suppress(*gone):
            stdin.write(body)
            await stdin.drain()
            return True
    with contextlib.suppress(*gone):  # the same failure once more: asyncio logs it unless it is asked for
        await stdin.wait_closed()
    return False


async def _relay(stdout: StreamReader, send: Send) -> None:
    status, headers = _parse(await _header(stdout))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    while block := await stdout.read(BLOCK):
        await send({"type": "http.response.body", "body": block, "more_body": True})


async def _header(stdout: StreamReader) -> bytes:
    try:
        return await stdout.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise NoAnswer from error


def _parse(header: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
    status, headers = 200, []
    for line in header.strip().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"status":
            status = int(value.split()[0])
        else:
            headers.append((name.lower().strip(), value.strip()))
    return status, headers
