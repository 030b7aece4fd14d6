"""Prepared queries on PostgreSQL: planned once for each connection, which often takes longer than to answer.

Not in charge of writing them (`prepared.py`). Needs psycopg.

Theory of operation
- Django puts values into the text of a query, so the server meets a new one each time. Here arguments go
  beside the text, and psycopg has the server keep the plan, one for all arguments (`settings.DATABASES`).
- What is no argument is written into the text: it tells the planner which rows are meant, and fits partial
  indexes. So a function under `@prepared` asks by keys and the like, where one plan is good for all.
- A list is one argument, of whatever length.
- A pooler between the site and the server must know of prepared statements, as PgBouncer does from 1.21 on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorDebugWrapper, CursorWrapper
from psycopg.sql import Literal
from psycopg.types.numeric import Int8

from hub.core.prepared import Place

HOLE = re.compile(r"%%|IN \(%s(?:, %s)*\)|%s")
KEPT = 300  # plans of a connection; psycopg's own limit is 100


@dataclass(frozen=True)
class Planned:
    sql: str
    arguments: Sequence[int]  # which of them goes where

    def on(self, connection: Any) -> Planning:
        return Planning(connection)

    def filled_in(self, given: Sequence[Any]) -> list[Any]:
        return [_typed(given[one]) for one in self.arguments]


class Planning:
    """A connection of Django's whose cursors take arguments beside the text."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self) -> Any:
        connection = self._connection
        connection.ensure_connection()
        connection.connection.prepared_max = KEPT
        cursor = ServerBindingCursor(connection.connection)  # type: ignore[call-arg]  # psycopg's, untyped here
        return Logged(cursor, connection) if connection.queries_logged else connection.make_cursor(cursor)


class Logged(CursorDebugWrapper):
    """For tests that count queries: psycopg does not tell the text of a query whose plan is kept."""

    def execute(self, sql: Any, params: Any = None) -> Any:
        with self.debug_sql(sql, params):
            return CursorWrapper.execute(self, sql, params)


def planned(sql: str, parameters: Sequence[Any]) -> Planned:
    left, arguments = iter(parameters), list[int]()
    return Planned(HOLE.sub(lambda hole: _filled(hole[0], left, arguments), sql), arguments)


def _filled(hole: str, left: Iterator[Any], arguments: list[int]) -> str:
    if hole == "%%":
        return hole
    values = [next(left) for _ in range(hole.count("%s"))]
    lists = {one.argument for one in values if isinstance(one, Place) and one.at is not None}
    if lists:
        arguments += lists  # one: a list is all that its IN holds
        return "= ANY(%s)"
    return re.sub("%s", lambda _hole: _value(values.pop(0), arguments), hole)


def _value(one: Any, arguments: list[int]) -> str:
    if isinstance(one, Place):
        if one.at is not None:
            raise ValueError("A list of a prepared query is for __in, nothing else.")
        arguments.append(one.argument)
        return "%s"
    return Literal(one).as_string(None).replace("%", "%%")


def _typed(value: Any) -> Any:
    """Whole numbers as one type, whatever their size: else the server would plan for each."""
    if isinstance(value, list):
        return [_typed(one) for one in value]
    return Int8(value) if type(value) is int else value
