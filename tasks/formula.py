"""Formulas of `[work]`: arithmetic over the dims of a case, evaluated without `eval`. Standard library only.

Not in charge of what the numbers are used for (the physics floor and the roofline belong to the judge).
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping

OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
MAX_LENGTH = 200
ALLOWED = 'use numbers, dims, + - * / // and parentheses, e.g. "8*rows*cols"'


class BadFormula(ValueError):
    """Not plain arithmetic over known dims; the text says what is wrong and what is allowed."""


def parse(text: str, names: Iterable[str]) -> ast.expr:
    """Read a formula over `names`.

    Raises:
        BadFormula: not arithmetic, too long, or over a name that is not a dim.
    """
    if len(text) > MAX_LENGTH:
        raise BadFormula(f"longer than {MAX_LENGTH} characters; shorten it")
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadFormula(f"not a formula; {ALLOWED}") from None
    _check(tree, tuple(names))
    return tree


def evaluate(tree: ast.expr, dims: Mapping[str, int]) -> float:
    """The value for one case; 0 where the formula divides by a dim of size 0."""
    try:
        return float(_value(tree, dims))
    except ZeroDivisionError:
        return 0.0


def _check(node: ast.expr, names: tuple[str, ...]) -> None:
    match node:
        case ast.Constant(value=value) if type(value) in (int, float):
            return
        case ast.Name(id=name):
            if name not in names:
                raise BadFormula(f"{name!r} is not a dim; dims are {', '.join(names)}")
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            _check(left, names)
            _check(right, names)
        case _:
            raise BadFormula(f"{ast.unparse(node)!r} is not allowed here; {ALLOWED}")


def _value(node: ast.expr, dims: Mapping[str, int]) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name):
            return dims[name]
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](_value(left, dims), _value(right, dims))
    raise TypeError(f"unchecked formula: {ast.dump(node)}")
