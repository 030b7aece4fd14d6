"""Replacements in a text, made by position and applied at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Edits:
    """Replacements in a Python source; positions of `ast` are in bytes of UTF-8."""

    source: bytes
    starts: list[int] = field(init=False)  # of the lines
    made: list[tuple[int, int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.starts = [0]
        for line in self.source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def at(self, line: int, column: int) -> int:
        """The position of a column of a line."""
        return self.starts[line - 1] + column

    def span(self, node: Any) -> tuple[int, int]:
        """Where a node begins and ends."""
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def lines(self, node: Any) -> tuple[int, int]:
        """Where a statement's lines begin and end, decorators apart."""
        return self.starts[node.lineno - 1], self.starts[min(node.end_lineno, len(self.starts) - 1)]

    def replace(self, start: int, end: int, text: str) -> None:
        """Put a text there, instead of what stood there and of its edits; not inside of what was replaced."""
        if any(a < start < b and end <= b for a, b, _ in self.made):
            return
        if end > start:  # what was put before or behind it stays
            self.made = [(a, b, t) for a, b, t in self.made if a < start or b > end or b == start or a == end]
        self.made.append((start, end, text.encode()))

    def rendered(self, start: int, end: int) -> str:
        """A part of the text, edited."""
        text = self.source[:end]
        for a, b, new in sorted(
            [each for each in self.made if start <= each[0] and each[1] <= end], reverse=True
        ):
            text = text[:a] + new + text[b:]
        return text[start:].decode()

    def result(self) -> str:
        """The whole text, edited."""
        return self.rendered(0, len(self.source))
