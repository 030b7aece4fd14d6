"""The two pages that parent and guest share: what each word means. Standard library only; both sides import
it.

Not in charge of moving them (`channel.py` outside, `main.py` inside).

Two pages of 64-bit words. The request page is written by the parent and mapped read-only by the guest. The
reply page is written by the guest; the parent believes nothing in it but compares the whole page with the one
content that is right at that moment.
"""

from __future__ import annotations

import errno

PAGE_BYTES = 4096
WORDS = PAGE_BYTES // 8

# Request page. Everything else is written before TURN, while the guest is frozen.
TURN = 0  # number of the turn, from 1; it changes last
KIND = 1  # what to do in this turn …
LOAD, BIND, CALL, EMPTY, LEAVE = 1, 2, 3, 4, 5  # … EMPTY is a call of nothing, it measures the channel
SLOT = 2  # CALL: which of the bound argument lists

# BIND: dims and shapes of the calls to come, and SLOTS lists of addresses for them.
DIMS = 8
MOST_DIMS = 16
SHAPES = DIMS + MOST_DIMS  # per tensor: number of sides, sides
MOST_SIDES = 8
SHAPE_WORDS = 1 + MOST_SIDES
MOST_TENSORS = 16
OFFSETS = SHAPES + MOST_TENSORS * SHAPE_WORDS  # per slot and tensor: offset in the tensor's arena
SLOTS = 16

# Reply page: the attempt's nonce, then turn and state in one word, so that they change together.
NONCE = 0
STATE = 1
DONE = 1  # turn 0: our code runs, nothing of the submission has been loaded yet
RAISED = 2  # the function, or the import, raised
NO_ENTRY = 3  # not loadable, or without the wanted function
NOT_PERMITTED = (
    4  # it raised because the sandbox refused something; this and what follows are kinds of RAISED
)
NO_SPACE = 5  # … a file system was full, or a file too large
TOO_MANY_FILES = 6  # … no descriptor was left
FAILURES = (RAISED, NO_ENTRY, NOT_PERMITTED, NO_SPACE, TOO_MANY_FILES)

_KINDS = {
    **dict.fromkeys((errno.EPERM, errno.EACCES, errno.EROFS), NOT_PERMITTED),
    # No network: no route, no name service (numbers below 0 are getaddrinfo's), nobody on the loopback.
    **dict.fromkeys((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ECONNREFUSED, -2, -3), NOT_PERMITTED),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), NO_SPACE),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), TOO_MANY_FILES),
}


def of_errno(number: int | None) -> int:
    """The state for an OSError that nobody caught."""
    return _KINDS.get(number or 0, RAISED)


def reply(turn: int, state: int) -> int:
    return turn << 8 | state
