"""Goes through a dataset epoch by epoch, in worker processes if asked; says and restores where it is."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from framework.data.dataset import Dataset
from framework.data.workers import Workers
from framework.errors import ArgumentError


class Loader:
    """Iterating gives the rest of the present epoch, then the next epoch, and so on.

    The rows are those of `dataset.row(epoch, 0), dataset.row(epoch, 1) …` for any `num_workers`. After a row
    was given, `state_dict()` says so: restored into a new loader, it goes on with the row after it.

    Raises:
        ArgumentError: `num_workers` is negative; no dataset.
        WorkerError: while iterating, the dataset raised in a worker, or a worker died.
    """

    def __init__(self, dataset: Dataset, num_workers: int = 0) -> None:
        if num_workers < 0:
            raise ArgumentError(f"Loader: num_workers is {num_workers}; 0 (this process) or more is needed")
        self.dataset, self.num_workers = dataset, num_workers
        self.epoch = 0
        self.position = 0  # rows of the epoch given so far
        self._workers: Workers | None = None

    def __len__(self) -> int:
        """The number of rows of a whole epoch."""
        return len(self.dataset)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        rows = self._rows()
        try:
            for row in rows:
                self.position += 1
                yield row
        finally:
            rows.close()
        self.epoch, self.position = self.epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        """Where the loader is: three integers that fit into JSON."""
        return {"epoch": self.epoch, "position": self.position, "length": len(self)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state` was taken.

        Raises:
            ArgumentError: it was taken from a dataset of another length, whose rows would be other ones.
        """
        if state["length"] != len(self):
            raise ArgumentError(
                f"the state is of a dataset with {state['length']} rows an epoch, this one has {len(self)}; "
                "resuming needs the same data and batch size"
            )
        self.epoch, self.position = state["epoch"], state["position"]

    def close(self) -> None:
        """End the worker processes; iterating again starts new ones."""
        if self._workers is not None:
            self._workers.close()
            self._workers = None

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rows(self) -> Any:
        if not self.num_workers:
            return (self.dataset.row(self.epoch, i) for i in range(self.position, len(self)))
        if self._workers is None:
            self._workers = Workers(self.dataset, self.num_workers)
            weakref.finalize(self, self._workers.close)
        return self._workers.rows(self.epoch, self.position, len(self))
