"""Rows of runs in a file, each written when it is measured, in the place of the one it renews.

A run that is cut loses nothing, and a run of some operators renews their rows alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kernels.errors import BadArgument

Row = dict[str, Any]
Case = tuple[str, str, str]  # operator, label, dtypes


class Record:
    """A file of rows that hold for one machine and one set of versions.

    Args:
        path: of the file; it is made with the first row.
        machine: what the rows hold for.
        cases: all there are, in the order of the file; rows of others are dropped.

    Raises:
        BadArgument: the file has rows of another machine.
    """

    def __init__(self, path: Path, machine: dict[str, Any], cases: Sequence[Case]) -> None:
        self.path, self.machine = path, machine
        self._place = {case: i for i, case in enumerate(cases)}
        self._rows: dict[tuple[int, int], Row] = {}
        if path.exists():
            kept = json.loads(path.read_text())
            if kept["machine"] != machine:
                other = {name: kept["machine"].get(name) for name in machine}
                apart = ", ".join(
                    f"{n}: {other[n]}, here {machine[n]}" for n in machine if other[n] != machine[n]
                )
                raise BadArgument(
                    f"{path} holds for another machine ({apart}); choose another file with --data"
                )
            for row in kept["rows"]:
                self._put(row)

    @property
    def rows(self) -> list[Row]:
        """By number of threads, then in the order of the cases."""
        return [self._rows[place] for place in sorted(self._rows)]

    @property
    def kept(self) -> dict[str, Any]:
        """What the file holds."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return {"machine": self.machine, "at": at, "rows": self.rows}

    def add(self, row: Row) -> None:
        """Put a row in its place, in the file too."""
        self._put(row)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self.kept, indent=1) + "\n")
        os.replace(new, self.path)

    def _put(self, row: Row) -> None:
        place = self._place.get((row["operator"], row["case"], row["dtypes"]))
        if place is not None:
            self._rows[row["threads"], place] = row
