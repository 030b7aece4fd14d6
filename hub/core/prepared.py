"""Queries that are written once and asked often.

Django writes the SQL of a query anew each time, which takes longer than most of our answers do. A function
under `@prepared` gives the query; its SQL is kept, and each call only puts its arguments in.

Not in charge of answers: every call asks the database. PostgreSQL keeps its plans as well (`plans.py`).

Rules for such a function
- It is called once, with stand-ins: it may compare columns with them, and nothing else. What it computes by
  itself, such as the time it is, would stay in the SQL for ever: that is an argument too.
- Arguments are keys, texts, numbers, moments, or lists of them for `__in`. Rows go in by their keys, and for
  `__in` a relation is named with its key (`pull__pk__in`). A list may be of any length, also empty: it must
  be such that an empty one finds nothing.
- The answer is a list: nothing can be added to the query.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import QuerySet, Value

if TYPE_CHECKING:
    from hub.core.plans import Planned

Given = ParamSpec("Given")
Row = TypeVar("Row")


@dataclass(frozen=True)
class Place:
    """Where an argument goes, or one of the values of a list."""

    argument: int
    at: int | None = None


@dataclass(frozen=True)
class Written:
    rows: QuerySet[Any, Any]
    compiler: Any  # Django's, which also knows how rows are made of what comes back
    sql: str
    parameters: Sequence[Any]  # with places

    @cached_property
    def planned(self) -> Planned:
        """For PostgreSQL."""
        from hub.core.plans import planned  # its driver is not everywhere

        return planned(self.sql, self.parameters)


def prepared(write: Callable[Given, QuerySet[Any, Row]]) -> Callable[Given, list[Row]]:
    """Ask what this function writes, with the arguments of the call."""
    kept: dict[tuple[Any, ...], Written] = {}  # by the lengths of lists, and what was given by name

    @wraps(write)
    def asked(*arguments: Given.args, **named: Given.kwargs) -> list[Row]:
        given = [_filled_up(one) if isinstance(one, list) else one for one in (*arguments, *named.values())]
        if [] in given:
            return []
        lengths = [len(one) if isinstance(one, list) else None for one in given]
        written = kept.get(key := (*lengths, *named))
        if written is None:
            written = kept[key] = _written(write, lengths, tuple(named))
        return _answer(written, given)

    return asked


def _filled_up(values: list[Any]) -> list[Any]:
    """With its last value once more until its length is a power of two: few lengths are written."""
    return values + values[-1:] * ((1 << (len(values) - 1).bit_length()) - len(values)) if values else values


def _written(
    write: Callable[..., QuerySet[Any, Any]], lengths: Sequence[int | None], names: Sequence[str]
) -> Written:
    stand_ins: list[Any] = [
        Value(Place(number)) if length is None else [Value(Place(number, at)) for at in range(length)]
        for number, length in enumerate(lengths)
    ]
    plain = len(lengths) - len(names)
    rows = write(*stand_ins[:plain], **dict(zip(names, stand_ins[plain:], strict=True)))
    compiler = rows.query.get_compiler(rows.db)
    sql, parameters = compiler.as_sql()
    for one in parameters:
        if _is_moment(one):
            raise ValueError(f"{write.__qualname__} would ask for {one} for ever: make it an argument.")
    return Written(rows, compiler, sql, parameters)


def _is_moment(value: Any) -> bool:
    """SQLite takes moments as texts."""
    if isinstance(value, str):
        try:
            return bool(datetime.fromisoformat(value))
        except ValueError:
            return False
    return isinstance(value, datetime)


class _Asked:
    """A query whose compiler has nothing to write any more."""

    def __init__(self, query: Any, compiler: Any) -> None:
        self._query, self._compiler = query, compiler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._query, name)

    def get_compiler(self, *_arguments: Any, **_named: Any) -> Any:
        return self._compiler


def _answer(written: Written, given: Sequence[Any]) -> list[Any]:
    connection = connections[DEFAULT_DB_ALIAS]
    compiler = copy.copy(written.compiler)
    compiler.connection = connection  # of this thread
    if connection.vendor == "postgresql":
        compiler.connection = written.planned.on(connection)
        asked: tuple[str, Sequence[Any]] = written.planned.sql, written.planned.filled_in(given)
    else:
        asked = written.sql, tuple(_filled_in(one, given, connection) for one in written.parameters)
    compiler.as_sql = lambda *_arguments, **_named: asked
    rows = object.__new__(type(written.rows))
    rows.__dict__ = written.rows.__dict__ | {"_query": _Asked(written.rows.query, compiler)}
    return list(rows)


def _filled_in(one: Any, given: Sequence[Any], connection: Any) -> Any:
    if not isinstance(one, Place):
        return one
    value = given[one.argument] if one.at is None else given[one.argument][one.at]
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value
