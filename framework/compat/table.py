"""The table of torch's names and ours: one row a name, tab-separated, in `torch_api.tsv`.

Columns: torch's name; ours (empty where missing); class; arguments; an example that both must compute
alike; a note. Classes:

    same      the same name, arguments in the same order, the same values and gradients
    renamed   as that, but the name or names of arguments differ
    default   as that, but a default differs, which the arguments say
    written   as that, but by an expression of the arguments' names, without the keywords that are not given
    meaning   something else happens under the name that comes nearest; the note says what
    missing   there is nothing; the note says what to write

Arguments are torch's, in torch's order, each as `theirs=ours`, with `:=value` behind it where torch's default
must be passed; `theirs=-` cannot be given (but as None or False, or as the value in `theirs=-:value`);
`theirs=~` is ignored; `theirs=ours...` takes all that follow by position as one tuple; `self=` is passed by
position. `*` alone: all are passed on as they are. `=` alone: no function.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from framework.errors import ArgumentError

FILE = Path(__file__).with_name("torch_api.tsv")
CLASSES = ("same", "renamed", "default", "written", "meaning", "missing")
ALIKE = ("same", "renamed", "default", "written")  # a script that uses the name can use ours
_NONE = object()


@dataclass(frozen=True)
class Argument:
    """One argument of torch's function, and what becomes of it."""

    theirs: str
    ours: str  # "" is passed by position, "-" refused, "~" ignored
    many: bool = False  # takes all that follow by position
    default: Any = _NONE  # passed where it is not given
    allowed: Any = None  # of a refused argument, the one value that changes nothing

    @classmethod
    def parse(cls, text: str) -> Argument:
        """From `theirs=ours`, as the module says."""
        theirs, _, rest = text.partition("=")
        ours, colon, value = rest.partition(":")
        if value.startswith("="):
            return cls(theirs, ours, default=ast.literal_eval(value[1:]))
        return cls(
            theirs,
            ours.removesuffix("..."),
            ours.endswith("..."),
            allowed=ast.literal_eval(value) if colon else None,
        )

    def has_default(self) -> bool:
        """Is there a value to pass where torch's caller gives none?"""
        return self.default is not _NONE


@dataclass(frozen=True)
class Row:
    """One name of torch's."""

    torch: str
    ours: str
    kind: str
    arguments: str
    example: str
    note: str

    def parsed(self) -> tuple[Argument, ...]:
        """The arguments; none where all are passed on as they are."""
        return _parsed(self.arguments)

    def passes_on(self) -> bool:
        """Are arguments passed on as they are, rather than renamed?"""
        return self.arguments in ("*", "=", "")

    def target(self) -> Any:
        """Our function, class or dtype."""
        if self.kind == "written":
            return self._written
        module, names = importlib.import_module("framework"), self.ours.split(".")[1:]
        found: Any = module
        for at, name in enumerate(names):
            if not hasattr(found, name):
                importlib.import_module(".".join(["framework", *names[: at + 1]]))
            found = getattr(found, name)
        return found

    def expression(self, given: Mapping[str, str]) -> str:
        """A written row's expression, of these texts for its arguments' names.

        Raises:
            ArgumentError: an argument that it cannot do without is not given.
        """
        made = _Filled(given, {each.ours for each in self.parsed()}).visit(ast.parse(self.ours, mode="eval"))
        return ast.unparse(made)

    def _written(self, **options: Any) -> Any:
        names = {name: importlib.import_module(f"framework.{name}") for name in ("nn", "ops")}
        names["framework"] = importlib.import_module("framework")
        return eval(self.expression({name: name for name in options}), names, options)  # noqa: S307 (the table's)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Torch's arguments as ours. Raises ArgumentError for one that ours cannot do."""
        if self.passes_on():
            return list(args), dict(kwargs)
        given = self._by_name(args, kwargs)
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for argument in self.parsed():
            value = given.pop(argument.theirs, argument.default)
            if argument.ours == "-":
                self._refuse(argument, value)
            elif value is not _NONE and argument.ours == "":
                positional.append(value)
            elif value is not _NONE and argument.ours != "~":
                named[argument.ours] = value
        if given:
            raise ArgumentError(f"{self.torch}: argument {next(iter(given))!r} is not known to {self.ours}")
        return positional, named

    def _by_name(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        known = self.parsed()
        given = dict(kwargs)
        for place, value in enumerate(args):
            if place >= len(known):
                raise ArgumentError(f"{self.torch}: {len(args)} arguments, {self.ours} takes {len(known)}")
            if known[place].many and isinstance(value, int):
                given[known[place].theirs] = tuple(args[place:])
                break
            given[known[place].theirs] = value
        return given

    def _refuse(self, argument: Argument, value: Any) -> None:
        if value is _NONE or value is None or value is False or value == argument.allowed:
            return
        raise ArgumentError(
            f"{self.torch}: {argument.theirs}={value!r} has nothing like it in {self.ours}"
            + (f"; {self.note}" if self.note else "; leave it out")
        )


class _Filled(ast.NodeTransformer):
    """Texts for names, and no keywords whose value was not given."""

    def __init__(self, given: Mapping[str, str], names: set[str]) -> None:
        self.given, self.names = given, names

    def visit_Call(self, node: ast.Call) -> ast.AST:
        left_out = self.names - self.given.keys()
        node.keywords = [
            each
            for each in node.keywords
            if not (isinstance(each.value, ast.Name) and each.value.id in left_out)
        ]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in self.names:
            return node
        if node.id not in self.given:
            raise ArgumentError(f"argument {node.id!r} is needed")
        return ast.parse(self.given[node.id], mode="eval").body


@cache
def _parsed(text: str) -> tuple[Argument, ...]:
    return () if text in ("*", "=", "") else tuple([Argument.parse(each) for each in text.split(" ")])


@cache
def rows() -> dict[str, Row]:
    """All rows, by torch's name."""
    lines = FILE.read_text(encoding="utf-8").splitlines()[1:]
    return {row.torch: row for row in (Row(*line.split("\t")) for line in lines)}
