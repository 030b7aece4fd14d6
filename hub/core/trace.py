"""What a log line is about: the id of the request, and those of the job, attempt or worker at hand.

Not in charge of what is logged, nor of where lines go (`hub/settings.py`).

The ids are context variables: they follow a request through threads and `await`, and `about` forgets them at
its end, with whatever was bound within. Every line passes `scrubbed`, tracebacks too: tokens and passwords
never reach a log, whoever put them into a message.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")  # what is taken over from a proxy in front of us
HEADER = "X-Request-ID"
_SECRETS = (
    (re.compile(r"\b(ts[a-z]?)_[A-Za-z0-9_-]{16,}"), r"\1_…"),  # personal, worker's and attempt's tokens
    (re.compile(r"(?i)\b(authorization\W+(?:basic|bearer))\s+\S+"), r"\1 …"),
    (re.compile(r"(\w+://[^/\s:@]*):[^/\s@]+@"), r"\1:…@"),  # a password within an address
    (re.compile(r"/(?![0-9a-f]{40,64}\b)[A-Za-z0-9_-]{40,}"), "/…"),  # a secret as a part of a path
)

_ids: ContextVar[dict[str, str] | None] = ContextVar("ids", default=None)


def ids() -> dict[str, str]:
    """What is known to be at hand now, such as {"request": "4f…", "job": "…"}."""
    return _ids.get() or {}


def bind(**more: object) -> None:
    """Know more, until the `about` around this ends; without one, nothing is kept."""
    if (known := _ids.get()) is not None:
        _ids.set({**known, **{name: str(value) for name, value in more.items()}})


@contextmanager
def about(**more: object) -> Iterator[None]:
    """Know more within this block."""
    token = _ids.set({**ids(), **{name: str(value) for name, value in more.items()}})
    try:
        yield
    finally:
        _ids.reset(token)


def request_id(given: str = "") -> str:
    """The id that came with a request, if it is a plain one, else a new one."""
    return given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def scrubbed(text: str) -> str:
    """The text without what nobody may read in a log."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


class Lines(logging.Formatter):
    """For people: time, level, logger, message, and the ids as name=value."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        return " ".join(
            [super().formatMessage(record), *(f"{name}={value}" for name, value in ids().items())]
        )

    def format(self, record: logging.LogRecord) -> str:
        return scrubbed(super().format(record))


class Json(logging.Formatter):
    """For collectors: one object a line, the ids beside what logging knows; a traceback under `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **ids(),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return scrubbed(json.dumps(said, ensure_ascii=False))
