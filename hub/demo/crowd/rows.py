"""Rows in bulk: tuples in, written table by table in the order that foreign keys ask for.

Not in charge of what the rows say. No rule of the hub is asked on this road and no audit line is written, so
only a database without real data may be filled by it (`sizes.make` refuses any other).

Theory of operation
- PostgreSQL takes them by COPY, SQLite by one INSERT for many rows. Values are Python's; JSON comes as
  text that is JSON already, because most of it is the same for thousands of rows.
- Columns that a caller does not name get the default of their field, so a new column needs no change here.
- Keys are given out here, so that a row can name another one before either is written.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models, transaction

BATCH = 20_000  # rows of the largest table; all tables are written then


class Table:
    """Rows of one model. `add` takes the named columns in order and returns the row's key."""

    def __init__(self, model: type[models.Model], *columns: str) -> None:
        self.model = model
        fields = {field.attname: field for field in model._meta.concrete_fields}
        if unknown := set(columns) - set(fields):
            raise ValueError(f"{model.__name__} has no column {sorted(unknown)[0]!r}")
        key = model._meta.pk
        self._counts = isinstance(key, models.AutoField)
        rest = [name for name, field in fields.items() if name not in columns and field is not key]
        self._rest = [_default(fields[name]) for name in rest]
        self.order = [*([key.attname] if self._counts else []), *columns, *rest]
        self._columns = [fields[name] for name in self.order]
        self.last = (self._counts and model._default_manager.aggregate(last=models.Max("pk"))["last"]) or 0
        self.rows: list[tuple[Any, ...]] = []

    def add(self, *values: Any) -> Any:
        if not self._counts:
            self.rows.append((*values, *self._rest))
            return values[0]
        self.last += 1
        self.rows.append((self.last, *values, *self._rest))
        return self.last

    def change(self, place: int, **columns: Any) -> None:
        """Change columns of a row that is not written yet."""
        row = list(self.rows[place])
        for name, value in columns.items():
            row[self.order.index(name)] = value
        self.rows[place] = tuple(row)

    def write(self) -> None:
        """All rows so far, in one transaction of the caller's."""
        if not self.rows:
            return
        rows, self.rows = self.rows, []
        names = ", ".join(connection.ops.quote_name(str(field.column)) for field in self._columns)
        table = connection.ops.quote_name(self.model._meta.db_table)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            else:
                marks = ", ".join("%s" for _ in self._columns)
                adapt = [
                    (at, change) for at, field in enumerate(self._columns) if (change := _adapter(field))
                ]
                cursor.executemany(
                    f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608  # names of our own models
                    (_adapted(row, adapt) for row in rows),
                )


def write(tables: list[Table]) -> None:
    """Write what is there, in this order, at once or not at all."""
    with transaction.atomic():
        for table in tables:
            table.write()


def finish(tables: list[Table]) -> None:
    """Write the rest, let the database count on from the last keys, and let it know how much there is."""
    write(tables)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [table.model for table in tables]):
            cursor.execute(statement)
        cursor.execute("ANALYZE")


def _default(field: models.Field[Any, Any]) -> Any:
    value = field.get_default()
    return json.dumps(value) if isinstance(field, models.JSONField) else value


def _adapter(field: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    """How SQLite wants a value that is not a number or text; None if as it is."""
    target = field.target_field if isinstance(field, models.ForeignKey) else field
    if isinstance(target, models.UUIDField):
        return lambda value: value and value.hex
    if isinstance(target, models.DateTimeField):
        return lambda value: value and value.replace(tzinfo=None).isoformat(" ")
    return None


def _adapted(row: tuple[Any, ...], adapt: list[tuple[int, Callable[[Any], Any]]]) -> list[Any]:
    values = list(row)
    for at, change in adapt:
        values[at] = change(values[at])
    return values
