"""`python -m framework port model.py`: a script for torch, rewritten as far as that is safe.

Theory of operation. Names are resolved through the file's imports, looked up in the table (`table.py`), and
edited in place by their positions, so that comments and layout stay. Arguments are renamed; one that ours
takes at another place is passed by name. What the table does not call alike stays as it is and is remarked
on, line by line, with what to write instead. Methods (`x.view(...)`) belong to objects whose type is not
known: they are renamed where the table has them under `torch.Tensor` and the file defines no such function,
and that is remarked on too.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, field
from typing import Any

from framework.compat.table import ALIKE, Argument, Row, rows
from framework.errors import ArgumentError

PACKAGES = ("nn", "ops", "optim")  # imported by name; all else is framework.…
# Whose methods are looked for in the table, where an object's type is not known.
OWNERS = {
    "torch.Tensor": "a tensor",
    "torch.nn.Module": "a module",
    "torch.optim.Optimizer": "an optimiser or a scheduler",
    "torch.optim.lr_scheduler.LRScheduler": "a scheduler",
}


@dataclass(frozen=True, order=True)
class Remark:
    """Something to look at, and where."""

    line: int
    text: str


@dataclass(frozen=True)
class Ported:
    """A rewritten script, and what is left to do."""

    text: str
    remarks: list[Remark]


def port(source: str) -> Ported:
    """Rewrite a script. Raises ArgumentError, naming the line, for text that is no Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError as fault:
        raise ArgumentError(f"port: line {fault.lineno} is no Python: {fault.msg}") from fault
    porter = _Porter(source, tree)
    porter.visit(tree)
    return porter.finish()


@dataclass
class _Edits:
    """Replacements in a text, by position; positions of `ast` are in bytes of UTF-8."""

    source: bytes
    starts: list[int] = field(init=False)
    made: list[tuple[int, int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.starts = [0]
        for line in self.source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def at(self, line: int, column: int) -> int:
        return self.starts[line - 1] + column

    def span(self, node: Any) -> tuple[int, int]:
        return self.at(node.lineno, node.col_offset), self.at(node.end_lineno, node.end_col_offset)

    def replace(self, start: int, end: int, text: str) -> None:
        self.made.append((start, end, text.encode()))

    def result(self) -> str:
        text = self.source
        for start, end, new in sorted(self.made, reverse=True):
            text = text[:start] + new + text[end:]
        return text.decode()


def _spelled(ours: str) -> str:
    """framework.nn.Dense as a script that imports the packages writes it."""
    rest = ours.removeprefix("framework.")
    return rest if rest.partition(".")[0] in PACKAGES else ours


class _Porter(ast.NodeVisitor):
    def __init__(self, source: str, tree: ast.Module) -> None:
        self.edits = _Edits(source.encode())
        self.remarks: list[Remark] = []
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self.aliases: dict[str, str] = {}  # a name of the file -> torch's dotted one
        self.used: set[str] = set()  # packages of ours
        self.torch_stays = False
        self.foreign: set[str] = set()  # modules beside torch: their functions are no methods of tensors
        self.cells: set[str] = set()  # classes of the file that are modules
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        self.own = {node.name for node in functions}

    # ---- imports

    def visit_Import(self, node: ast.Import) -> None:
        if any(each.name.split(".")[0] == "torch" for each in node.names):
            self.imports.append(node)
            for each in node.names:
                self.aliases[each.asname or "torch"] = each.name if each.asname else "torch"
        else:
            self.foreign |= {each.asname or each.name.split(".")[0] for each in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if (node.module or "").split(".")[0] == "torch" and not node.level:
            self.imports.append(node)
            for each in node.names:
                self.aliases[each.asname or each.name] = f"{node.module}.{each.name}"

    # ---- names

    def _full(self, node: ast.expr) -> str | None:
        """Torch's dotted name that an expression stands for."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.aliases:
            return None
        return ".".join([self.aliases[node.id], *reversed(parts)])

    def _remark(self, node: Any, text: str) -> None:
        self.remarks.append(Remark(node.lineno, text))

    def _row(self, node: Any, full: str) -> Row | None:
        """The row of a name if it can be ported; else a remark."""
        row = rows().get(full)
        if row is not None and row.kind in ALIKE:
            return row
        self.torch_stays = True
        if row is None:
            self._remark(node, f"{full} is not in the table")
        else:
            what = "has no counterpart" if row.kind == "missing" else f"is not the same as {row.ours}"
            self._remark(node, f"{full} {what}" + (f": {row.note}" if row.note else ""))
        return None

    def _name(self, node: Any, row: Row) -> None:
        self.edits.replace(*self.edits.span(node), _spelled(row.ours))
        self.used.add(row.ours.split(".")[1] if row.ours.split(".")[1] in PACKAGES else "framework")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        full = self._full(node)
        if full is None:
            self.generic_visit(node)
        elif row := self._row(node, full):
            self._name(node, row)

    def visit_Name(self, node: ast.Name) -> None:
        full = self.aliases.get(node.id)
        if full is not None and "." in full and (row := self._row(node, full)):
            self._name(node, row)

    # ---- calls

    def visit_Call(self, node: ast.Call) -> None:
        full = self._full(node.func)
        if full is not None:
            row = self._row(node, full)
            if row is not None and self._arguments(node, row):
                self._name(node.func, row)
        elif isinstance(node.func, ast.Attribute):
            self._method(node, node.func)
        else:
            self.visit(node.func)
        for each in (*node.args, *[keyword.value for keyword in node.keywords]):
            self.visit(each)

    def _method(self, node: ast.Call, func: ast.Attribute) -> None:
        self.visit(func.value)
        owner = next((each for each in OWNERS if f"{each}.{func.attr}" in rows()), None)
        if func.attr == "forward":
            self._attribute(func, "construct")
        if owner is None or func.attr in self.own or _root(func) in self.foreign:
            return
        row, what_it_is = rows()[f"{owner}.{func.attr}"], OWNERS[owner]
        if row.kind not in ALIKE:
            cure = row.note or "there is nothing like it"
            self._remark(node, f".{func.attr}(): if this is {what_it_is}: {cure}")
        elif (name := row.ours.rpartition(".")[2]) != func.attr and self._arguments(node, row, method=True):
            self._attribute(func, name)
            self._remark(node, f".{func.attr}() was made .{name}(), as if of {what_it_is}")
        elif name == func.attr:
            self._arguments(node, row, method=True)

    def _attribute(self, node: ast.Attribute, name: str) -> None:
        end = self.edits.span(node)[1]
        self.edits.replace(end - len(node.attr.encode()), end, name)

    def _arguments(self, node: ast.Call, row: Row, method: bool = False) -> bool:
        """Rename and drop arguments; False, with a remark, where one cannot be kept."""
        if row.passes_on():
            return True
        known = list(row.parsed())[1 if method else 0 :]
        starred = any(isinstance(each, ast.Starred) for each in node.args)
        if starred or any(keyword.arg is None for keyword in node.keywords):
            self._remark(node, f"{row.torch}: * and ** hide which arguments are passed: see {row.ours}")
            self.torch_stays = True
            return False
        planned = self._planned(node, row, known, method)
        if planned is None:
            self.torch_stays = True
            return False
        for start, end, text in planned:
            self.edits.replace(start, end, text)
        return True

    def _planned(
        self, node: ast.Call, row: Row, known: list[Argument], method: bool
    ) -> list[tuple[int, int, str]] | None:
        edits: list[tuple[int, int, str]] = []
        places = _positional(row, method)
        if len(node.args) > len(known) and not (known and known[0].many):
            self._remark(node, f"{row.torch}: {len(node.args)} arguments, {row.ours} takes {len(known)}")
            return None
        given = set()
        for place, (argument, value) in enumerate(zip(known, node.args, strict=False)):
            given.add(argument.theirs)
            if argument.ours in ("-", "~"):
                self._remark(node, f"{row.torch}: {argument.theirs} has nothing like it in {row.ours}")
                return None
            start, _ = self.edits.span(value)
            if argument.many and len(node.args) > 1:
                last = self.edits.span(node.args[-1])[1]
                edits += [(start, start, "("), (last, last, ")")]
                break
            if argument.ours and places[place : place + 1] != [argument.ours]:
                edits.append((start, start, f"{argument.ours}="))
        for keyword in node.keywords:
            argument = next((each for each in known if each.theirs == keyword.arg), Argument("", ""))
            given.add(argument.theirs)
            edit = self._keyword(node, row, argument, keyword)
            if edit is None:
                return None
            edits += edit
        return edits + self._defaults(node, known, given)

    def _keyword(
        self, node: ast.Call, row: Row, argument: Argument, keyword: ast.keyword
    ) -> list[tuple[int, int, str]] | None:
        start, end = self.edits.span(keyword)
        if argument.ours in ("", "-"):
            harmless = isinstance(keyword.value, ast.Constant) and keyword.value.value in (None, False)
            same = isinstance(keyword.value, ast.Constant) and keyword.value.value == argument.allowed
            if argument.ours == "" or not (harmless or same):
                self._remark(node, f"{row.torch}: {keyword.arg}= has nothing like it in {row.ours}")
                return None
        if argument.ours in ("-", "~"):
            return [(*self._with_comma(start, end), "")]
        assert keyword.arg is not None  # noqa: S101 (** was refused before)
        return [(start, start + len(keyword.arg.encode()), argument.ours)]

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

    def _defaults(self, node: ast.Call, known: list[Argument], given: set[str]) -> list[tuple[int, int, str]]:
        """Torch's defaults where ours differ."""
        missing = [each for each in known if each.has_default() and each.theirs not in given]
        text = ", ".join(f"{each.ours}={each.default!r}" for each in missing)
        end = self.edits.span(node)[1] - 1
        return [(end, end, f", {text}" if node.args or node.keywords else text)] if text else []

    # ---- classes

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        bases = [self._full(base) or getattr(base, "id", "") for base in node.bases]
        if "torch.nn.Module" in bases or self.cells & set(bases):
            self.cells.add(node.name)
            for each in node.body:
                if isinstance(each, ast.FunctionDef) and each.name == "forward":
                    line = self.edits.at(each.lineno, each.col_offset)
                    start = self.edits.source.index(b"forward", line)
                    self.edits.replace(start, start + len(b"forward"), "construct")
        self.generic_visit(node)

    # ---- the end

    def finish(self) -> Ported:
        packages = [name for name in PACKAGES if name in self.used]
        lines = ["import framework"] if "framework" in self.used else []
        lines += [f"from framework import {', '.join(packages)}"] if packages else []
        for number, node in enumerate(self.imports):
            start, end = self.edits.span(node)
            new = "\n".join(lines) if number == 0 else ""
            if self.torch_stays:
                self.edits.replace(start, start, f"{new}\n" if new else "")
            else:
                line_end = self.edits.source.find(b"\n", end)
                gone = new == "" and line_end >= 0
                self.edits.replace(start, line_end + 1 if gone else end, new)
        return Ported(self.edits.result(), sorted(set(self.remarks)))


def _root(node: ast.expr) -> str | None:
    """The name that a dotted expression begins with."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _positional(row: Row, method: bool) -> list[str]:
    """The names that our function takes by position, in order."""
    try:
        parameters = list(inspect.signature(row.target()).parameters.values())
    except (TypeError, ValueError):
        return []
    names = [each.name for each in parameters if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    return names[1:] if method else names
