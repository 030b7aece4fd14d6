"""States move here and nowhere else, by compare-and-swap.

A table says which moves exist. `move` is one conditional UPDATE whose row count is looked at: of two who try
at once, one gets True. Works on SQLite and PostgreSQL alike and needs no lock. A state without outgoing moves
is terminal and never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, TextChoices


@dataclass(frozen=True)
class Transitions:
    """The moves of one model's `state` field."""

    states: type[TextChoices]
    table: Mapping[str, frozenset[str]]

    def __post_init__(self) -> None:
        missing = set(self.states.values) - set(self.table)
        if missing:
            raise ValueError(f"{self.states.__name__}: no row for {', '.join(sorted(missing))}")

    @property
    def terminal(self) -> frozenset[str]:
        return frozenset(state for state, targets in self.table.items() if not targets)

    @property
    def live(self) -> frozenset[str]:
        return frozenset(self.table) - self.terminal

    def move(
        self,
        row: Model,
        target: str,
        *,
        only_from: Iterable[str] | None = None,
        unchanged: Iterable[str] = (),
        **changes: Any,
    ) -> bool:
        """Move `row` to `target`, with other columns in the same UPDATE.

        `unchanged` names columns that must still hold what `row` carries.

        Returns:
            False if the row was no longer as the move needs it; nothing was written then.

        Raises:
            ValueError: no state at all allows the move: a mistake in the code.
        """
        sources = {state for state, targets in self.table.items() if target in targets}
        if only_from is not None:
            sources &= set(only_from)
        if not sources:
            raise ValueError(f"{type(row).__name__}: nothing moves to {target!r}")
        as_read = {name: getattr(row, name) for name in unchanged}
        rows = type(row)._default_manager.filter(pk=row.pk, state__in=sources, **as_read)
        if rows.update(state=target, **changes) != 1:
            return False
        row.refresh_from_db(fields=["state", *changes])
        return True


def table(states: type[TextChoices], moves: Mapping[str, Iterable[str]]) -> Transitions:
    return Transitions(
        states, {str(source): frozenset(map(str, targets)) for source, targets in moves.items()}
    )
