"""Suggestions: a remark on a line may hold the text that should stand there instead.

    ```suggestion          the line remarked on becomes these lines (none: it goes)
    ```suggestion:-1+2     … together with the line before it and the two after it

Pure text. Not in charge of committing it (`hub/suggesting.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from django.utils.translation import gettext as _

from hub.core.errors import BadInput

BLOCK = re.compile(
    r"^```suggestion(?::-(\d{1,2})\+(\d{1,2}))?[ \t]*\n(.*?)^```[ \t]*(?:\n|\Z)", re.MULTILINE | re.DOTALL
)
LINE = re.compile(rb"[^\n]*\n|[^\n]+")


@dataclass(frozen=True)
class Suggestion:
    before: int  # lines above the one remarked on that go as well …
    after: int  # … and below it
    lines: tuple[str, ...]  # that take their place


@dataclass(frozen=True)
class Said:
    """A remark in three parts; without a suggestion all of it is `opening`."""

    opening: str
    suggestion: Suggestion | None = None
    rest: str = ""


def parse(body: str) -> Said:
    """A remark with its first suggestion apart."""
    found = BLOCK.search(body)
    if found is None:
        return Said(body)
    above, below, text = found.groups()
    lines = tuple(text.split("\n")[:-1])
    return Said(
        body[: found.start()], Suggestion(int(above or 0), int(below or 0), lines), body[found.end() :]
    )


def applied(content: bytes, changes: Iterable[tuple[int, Suggestion]]) -> bytes:
    """A file with suggestions taken over, each for its line; line ends stay as the file has them.

    Raises:
        BadInput: lines that the file does not have, or two suggestions for one line.
    """
    rows = LINE.findall(content)
    spans = sorted((line - one.before, line + one.after, one.lines) for line, one in changes)
    for (_first, end, _lines), (begin, _last, _more) in pairwise(spans):
        if begin <= end:
            raise BadInput(_("Two of these suggestions change line %(line)s: apply one.") % {"line": begin})
    for first, last, lines in reversed(spans):
        if not 1 <= first <= last <= len(rows):
            raise BadInput(
                _("The suggestion is for lines %(first)s to %(last)s; the file has %(number)s.")
                % {"first": first, "last": last, "number": len(rows)}
            )
        rows[first - 1 : last] = _rows(lines, rows[last - 1])
    return b"".join(rows)


def _rows(lines: tuple[str, ...], replaced: bytes) -> list[bytes]:
    """With the line end of what is replaced; without any for the last line of a file that has none there."""
    end = b"\r\n" if replaced.endswith(b"\r\n") else b"\n"
    made = [line.encode() + end for line in lines]
    if made and not replaced.endswith(b"\n"):
        made[-1] = made[-1].removesuffix(end)
    return made
