"""What a compiler or interpreter complains of, found in a log by file and line: linked, and shown there.

Not in charge of the log itself (`hub/bench/reports.py`). Files are named as their author named them, relative
to the author's folder; a path below a mount of the sandbox loses that mount.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

MOST = 200  # of one log
LONGEST = 500  # characters of a line that is looked at
NAME = r"(?P<path>[\w./+-]{1,200}\.\w{1,6})"
KINDS = r"(?P<kind>fatal error|catastrophic error|error|warning)"
FORMS = (
    re.compile(rf"^(?P<place>{NAME}:(?P<line>\d{{1,7}})(?::\d{{1,5}})?): {KINDS}: (?P<text>.*)$"),
    re.compile(rf"^(?P<place>{NAME}\((?P<line>\d{{1,7}})\)): {KINDS}: (?P<text>.*)$"),
    re.compile(rf'^\s*File "(?P<place>{NAME})", line (?P<line>\d{{1,7}})(?P<text>(?P<kind>).*)$'),
)


@dataclass(frozen=True)
class Complaint:
    path: str  # in the author's folder
    line: int
    is_error: bool
    text: str


def complaints(log: str) -> list[Complaint]:
    """Those of compilers, in the order of the log; places of a traceback are no complaints."""
    found = [_read(match) for _line, match in _matches(log) if match and match["kind"]]
    return list(dict.fromkeys(found))[:MOST]


def linked(log: str, address: Callable[[str, int], str]) -> SafeString:
    """The log as safe HTML, each place in it a link to `address(path, line)`."""
    lines = (_line(line, match, address) for line, match in _matches(log))
    return mark_safe("\n".join(lines))  # noqa: S308 - every line was escaped on its own


def _matches(log: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    for line in log.split("\n"):
        tried: Iterable[re.Match[str] | None] = (form.match(line[:LONGEST]) for form in FORMS)
        yield line, next((match for match in tried if match), None)


def _line(line: str, match: re.Match[str] | None, address: Callable[[str, int], str]) -> str:
    if match is None:
        return escape(line)
    found = _read(match)
    start, end = match.span("place")
    url = address(found.path, found.line)
    return format_html('{}<a href="{}">{}</a>{}', line[:start], url, line[start:end], line[end:])


def _read(match: re.Match[str]) -> Complaint:
    path = match["path"].removeprefix("./")
    if path.startswith("/"):
        path = path.split("/", 2)[-1]
    return Complaint(path, int(match["line"]), "error" in match["kind"], match["text"].strip())
