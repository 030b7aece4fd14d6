"""Datasets: what the rows of an epoch are, as a chain source → map → shuffle → batch. Runs no process.

Theory of operation. A dataset is a pure function of (epoch, index): asking for the same row of the same epoch
gives the same values, in whichever process and order it is asked. Each step of the chain translates the
indices it is asked for and passes them on to its parent: a shuffle looks them up in the epoch's permutation,
a batch widens one into a run, a map applies a function to what comes back. Nothing is iterated, so resuming
costs nothing and worker processes need no coordination: `framework.data.loader` merely deals out indices.
Values travel as columns; a column is an array of rows or a list of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from framework.core.arguments import checked
from framework.errors import ArgumentError, DTypeError, ShapeError

Column = Sequence[Any] | npt.NDArray[Any]
Indices = npt.NDArray[np.int64]


class RandomAccess(Protocol):
    """Rows by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class Dataset:
    """Rows by (epoch, index). Made by a source, then by `map`, `shuffle` and `batch`, each a new dataset."""

    column_names: tuple[str, ...]

    def __len__(self) -> int:
        """The number of rows of an epoch; after `batch`, of batches."""
        raise NotImplementedError

    def fetch(self, epoch: int, indices: Indices) -> tuple[Column, ...]:
        """The rows `indices` (int64, one axis) of `epoch`, column by column."""
        raise NotImplementedError

    def row(self, epoch: int, index: int) -> tuple[Any, ...]:
        """One row (after `batch`, one batch): a value for each column.

        Raises:
            IndexError: the epoch has no such row.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} asked for; an epoch of this dataset has rows 0 to {len(self) - 1}")
        return tuple(column[0] for column in self.fetch(epoch, np.array([index], np.int64)))

    @checked
    def map(
        self,
        operation: Callable[..., Any],
        input_columns: str | Sequence[str],
        output_columns: str | Sequence[str] | None = None,
        seed: int = 0,
    ) -> Dataset:
        """Apply `operation` to the values of `input_columns`, row by row.

        It returns one value, or a tuple of one for each of `output_columns` (the input columns if left out),
        which take the place of the first input column. If it has a parameter named `rng` it is given a NumPy
        generator that depends on `seed`, the epoch and the row alone.

        Raises:
            ArgumentError: a column that the dataset does not have, or a name used twice.
        """
        return _Map(self, operation, input_columns, output_columns, seed)

    @checked
    def shuffle(self, seed: int = 0) -> Dataset:
        """The rows in an order of their own in each epoch: a permutation drawn from (`seed`, epoch)."""
        return _Shuffle(self, seed)

    @checked
    def batch(self, batch_size: int, drop_remainder: bool = False) -> Dataset:
        """Rows stacked along a new first axis; the last batch is shorter, or left out by `drop_remainder`.

        Raises:
            ArgumentError: `batch_size` is less than 1.
            ShapeError: when fetched, rows of different shapes.
        """
        return _Batch(self, batch_size, drop_remainder)


class GeneratorDataset(Dataset):
    """Rows of anything with `len()` and `[]`: a row is a tuple with a value for each of `column_names`.

    Raises:
        DTypeError: a source without random access, which could be neither shuffled nor resumed.
    """

    def __init__(self, source: RandomAccess, column_names: str | Sequence[str]) -> None:
        if not (hasattr(source, "__len__") and hasattr(source, "__getitem__")):
            raise DTypeError(
                f"GeneratorDataset: source is a {type(source).__name__}, which has no len() or no [index]; "
                "rows are fetched by index. Cure: list(source), or a class with both methods"
            )
        self.source, self.column_names = source, _names(column_names)

    def __len__(self) -> int:
        return len(self.source)

    def fetch(self, epoch: int, indices: Indices) -> tuple[Column, ...]:
        rows = [self._checked(self.source[int(index)], int(index)) for index in indices]
        return tuple(zip(*rows, strict=True)) if rows else tuple([] for _ in self.column_names)

    def _checked(self, row: Any, index: int) -> tuple[Any, ...]:
        values = tuple(row) if isinstance(row, tuple | list) else (row,)
        if len(values) != len(self.column_names):
            raise ArgumentError(
                f"row {index} has {len(values)} values; the columns are {', '.join(self.column_names)}"
            )
        return values


class NumpySlicesDataset(Dataset):
    """Rows along the first axis of arrays, one array for each of `column_names`: no work per row.

    Raises:
        ArgumentError: arrays of different lengths, or not one for each name.
    """

    def __init__(
        self, data: npt.ArrayLike | Sequence[npt.ArrayLike], column_names: str | Sequence[str]
    ) -> None:
        self.column_names = _names(column_names)
        arrays = data if isinstance(data, tuple | list) else (data,)
        self.arrays = tuple(np.asanyarray(array) for array in arrays)
        lengths = [len(array) if array.ndim else None for array in self.arrays]
        if len(lengths) != len(self.column_names) or len(set(lengths)) != 1 or None in lengths:
            raise ArgumentError(
                f"NumpySlicesDataset: arrays of {lengths} rows given for the columns "
                f"{', '.join(self.column_names)}; one array for each, all of one length, is needed"
            )

    def __len__(self) -> int:
        return len(self.arrays[0])

    def fetch(self, epoch: int, indices: Indices) -> tuple[Column, ...]:
        return tuple(array[indices] for array in self.arrays)


class _Map(Dataset):
    def __init__(
        self,
        parent: Dataset,
        operation: Callable[..., Any],
        input_columns: str | Sequence[str],
        output_columns: str | Sequence[str] | None,
        seed: int,
    ) -> None:
        inputs = _names(input_columns)
        outputs = inputs if output_columns is None else _names(output_columns)
        for name in inputs:
            if name not in parent.column_names:
                raise ArgumentError(f"map: no column {name!r}; there are {', '.join(parent.column_names)}")
        self.parent, self.operation, self.outputs = parent, operation, outputs
        self.inputs = [parent.column_names.index(name) for name in inputs]
        self.kept = [i for i in range(len(parent.column_names)) if i not in self.inputs]
        self.at = sum(i < self.inputs[0] for i in self.kept)
        names = [parent.column_names[i] for i in self.kept]
        self.column_names = _names([*names[: self.at], *outputs, *names[self.at :]])
        self.seed, self.draws = seed, "rng" in inspect.signature(operation).parameters
        self.depth = _depth(parent)  # two maps with one seed must not draw the same numbers

    def __len__(self) -> int:
        return len(self.parent)

    def fetch(self, epoch: int, indices: Indices) -> tuple[Column, ...]:
        columns = self.parent.fetch(epoch, indices)
        results = [
            self._apply(epoch, int(index), [columns[i][at] for i in self.inputs])
            for at, index in enumerate(indices)
        ]
        made: list[Column] = [[result[i] for result in results] for i in range(len(self.outputs))]
        kept = [columns[i] for i in self.kept]
        return (*kept[: self.at], *made, *kept[self.at :])

    def _apply(self, epoch: int, index: int, values: list[Any]) -> tuple[Any, ...]:
        if self.draws:
            rng = np.random.default_rng((self.seed, self.depth, epoch, index))
            result = self.operation(*values, rng=rng)
        else:
            result = self.operation(*values)
        results = result if isinstance(result, tuple) else (result,)
        if len(results) != len(self.outputs):
            raise ArgumentError(
                f"map: {getattr(self.operation, '__name__', 'the operation')} returned {len(results)} values "
                f"for the columns {', '.join(self.outputs)}"
            )
        return results


class _Shuffle(Dataset):
    def __init__(self, parent: Dataset, seed: int) -> None:
        self.parent, self.seed, self.column_names = parent, seed, parent.column_names
        self._order: tuple[int, Indices] = (-1, np.empty(0, np.int64))

    def __len__(self) -> int:
        return len(self.parent)

    def fetch(self, epoch: int, indices: Indices) -> tuple[Column, ...]:
        if self._order[0] != epoch:
            rng = np.random.default_rng((self.seed, epoch))
            self._order = (epoch, rng.permutation(len(self.parent)))
        return self.parent.fetch(epoch, self._order[1][indices])


class _Batch(Dataset):
    def __init__(self, parent: Dataset, batch_size: int, drop_remainder: bool) -> None:
        if batch_size < 1:
            raise ArgumentError(f"batch: batch_size is {batch_size!r}; 1 or more is needed")
        self.parent, self.size, self.column_names = parent, batch_size, parent.column_names
        self.count = len(parent) // batch_size if drop_remainder else -(-len(parent) // batch_size)

    def __len__(self) -> int:
        return self.count

    def fetch(self, epoch: int, indices: Indices) -> tuple[Column, ...]:
        batches = [self._stack(epoch, int(index)) for index in indices]
        return tuple(zip(*batches, strict=True)) if batches else tuple([] for _ in self.column_names)

    def _stack(self, epoch: int, index: int) -> list[npt.NDArray[Any]]:
        rows = np.arange(index * self.size, min((index + 1) * self.size, len(self.parent)))
        columns = self.parent.fetch(epoch, rows)
        return [_stacked(column, name) for column, name in zip(columns, self.column_names, strict=True)]


def _stacked(column: Column, name: str) -> npt.NDArray[Any]:
    if isinstance(column, np.ndarray):
        return column
    arrays = [np.asarray(value) for value in column]
    if len({array.shape for array in arrays}) > 1:
        shapes = sorted({array.shape for array in arrays})
        raise ShapeError(
            f"batch: the rows of column {name!r} have shapes {', '.join(map(str, shapes))}; "
            "one shape is needed. Cure: pad or crop them in a map before the batch"
        )
    return np.stack(arrays)


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    if not listed or not all(isinstance(name, str) for name in listed) or len(set(listed)) != len(listed):
        raise ArgumentError(f"columns {listed} given; at least one name (a text), none twice, is needed")
    return listed


def _depth(dataset: Dataset) -> int:
    parent = getattr(dataset, "parent", None)
    return 0 if parent is None else 1 + _depth(parent)
