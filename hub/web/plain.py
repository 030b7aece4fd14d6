"""Text of strangers, made safe to look at: nothing in it can move the cursor, hide or turn other text round.

Not in charge of HTML escaping: templates do that to whatever leaves here.

A log may hold terminal escapes, carriage returns of progress bars, control characters, and marks that
reverse the reading direction. The first two are acted on as a terminal would, the rest is shown by name, so
that the reader sees that something is there. Lone surrogates (JSON can carry them) would fail at the socket
and become U+FFFD.
"""

from __future__ import annotations

import re

ESCAPE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS and their like, with their text
    r"|\x1b[ -/]*[0-~]?"  # two-character escapes, and a lone ESC
    r"|[\x80-\x9f]"  # the same as single characters
)
SURROGATE = re.compile("[\ud800-\udfff]")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
UNSEEN = re.compile(
    "[\x80-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)


def plain_line(text: object) -> str:
    """One line: names of files, of cases, titles. Line ends are shown by name too."""
    return plain_text(str(text)).replace("\n", "␊").replace("\t", "␉")


def plain_text(text: str) -> str:
    """Text of several lines without a single character that acts on the reader's screen."""
    lines = ESCAPE.sub("", text).split("\n")
    # A carriage return goes back to the start of the line: what a progress bar wrote last is what stays.
    return named("\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines))


def named(text: str) -> str:
    """Show by name what cannot be seen; source code keeps its escapes visible this way too."""
    text = SURROGATE.sub("\ufffd", text)
    text = CONTROL.sub(lambda found: _picture(found.group()), text)
    return UNSEEN.sub(lambda found: f"[U+{ord(found.group()):04X}]", text)


def _picture(character: str) -> str:
    return "\u2421" if character == "\x7f" else chr(0x2400 + ord(character))


def tail(text: str, lines: int) -> tuple[str, int]:
    """The last lines, and how many were left out before them."""
    every = text.rstrip("\n").split("\n")
    return "\n".join(every[-lines:]), max(0, len(every) - lines)
