"""Which named constraint an IntegrityError is about, on SQLite and PostgreSQL alike.

A race is decided by a constraint: the loser is told so, any other breach is a mistake and must be seen.
"""

from __future__ import annotations

from django.db import IntegrityError
from django.db.models import Model, UniqueConstraint


def broken(error: IntegrityError, model: type[Model], name: str) -> bool:
    """Whether `error` is the breach of the constraint `name` of `model`."""
    details = getattr(error.__cause__, "diag", None)
    if details is not None:
        return bool(details.constraint_name == name)
    # SQLite names a check, but of a unique index only the columns.
    return str(error) in {
        f"CHECK constraint failed: {name}",
        f"UNIQUE constraint failed: {_columns(model, name)}",
    }


def _columns(model: type[Model], name: str) -> str:
    constraint = next(found for found in model._meta.constraints if found.name == name)
    if not isinstance(constraint, UniqueConstraint):
        return ""
    columns = {field.name: field.column for field in model._meta.concrete_fields}
    return ", ".join(f"{model._meta.db_table}.{columns[field]}" for field in constraint.fields)
