"""A call of torch's written as ours: its arguments renamed, or an expression instead of it."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from typing import Any

from framework.compat.edits import Edits
from framework.compat.table import Argument, Row
from framework.errors import ArgumentError

PACKAGES = ("nn", "ops", "optim")  # imported by name; all else is framework.…


@dataclass(frozen=True, order=True)
class Remark:
    """Something to look at, and where."""

    line: int
    text: str


class Calls:
    """The edits of calls, and remarks on those that cannot be made."""

    def __init__(self, source: str, tree: ast.Module) -> None:
        self.edits = Edits(source.encode())
        self.remarks: list[Remark] = []
        self.used: set[str] = set()  # packages of ours
        self.above = {below: node for node in ast.walk(tree) for below in ast.iter_child_nodes(node)}

    def _remark(self, node: Any, text: str) -> None:
        self.remarks.append(Remark(node.lineno, text))

    def _write(self, node: ast.Call, row: Row, values: list[ast.expr]) -> bool:
        """A row's expression instead of the call; False, with a remark, where that cannot be."""
        known = row.parsed()
        given: dict[str, ast.expr] = {}
        named = {each.theirs: each for each in known}
        if len(values) > len(known) or not {each.arg for each in node.keywords} <= named.keys():
            self._remark(node, f"{row.torch}: its arguments are not those of {row.ours}")
            return False
        pairs = [*zip(known, values, strict=False), *((named[str(k.arg)], k.value) for k in node.keywords)]
        for argument, value in pairs:
            if argument.ours not in ("-", "~"):
                given[argument.ours] = value
            elif not self._droppable(node, row, argument, value):
                return False
        uses = [each.id for each in ast.walk(ast.parse(row.ours)) if isinstance(each, ast.Name)]
        for name, value in given.items():
            if uses.count(name) > 1 and any(isinstance(each, ast.Call) for each in ast.walk(value)):
                self._remark(node, f"{row.torch} is written {row.ours}: give {name} a name, to call it once")
                return False
        try:
            texts = {name: self.edits.rendered(*self.edits.span(value)) for name, value in given.items()}
            text = row.expression(texts)
        except (ArgumentError, SyntaxError) as fault:
            self._remark(node, f"{row.torch}: {fault}: {row.note}")
            return False
        alone = isinstance(self.above[node], ast.Assign | ast.Return | ast.Expr | ast.Call | ast.keyword)
        simple = isinstance(ast.parse(text, mode="eval").body, ast.Call | ast.Subscript | ast.Attribute)
        alone = alone and node is not getattr(self.above[node], "func", None)
        self.edits.replace(*self.edits.span(node), text if alone or simple else f"({text})")
        self.used |= {name for name in ("framework", *PACKAGES) if f"{name}." in row.ours}
        return True

    def _arguments(self, node: ast.Call, row: Row, method: bool = False) -> bool:
        """Rename and drop arguments; False, with a remark, where one cannot be kept."""
        if row.passes_on():
            return True
        known = list(row.parsed())[1 if method else 0 :]
        starred = any(isinstance(each, ast.Starred) for each in node.args)
        if starred or any(keyword.arg is None for keyword in node.keywords):
            self._remark(node, f"{row.torch}: * and ** hide which arguments are passed: see {row.ours}")
            return False
        planned = self._planned(node, row, known, method)
        if planned is None:
            return False
        for edit in planned:
            self.edits.replace(*edit)
        return True

    def _planned(
        self, node: ast.Call, row: Row, known: list[Argument], method: bool
    ) -> list[tuple[int, int, str]] | None:
        edits: list[tuple[int, int, str]] = []
        places = _positional(row, method)
        if len(node.args) > len(known) and not (known and known[0].many):
            self._remark(node, f"{row.torch}: {len(node.args)} arguments, {row.ours} takes {len(known)}")
            return None
        given: set[str] = set()
        dropped = False
        for place, (argument, value) in enumerate(zip(known, node.args, strict=False)):
            given.add(argument.theirs)
            start, end = self.edits.span(value)
            if argument.ours in ("-", "~"):
                if not self._droppable(node, row, argument, value):
                    return None
                edits.append((*self._with_comma(start, end), ""))
                dropped = True
                continue
            if argument.many and len(node.args) > 1:
                last = self.edits.span(node.args[-1])[1]
                edits += [(start, start, "("), (last, last, ")")]
                break
            if argument.ours and (dropped or places[place : place + 1] != [argument.ours]):
                edits.append((start, start, f"{argument.ours}="))
        for keyword in node.keywords:
            argument = next((each for each in known if each.theirs == keyword.arg), Argument("", ""))
            given.add(argument.theirs)
            edit = self._keyword(node, row, argument, keyword)
            if edit is None:
                return None
            edits += edit
        removed = sum(not text for *_, text in edits)
        kept = len(node.args) + len(node.keywords) > removed
        return edits + self._defaults(node, [each for each in known if each.theirs not in given], kept)

    def _keyword(
        self, node: ast.Call, row: Row, argument: Argument, keyword: ast.keyword
    ) -> list[tuple[int, int, str]] | None:
        start, end = self.edits.span(keyword)
        if not argument.theirs:
            self._remark(node, f"{row.torch}: {keyword.arg}= is not known to {row.ours}")
            return None
        if argument.ours in ("", "-", "~"):
            if not self._droppable(node, row, argument, keyword.value):
                return None
            return [(*self._with_comma(start, end), "")]
        assert keyword.arg is not None  # noqa: S101 (** was refused before)
        return [(start, start + len(keyword.arg.encode()), argument.ours)]

    def _droppable(self, node: ast.Call, row: Row, argument: Argument, value: ast.expr) -> bool:
        """May an argument that ours has not be left out? A remark if not, and where that may matter."""
        given = value.value if isinstance(value, ast.Constant) else ...
        if argument.ours == "~" or given is None or given is False or given == argument.allowed:
            return True
        if argument.theirs == "device" and argument.ours == "-":
            self._remark(node, f"{row.torch}: device= was left out: framework.set_device() chooses for all")
            return True
        self._remark(node, f"{row.torch}: {argument.theirs}= has nothing like it in {row.ours}")
        return False

    def _with_comma(self, start: int, end: int) -> tuple[int, int]:
        """The span of an argument and of the comma before it, or else of the one behind it."""
        before = self.edits.source[:start].rstrip()
        if before.endswith(b","):
            return len(before) - 1, end
        rest = self.edits.source[end:]
        if rest.lstrip().startswith(b","):
            behind = rest.lstrip()[1:]
            return start, end + len(rest) - len(behind.lstrip(b" "))
        return start, end

    def _defaults(
        self, node: ast.Call, missing: list[Argument], behind_others: bool
    ) -> list[tuple[int, int, str]]:
        """Torch's defaults where ours differ."""
        text = ", ".join(f"{each.ours}={each.default!r}" for each in missing if each.has_default())
        end = self.edits.span(node)[1] - 1
        return [(end, end, f", {text}" if behind_others else text)] if text else []


def _positional(row: Row, method: bool) -> list[str]:
    """The names that our function takes by position, in order."""
    try:
        parameters = list(inspect.signature(row.target()).parameters.values())
    except (TypeError, ValueError):
        return []
    names = [each.name for each in parameters if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    return names[1:] if method else names
