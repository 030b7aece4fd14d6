"""Strict reading of a TOML table: mistakes become sentences, and reading goes on. Standard library only.

Not in charge of which fields exist (`reading.py`). A sentence reads "file: key: value is wrong; cure".
A field that is missing or wrong yields a harmless stand-in, so that all problems are found in one go.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any


class Section:
    """One table of a file, with the path to it; shares the list of problems with the whole file."""

    def __init__(self, file: str, path: str, table: dict[str, Any], problems: list[str]) -> None:
        self.file = file
        self.path = path
        self.table = table
        self.problems = problems
        self.read: set[str] = set()

    def problem(self, key: str, fault: str, cure: str) -> None:
        where = f"{self.path}.{key}" if self.path and key else self.path or key
        self.problems.append(f"{self.file}: {where}: {fault}; {cure}")

    def has(self, key: str) -> bool:
        """Whether it is there. It is a known key where it is not, too."""
        self.read.add(key)
        return key in self.table

    def text(self, key: str, cure: str, *, pattern: str = r"(?s).*\S.*", default: str | None = None) -> str:
        value = self._get(key, cure, default)
        if value is None or key not in self.table:
            return value or ""
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.problem(key, f"{_show(value)} is not accepted", cure)
            return ""
        return value

    def choice(self, key: str, allowed: Iterable[str], *, default: str | None = None) -> str:
        one_of = " | ".join(allowed)
        return self.text(key, f"use one of {one_of}", pattern=one_of.replace(" ", ""), default=default)

    def integer(self, key: str, cure: str, low: int, high: int, *, default: int | None = None) -> int:
        value = self._get(key, cure, default)
        if value is None:
            return low
        if type(value) is not int or not low <= value <= high:
            self.problem(key, f"{_show(value)} is not {_kind_of_integer(low, high)}", cure)
            return low
        return value

    def number(self, key: str, cure: str, low: float, high: float, *, default: float | None = None) -> float:
        value = self._get(key, cure, default)
        if value is None:
            return low
        if type(value) not in (int, float) or not math.isfinite(value) or not low <= value <= high:
            self.problem(key, f"{_show(value)} is not a number from {low:g} to {high:g}", cure)
            return low
        return float(value)

    def flag(self, key: str, cure: str) -> bool:
        """true or false; false when missing."""
        value = self._get(key, cure, False)
        if type(value) is not bool:
            self.problem(key, f"{_show(value)} is neither true nor false", cure)
        return value is True

    def texts(self, key: str, cure: str, *, pattern: str = r".*\S.*") -> tuple[str, ...]:
        """A non-empty list of distinct strings."""
        value = self._get(key, cure, None)
        if value is None:
            return ()
        if not isinstance(value, list) or not value:
            self.problem(key, f"{_show(value)} is not a list of one or more strings", cure)
            return ()
        good = []
        for index, item in enumerate(value):
            if not isinstance(item, str) or not re.fullmatch(pattern, item):
                self.problem(f"{key}[{index}]", f"{_show(item)} is not accepted", cure)
            elif item in good:
                self.problem(f"{key}[{index}]", f"{item!r} is there twice", "delete one of them")
            else:
                good.append(item)
        return tuple(good)

    def section(self, key: str, cure: str, *, optional: bool = False) -> Section:
        """The table `key`; empty when missing, which is a problem unless it is optional."""
        self.read.add(key)
        value = self.table.get(key, {} if optional else None)
        if not isinstance(value, dict):
            self.problem(key, "missing" if value is None else f"{_show(value)} is not a table", cure)
            value = {}
        path = f"{self.path}.{key}" if self.path else key
        return Section(self.file, path, value, self.problems)

    def sections(self, key: str, cure: str) -> list[Section]:
        """The tables of `[[key]]`, at least one."""
        value = self._get(key, cure, None)
        if value is None:
            return []
        if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
            self.problem(key, f"{_show(value)} is not a list of tables", cure)
            return []
        return [Section(self.file, f"{key}[{n}]", item, self.problems) for n, item in enumerate(value)]

    def array(self, key: str, cure: str) -> list[Any]:
        value = self._get(key, cure, None)
        if value is None:
            return []
        if not isinstance(value, list):
            self.problem(key, f"{_show(value)} is not a list", cure)
            return []
        return value

    def no_others(self) -> None:
        """Every key that nobody read is a typing mistake."""
        for key in self.table:
            if key not in self.read:
                self.problem(key, "unknown key", f"known are {', '.join(sorted(self.read))}")

    def _get(self, key: str, cure: str, default: Any) -> Any:
        self.read.add(key)
        value = self.table.get(key, default)
        if value is None:
            self.problem(key, "missing", cure)
        return value


def _kind_of_integer(low: int, high: int) -> str:
    if low == 0:
        return f"zero or a positive integer up to {high}"
    if low == 1:
        return "a positive integer" if high >= 2**31 - 1 else f"an integer from 1 to {high}"
    return f"an integer from {low} to {high}"


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
