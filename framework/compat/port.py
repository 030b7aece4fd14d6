"""`python -m framework port model.py`: a script for torch, rewritten as far as that is safe.

Theory of operation. Names are resolved through the file's imports, looked up in the table (`table.py`), and
edited in place by their positions, so that comments and layout stay. Arguments are renamed; one that ours
takes at another place is passed by name. Training steps become `value_and_grad` (`steps.py`). What the table
does not call alike stays, under torch's full name (`nn` is ours now), and is remarked on, line by line, with
what to write instead. Methods (`x.view(...)`)
belong to objects whose type is not known: they are renamed where the table has them under `torch.Tensor` and
the file defines no such function, and that is remarked on too.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from framework.compat.calls import PACKAGES, Calls, Remark
from framework.compat.steps import CLIPS, last, steps
from framework.compat.table import ALIKE, Row, rows
from framework.errors import ArgumentError

# Whose methods are looked for in the table, where an object's type is not known.
OWNERS = {
    "torch.Tensor": "a tensor",
    "torch.nn.Module": "a module",
    "torch.optim.Optimizer": "an optimiser or a scheduler",
    "torch.optim.lr_scheduler.LRScheduler": "a scheduler",
}
# Methods of tensors that are attributes, conversions or nothing here: what `.name()` becomes.
ENDINGS = {
    "size": ".shape", "dim": ".ndim", "numel": ".size", "contiguous": "", "cpu": "", "t": ".T",
    **{name: f".astype(framework.{dtype})" for name, dtype in (
        ("float", "float32"), ("double", "float64"), ("half", "float16"), ("bfloat16", "bfloat16"),
        ("long", "int64"), ("int", "int32"), ("bool", "bool_"),
    )},
}  # fmt: skip


UNRECORDED = {"torch.no_grad", "torch.inference_mode"}


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


def _spelled(ours: str) -> str:
    """framework.nn.Dense as a script that imports the packages writes it."""
    rest = ours.removeprefix("framework.")
    return rest if rest.partition(".")[0] in PACKAGES else ours


class _Porter(Calls, ast.NodeVisitor):
    def __init__(self, source: str, tree: ast.Module) -> None:
        super().__init__(source, tree)
        self.imports: list[ast.Import | ast.ImportFrom] = []
        self.aliases: dict[str, str] = {}  # a name of the file -> torch's dotted one
        self.foreign: set[str] = set()  # modules beside torch: their functions are no methods of tensors
        self.cells: set[str] = set()  # classes of the file that are modules
        self.steps = list(steps(tree))
        self.stepped = {call for step in self.steps for call in step.calls()}
        # Names that the file gives functions and attributes of its own: no methods of tensors.
        self.own = {node.name for node in self.above if isinstance(node, ast.FunctionDef)} | {
            node.attr
            for node in self.above
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _root(node) == "self"
        }

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
        self.edits.replace(*self.edits.span(node), full)

    def _name(self, node: Any, ours: str) -> None:
        self.edits.replace(*self.edits.span(node), _spelled(ours))
        self.used.add(ours.split(".")[1] if ours.split(".")[1] in PACKAGES else "framework")

    def _named(self, node: Any, full: str) -> None:
        """A name that is not called. The class of tensors, in an annotation, is the same; its call is not."""
        if full == "torch.Tensor":
            self._name(node, "framework.Tensor")
        elif (row := self._row(node, full)) and row.kind == "written":
            self._leave(node, full)
            self._remark(node, f"{full} is written {row.ours} when it is called: give a function of that")
        elif row is not None:
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
        full = self.aliases.get(node.id) if isinstance(node.ctx, ast.Load) else None
        if full == "torch":
            self._leave(node, full)
            self._remark(node, "torch itself is used, not one of its names: what for is not known")
        elif full is not None:
            self._named(node, full)

    # ---- calls

    def visit_Call(self, node: ast.Call) -> None:
        stepped = node in self.stepped
        for each in (*node.args[stepped:], *[keyword.value for keyword in node.keywords]):
            self.visit(each)
        full = self._full(node.func)
        if stepped:
            self.used |= {"framework"} | ({"optim"} if last(node.func) in CLIPS else set())
        elif full is not None:
            self._function(node, full)
        elif isinstance(node.func, ast.Attribute):
            self._method(node, node.func)
        else:
            self.visit(node.func)

    def _function(self, node: ast.Call, full: str) -> None:
        row = self._row(node.func, full)
        if row is not None and row.kind == "written":
            if not self._write(node, row, node.args):
                self._leave(node.func, full)
        elif row is not None and self._arguments(node, row):
            self._name(node.func, row.ours)
        elif row is not None:
            self._leave(node.func, full)

    def _placed(self, node: ast.Call, func: ast.Attribute) -> bool:
        """Methods that are told by where they stand, or what with."""
        above, (_, end) = self.above[node], self.edits.span(node)
        taker = (self._full(above.func) or "") if isinstance(above, ast.Call) else ""
        if func.attr == "parameters" and taker.startswith("torch.optim."):
            self._attribute(func, "trainable_params")
        elif func.attr == "zero_grad" and isinstance(above, ast.Expr):
            self._leave_out(above)
        elif func.attr == "to" and len(node.args) == 1 and "device" in ast.unparse(node.args[0]):
            self.edits.replace(self.edits.span(func.value)[1], end, "")
            self._remark(node, ".to(device) was left out: framework.set_device() chooses for all")
        elif func.attr == "to" and len(node.args) == 1 and self._full(node.args[0]) in rows():
            pass  # a dtype
        elif func.attr == "register_buffer" and isinstance(above, ast.Expr) and len(node.args) == 2:
            name, value = node.args
            if not isinstance(name, ast.Constant):
                return False
            last = self.edits.span(value)[1]
            self.edits.replace(last, last, ", requires_grad=False")
            start = self.edits.span(func.value)[1]
            self.edits.replace(start, self.edits.span(value)[0], f".{name.value!s} = framework.Parameter(")
            self.used.add("framework")
        else:
            return False
        return True

    def _method(self, node: ast.Call, func: ast.Attribute) -> None:
        self.visit(func.value)
        if self._placed(node, func):
            return
        owner = next((each for each in OWNERS if f"{each}.{func.attr}" in rows()), None)
        if func.attr == "forward":
            self._attribute(func, "construct")
        if owner is None or func.attr in self.own or _root(func) in self.foreign:
            return
        row, what_it_is = rows()[f"{owner}.{func.attr}"], OWNERS[owner]
        if func.attr in ENDINGS and not node.keywords and len(node.args) <= (func.attr == "size"):
            self._ending(node, func)
        elif row.kind == "written":
            if self._write(node, row, [func.value, *node.args]):
                self._remark(node, f".{func.attr}() was written {row.ours}, as if of {what_it_is}")
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

    # ---- statements

    def visit_With(self, node: ast.With) -> None:
        calls = [each.context_expr for each in node.items if isinstance(each.context_expr, ast.Call)]
        names = [self._full(each.func) for each in calls]
        beside = node.body[0].lineno == node.lineno  # on the same line
        if beside or len(node.items) > 1 or not UNRECORDED.intersection(names) or self._is_forward(node):
            self.generic_visit(node)
            return
        for each in node.body:
            self.visit(each)
        self._remark(node, f"{names[0]} was left out: {rows()[str(names[0])].note}")
        self._delete(node.lineno)
        width = node.body[0].col_offset - node.col_offset
        for line in range(node.lineno + 1, (node.end_lineno or 0) + 1):
            start, end = self.edits.starts[line - 1 : line + 1]
            if self.edits.rendered(start, end).strip():
                self.edits.replace(start, start + width, "")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for each in node.decorator_list:
            name = self._full(each.func if isinstance(each, ast.Call) else each)
            if name in UNRECORDED and node.name != "forward":
                self._remark(each, f"{name} was left out: {rows()[str(name)].note}")
                self._delete(each.lineno)
            else:
                self.visit(each)
        for below in ast.iter_child_nodes(node):
            if below not in node.decorator_list:
                self.visit(below)

    def _is_forward(self, node: ast.AST) -> bool:
        """Does it stand in a module's forward, which somebody differentiates?"""
        while node in self.above:
            node = self.above[node]
            if isinstance(node, ast.FunctionDef):
                return node.name == "forward"
        return False

    def _delete(self, line: int) -> None:
        self.edits.replace(self.edits.starts[line - 1], self.edits.starts[line], "")

    def _leave_out(self, statement: ast.stmt) -> None:
        """A statement that does nothing here."""
        body = getattr(self.above[statement], "body", [])
        (start, end), line = self.edits.span(statement), self.edits.starts[statement.lineno - 1]
        rest = self.edits.source[end : self.edits.starts[statement.lineno]].strip()
        alone = not self.edits.source[line:start].strip() and rest[:1] in (b"", b"#")
        if alone and statement in body and len(body) > 1:
            self._delete(statement.lineno)
        else:
            self.edits.replace(start, end, "pass")

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
        for step in self.steps:
            step.write(self.edits)
        packages = [name for name in PACKAGES if name in self.used]
        lines = ["import framework"] if "framework" in self.used else []
        lines += [f"from framework import {', '.join(packages)}"] if packages else []
        stays = any(new.split(b".")[0] == b"torch" for *_, new in self.edits.made)
        lines += ["import torch"] if stays else []
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
