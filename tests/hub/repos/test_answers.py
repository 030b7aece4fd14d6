"""Our words in git's answer to a push, however the answer is cut on its way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hub.repos.answers import explained


def banded(report: bytes) -> bytes:
    """A report as a client with side bands gets it."""
    return b"%04x\x01%s0000" % (len(report) + 5, report)


REPORT = b"0028unpack unpack-objects abnormal exit\n0026ng refs/heads/a/b unpacker error\n0000"
BANDED = banded(REPORT)
FATAL = b"002e\x02fatal: pack exceeds maximum allowed size\n"
OURS = b"000d\x02too big\n"


def told(answer: bytes, step: int) -> bytes:
    """What reaches the client of an answer that git gives in pieces of so many bytes."""
    sent: list[bytes] = []

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    async def speak() -> None:
        speaking = explained(send, ["too big"])
        await speaking({"type": "http.response.start", "status": 200, "headers": []})
        for at in range(0, len(answer), step):
            body = answer[at : at + step]
            await speaking({"type": "http.response.body", "body": body, "more_body": True})
        await speaking({"type": "http.response.body", "body": b"", "more_body": False})

    asyncio.run(speak())
    return b"".join(sent)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_our_words_stand_before_the_report_of_a_pack_that_git_could_not_unpack(step: int) -> None:
    assert told(FATAL + BANDED, step) == FATAL + OURS + BANDED


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize(
    "answer",
    [
        banded(b"000eunpack ok\n0016ok refs/heads/a/b\n0000"),
        REPORT,  # a client without side bands
        b"git failed on our side\n",
        b"",
    ],
    ids=["unpacked", "without side bands", "no packets", "nothing"],
)
def test_every_other_answer_stays_as_it_is(answer: bytes, step: int) -> None:
    assert told(answer, step) == answer
