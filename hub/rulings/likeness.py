"""How alike two submissions are when names, comments and layout are left out. Pure functions on source text.

Not in charge of what is compared with what, nor of what follows from it (`hub/rejudging.py`).

Theory of operation
- Source becomes tokens; comments and white space go, every name becomes one and the same token. Names that
  cannot be renamed because they are the machine's or the compiler's (`_mm256_add_ps`, `__builtin_…`) stay.
- Each run of RUN tokens is hashed. Runs that the task's own files have (starter, baseline, examples) are left
  out: everybody begins with them. What remains is the author's own, and two sets of it are compared.
- Short programs come out alike by themselves, so less than LEAST_OWN runs of one's own say nothing.
- Only the SKETCH smallest hashes are kept: for most submissions that is all of them, for a long one it is a
  fair sample, because which hashes are small has nothing to do with what they stand for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from pygments.lexers import get_lexer_for_filename
from pygments.token import Comment, Name, String, Text
from pygments.util import ClassNotFound

from bench_runner.contract import Bundle

RUN = 6  # tokens
LEAST_OWN = 80  # runs of one's own
SKETCH = 400  # hashes kept
ALIKE = 0.8  # share of common runs from which on a person looks at it
SOURCE_LONGEST = 200_000  # characters read of one file
FIXED = ("_mm", "__", "vld", "vst")
SOURCES = (".c", ".h", ".cc", ".cpp", ".hpp", ".cu", ".cuh", ".py", ".rs")


@dataclass(frozen=True)
class Sketch:
    own: int
    hashes: frozenset[int]

    @property
    def says_something(self) -> bool:
        return self.own >= LEAST_OWN


def sketch(files: Bundle, given: frozenset[int]) -> Sketch:
    """The sketch of a submission; `given`: the runs that the task's own files have."""
    own = runs(files) - given
    return Sketch(len(own), frozenset(sorted(own)[:SKETCH]))


def runs(files: Bundle) -> frozenset[int]:
    """Hashes of all runs of tokens, file by file."""
    found: set[int] = set()
    for name in sorted(files):
        if name.endswith(SOURCES):
            words = [word for _line, word in _words(name, _text(files[name]))]
            found |= {_hash(words[at : at + RUN]) for at in range(len(words) - RUN + 1)}
    return frozenset(found)


def lines_in(common: frozenset[int], name: str, content: bytes) -> frozenset[int]:
    """Lines of a source, from 1, that some of these runs stand on."""
    words = list(_words(name, _text(content))) if name.endswith(SOURCES) else []
    found: set[int] = set()
    for at in range(len(words) - RUN + 1):
        run = words[at : at + RUN]
        if _hash([word for _line, word in run]) in common:
            found |= {line for line, _word in run}
    return frozenset(found)


def share(one: Sketch, other: Sketch) -> float:
    """How much of what either has both have, 0 to 1; 0 if one of them is too short to say."""
    if not (one.says_something and other.says_something):
        return 0.0
    least = sorted(one.hashes | other.hashes)[:SKETCH]
    return len(one.hashes & other.hashes & set(least)) / len(least)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")[:SOURCE_LONGEST]


def _words(name: str, text: str) -> Iterable[tuple[int, str]]:
    """The tokens that count, each with the line that it begins on."""
    try:
        lexer = get_lexer_for_filename(name, stripnl=False)
    except ClassNotFound:
        return
    line, after = 1, 1
    for kind, value in lexer.get_tokens(text):
        line, after = after, after + value.count("\n")
        if kind in Comment and kind not in Comment.Preproc and kind not in Comment.PreprocFile:
            continue
        if kind in Text or kind in String.Doc or not value.strip():
            continue
        yield line, "n" if kind in Name and not value.startswith(FIXED) else value.strip()


def _hash(words: list[str]) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(words).encode(), digest_size=6).digest(), "big")
