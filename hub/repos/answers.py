"""The answer to a push, with our words where git refused the pack before any hook could speak.

git says "unpacker error" then, and at most one line of its own: no limit, no cure. Its answer is packets:
four hex digits of length and, with side bands, the number of a band. Ours goes before git's report, on the
band whose lines the client prints behind `remote:`. A client without side bands gets git's report alone.
"""

from __future__ import annotations

import re

from hub.repos.backend import Message, Send

LENGTH = re.compile(rb"[0-9a-f]{4}")
NOT_UNPACKED = re.compile(rb"[0-9a-f]{4}\x01[0-9a-f]{4}unpack (?!ok\n)")


def explained(send: Send, lines: list[str]) -> Send:
    """`send` for one answer; `lines` stand before the report of a pack that git could not unpack."""
    text = "".join(f"{line}\n" for line in lines).encode()
    ours = b"%04x\x02%s" % (len(text) + 5, text)
    rest = b""

    async def told(message: Message) -> None:
        nonlocal rest
        if message["type"] == "http.response.body":
            packets, rest = _packets(rest + message.get("body", b""))
            if not message.get("more_body", False):  # what is no packet, such as an error's text, goes last
                packets.append(rest)
            body = b"".join(ours + each if NOT_UNPACKED.match(each) else each for each in packets)
            message = {**message, "body": body}
        await send(message)

    return told


def _packets(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole packets at the beginning, and what is left."""
    whole = []
    while (found := LENGTH.match(data)) and len(data) >= (size := max(4, int(found[0], 16))):
        whole.append(data[:size])
        data = data[size:]
    return whole, data
