"""`python -m framework port model.py`: a script for torch, rewritten as far as that is safe.

Theory of operation. Names are resolved through the file's imports, looked up in the table (`table.py`), and
edited in place by their positions, so that comments and layout stay. Arguments are renamed; one that ours
takes at another place is passed by name. What the table does not call alike stays, under torch's full name
(`nn` is ours now), and is remarked on, line by line, with what to write instead. Methods (`x.view(...)`)
belong to objects whose type is not known: they are renamed where the table has them under `torch.Tensor` and
the file defines no such function, and that is remarked on too.
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
# Methods of tensors that are attributes, conversions or nothing here: what `.name()` becomes.
ENDINGS = {
    "size": ".shape", "dim": ".ndim", "numel": ".size", "contiguous": "", "t": ".T",
    **{name: f".astype(framework.{dtype})" for name, dtype in (
        ("float", "float32"), ("double", "float64"), ("half", "float16"), ("bfloat16", "bfloat16"),
        ("long", "int64"), ("int", "int32"), ("bool", "bool_"),
    )},
}  # fmt: skip


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
        theirs = [each for each in node.names if each.name.split(".")[0] == "torch"]
        self.imports += [node] if theirs else []
        for each in theirs:
            self.aliases[each.asname or "torch"] = each.name if each.asname else "torch"
        self.foreign |= {each.asname or each.name.split(".")[0] for each in node.names if each not in theirs}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if (node.module or "").split(".")[0] == "torch" and not node.level:
            if node.names[0].name == "*":
                self._remark(node, f"from {node.module} import * hides which names are used: name them")
                return
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
        self._leave(node, full)
        if row is None:
            self._remark(node, f"{full} is not in the table")
        else:
            what = "has no counterpart" if row.kind == "missing" else f"is not the same as {row.ours}"
            self._remark(node, f"{full} {what}" + (f": {row.note}" if row.note else ""))
        return None

    def _leave(self, node: Any, full: str) -> None:
        """Torch's name in full: what the file called by a shorter one may be a package of ours now."""
        self.torch_stays = True
        self.edits.replace(*self.edits.span(node), full)

    def _name(self, node: Any, ours: str) -> None:
        self.edits.replace(*self.edits.span(node), _spelled(ours))
        self.used.add(ours.split(".")[1] if ours.split(".")[1] in PACKAGES else "framework")

    def _named(self, node: Any, full: str) -> None:
        """A name that is not called. The class of tensors, in an annotation, is the same; its call is not."""
        if full == "torch.Tensor":
            self._name(node, "framework.Tensor")
        elif row := self._row(node, full):
            self._name(node, row.ours)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        full = self._full(node)
        if full is not None:
            self._named(node, full)
            return
        if node.attr in ("data", "grad"):
            self._remark(
                node, f".{node.attr}: if this is of a tensor: {rows()[f'torch.Tensor.{node.attr}'].note}"
            )
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        full = self.aliases.get(node.id)
        if full == "torch":
            self._leave(node, full)
            self._remark(node, "torch itself is used, not one of its names: what for is not known")
        elif full is not None:
            self._named(node, full)

    # ---- calls

    def visit_Call(self, node: ast.Call) -> None:
        full = self._full(node.func)
        if full is not None:
            row = self._row(node.func, full)
            if row is not None and self._arguments(node, row):
                self._name(node.func, row.ours)
            elif row is not None:
                self._leave(node.func, full)
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
        if func.attr in ENDINGS and not node.keywords and len(node.args) <= (func.attr == "size"):
            self._ending(node, func)
        elif row.kind not in ALIKE:
            cure = row.note or "there is nothing like it"
            self._remark(node, f".{func.attr}(): if this is {what_it_is}: {cure}")
        elif (name := row.ours.rpartition(".")[2]) != func.attr and self._arguments(node, row, method=True):
            self._attribute(func, name)
            self._remark(node, f".{func.attr}() was made .{name}(), as if of {what_it_is}")
        elif name == func.attr:
            self._arguments(node, row, method=True)

    def _ending(self, node: ast.Call, func: ast.Attribute) -> None:
        """`x.size()`, `x.size(0)`, `x.float()`: x.shape, x.shape[0], x.astype(…)."""
        new, end = ENDINGS[func.attr], self.edits.span(node)[1]
        start = self.edits.source.rindex(b".", 0, self.edits.span(func)[1])
        if node.args:
            self.edits.replace(start, self.edits.span(node.args[0])[0], f"{new}[")
            self.edits.replace(end - 1, end, "]")
        else:
            self.edits.replace(start, end, new)
        self.used |= {"framework"} if "framework" in new else set()
        self._remark(
            node, f".{func.attr}() was " + (f"made {new}" if new else "left out") + ", as if of a tensor"
        )

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
            return False
        planned = self._planned(node, row, known, method)
        if planned is None:
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
        return edits + self._defaults(node, known, given)

    def _keyword(
        self, node: ast.Call, row: Row, argument: Argument, keyword: ast.keyword
    ) -> list[tuple[int, int, str]] | None:
        start, end = self.edits.span(keyword)
        if argument.ours in ("", "-", "~"):
            named = argument if argument.theirs else Argument(str(keyword.arg), "-")
            if not self._droppable(node, row, named, keyword.value):
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
        lines += ["import torch"] if self.torch_stays else []
        for node in self.imports:
            start, end = self.edits.span(node)
            kept = [ast.unparse(ast.Import([each])) for each in node.names if self._is_other(node, each)]
            kept += lines if node is self._first() else []
            if node.col_offset and not kept:
                kept = ["pass"]  # it may be all that its block has
            line_end = self.edits.source.find(b"\n", end)
            self.edits.replace(start, end if kept or line_end < 0 else line_end + 1, _indented(kept, node))
        return Ported(self.edits.result(), sorted(set(self.remarks)))

    def _is_other(self, node: ast.Import | ast.ImportFrom, each: ast.alias) -> bool:
        return isinstance(node, ast.Import) and each.name.split(".")[0] != "torch"

    def _first(self) -> ast.Import | ast.ImportFrom:
        """The import that ours take the place of: the first of the module, else of all."""
        return min(self.imports, key=lambda node: (node.col_offset > 0, node.lineno))


def _indented(lines: list[str], node: ast.stmt) -> str:
    return ("\n" + " " * node.col_offset).join(lines)


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
