"""Training steps of a script for torch: found where they can be told for sure, and written as ours.

A step is a block's `loss.backward()`, at most a clipping of gradients, and `optimizer.step()`. What the block
computes before becomes a function of its own, `forward`, which `value_and_grad` calls: the names that it
assigns and others read are returned beside the loss. What cannot be moved into a function stays as it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from framework.compat.edits import Edits

# A statement before the loss that calls nothing but these, and computes nothing, prepares: it stays outside.
PREPARES = (
    "to", "cuda", "train", "eval", "zero_grad", "float", "long", "view", "reshape", "unsqueeze", "squeeze",
)  # fmt: skip
CLIPS = {"clip_grad_norm_": "clip_by_global_norm", "clip_grad_value_": "clip_by_value"}
_IMMOVABLE = (
    ast.Return, ast.Break, ast.Continue, ast.Yield, ast.YieldFrom, ast.Await, ast.Delete, ast.Global,
    ast.Nonlocal, ast.Import, ast.ImportFrom, ast.AugAssign, ast.NamedExpr, ast.ClassDef, ast.FunctionDef,
    ast.For, ast.While, ast.If, ast.Try,
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One training step, as it stands in a block."""

    forward: list[ast.stmt]  # what computes the loss
    backward: ast.stmt
    clips: list[ast.Call]
    step: ast.stmt
    loss: str
    optimizer: str
    others: list[str]  # names that are assigned on the way and read elsewhere

    def calls(self) -> Iterator[ast.Call]:
        """The calls that are written otherwise here."""
        for each in (self.backward, self.step):
            yield from (node for node in ast.walk(each) if isinstance(node, ast.Call))
        yield from self.clips

    def write(self, edits: Edits) -> None:
        """The same by `value_and_grad`."""
        start = edits.span(self.backward)[0]
        indent = edits.source[start - self.backward.col_offset : start].decode()
        deeper = "\t" if indent.startswith("\t") else "    "
        for line in range(self.forward[0].lineno, self.forward[-1].end_lineno + 1):  # type: ignore[operator]
            if edits.rendered(edits.starts[line - 1], edits.starts[line]).strip():
                head = f"{indent}def forward():\n" if line == self.forward[0].lineno else ""
                edits.replace(edits.starts[line - 1], edits.starts[line - 1], f"{head}{deeper}")
        others = f"({', '.join(self.others)}{',' * (len(self.others) == 1)})"
        result = f"{self.loss}, {others}" if self.others else self.loss
        value, aux = (f"({result})", ", has_aux=True") if self.others else (self.loss, "")
        edits.replace(
            *edits.span(self.backward),
            f"{deeper}return {result}\n{indent}{value}, gradients = "
            f"framework.value_and_grad(forward, None, {self.optimizer}.parameters{aux})()",
        )
        for call in self.clips:
            limit = edits.rendered(*edits.span([*call.args[1:], *[each.value for each in call.keywords]][0]))
            name = CLIPS[last(call.func)]
            edits.replace(*edits.span(call), f"gradients = optim.{name}(gradients, {limit})")
        edits.replace(*edits.span(self.step), f"{self.optimizer}(gradients)")


def steps(tree: ast.Module) -> Iterator[Step]:
    """The training steps of a script."""
    scopes = [tree, *[node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]]
    for scope in scopes:
        for block in _blocks(scope):
            yield from _found(scope, block)


def _blocks(scope: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of a scope, not of functions in it; none of a module itself, which is no step."""
    body = getattr(scope, "body", [])
    if not isinstance(scope, ast.Module) and isinstance(body, list):
        yield body
    for each in [*body, *getattr(scope, "orelse", [])] if isinstance(body, list) else []:
        if not isinstance(each, ast.FunctionDef | ast.ClassDef):
            yield from _blocks(each)


def _found(scope: ast.AST, block: list[ast.stmt]) -> Iterator[Step]:
    begin = 0
    for at, statement in enumerate(block):
        loss = _owner(statement, "backward")
        if loss is None or "." in loss:
            continue
        rest = block[at + 1 :]
        clips = [call for each in rest[:1] if (call := _clip(each)) is not None]
        optimizer = _owner(rest[len(clips)], "step") if len(rest) > len(clips) else None
        forward = _forward(block[begin:at])
        if optimizer is None or not forward or not _movable(forward):
            continue
        before = block[block.index(forward[0]) - 1] if forward[0] is not block[0] else None
        if before is not None and before.end_lineno == forward[0].lineno:
            continue  # lines are moved as a whole
        inside = {id(node) for each in forward for node in ast.walk(each)}
        assigned = _names(forward, ast.Store)
        read = {
            node.id
            for node in ast.walk(scope)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in inside
        }
        if loss in assigned and not {"forward", "gradients", "framework"} & (read | assigned):
            others = sorted((assigned & read) - {loss})
            begin = at + len(clips) + 2
            yield Step(forward, statement, clips, rest[len(clips)], loss, optimizer, others)


def _forward(block: list[ast.stmt]) -> list[ast.stmt]:
    """What is left of a block without the statements that only prepare, at its beginning."""
    for at, statement in enumerate(block):
        for node in ast.walk(statement):
            if isinstance(node, ast.BinOp) or (
                isinstance(node, ast.Call) and last(node.func) not in PREPARES
            ):
                return block[at:]
    return []


def _movable(forward: list[ast.stmt]) -> bool:
    """Does it mean the same inside a function? Not if it branches, or reads what it assigns only later."""
    unassigned = _names(forward, ast.Store)
    for statement in forward:
        for node in ast.walk(statement):
            lines = isinstance(node, ast.Constant | ast.JoinedStr) and node.lineno != node.end_lineno
            steps = isinstance(node, ast.Call) and last(node.func) in ("backward", "step")
            if lines or steps or isinstance(node, _IMMOVABLE):  # a text of several lines would be indented
                return False
        if _names([statement], ast.Load) & unassigned:
            return False
        unassigned -= _names([statement], ast.Store)
    return True


def _names(statements: list[ast.stmt], context: type) -> set[str]:
    nodes = [node for each in statements for node in ast.walk(each)]
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def _owner(statement: ast.stmt, method: str) -> str | None:
    """Of a statement `name.method()`, the name, dotted perhaps."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or call.args or call.keywords or last(call.func) != method:
        return None
    name = ast.unparse(call.func).rpartition(".")[0]
    return name if name and all(part.isidentifier() for part in name.split(".")) else None


def _clip(statement: ast.stmt) -> ast.Call | None:
    """A statement's call that clips gradients, its limit the only argument beside the parameters."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    plain = isinstance(call, ast.Call) and len(call.args) + len(call.keywords) == 2 and bool(call.args)
    return call if plain and isinstance(call, ast.Call) and last(call.func) in CLIPS else None


def last(func: ast.expr) -> str:
    """The last part of a dotted name."""
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
