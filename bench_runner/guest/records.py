"""The two pages that parent and guest share: what each word means. Standard library only; both sides import it.

Not in charge of moving them (`channel.py` outside, `main.py` inside).

Two pages of 64-bit words. The request page is written by the parent and mapped read-only by the guest. The reply
page is written by the guest; the parent believes nothing in it but compares the whole page with the one content
that is right at that moment.
"""

from __future__ import annotations

PAGE_BYTES = 4096
WORDS = PAGE_BYTES // 8

# Request page.
ARM = 0  # number of the call to get ready for; then wait for GO
GO = 1  # number of the call to run now
KIND = 2  # what to run …
CALL, EMPTY, LEAVE = 1, 2, 3  # … the submission; nothing (measures the channel); leave in good order
DIMS = 8  # the dims of the call, in the task's order
MOST_DIMS = 16
TENSORS = DIMS + MOST_DIMS  # one entry per tensor: offset in its arena, number of sides, sides
MOST_SIDES = 8
TENSOR_WORDS = 2 + MOST_SIDES
MOST_TENSORS = (WORDS - TENSORS) // TENSOR_WORDS

# Reply page: the attempt's nonce, then call number and state in one word, so that they change together.
NONCE = 0
STATE = 1
STARTED = 1  # our code runs, nothing of the submission has been loaded
READY = 2  # loaded
ARMED = 3
DONE = 4
RAISED = 5  # the function raised
NO_ENTRY = 6  # not loadable, or without the wanted function
LOAD_RAISED = 7  # importing raised


def reply(call: int, state: int) -> int:
    return call << 8 | state


def state_of(word: int) -> int:
    return word & 0xFF
