"""Cells that hold cells: in a row that is called one after the other, in a list, in a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from framework.errors import ArgumentError
from framework.nn.cell import Cell


class CellList(Cell):
    """A list of cells; the n-th one's parameters are named `n.…`. It is not called itself.

    Raises:
        ArgumentError: something other than a cell.
    """

    def __init__(self, cells: Iterable[Cell] = ()) -> None:
        self.extend(cells)

    def append(self, cell: Cell) -> None:
        """Put a cell at the end."""
        if not isinstance(cell, Cell):
            raise ArgumentError(
                f"{type(self).__name__}: {cell!r:.80} is not a cell; nn.Cell objects are needed"
            )
        setattr(self, str(len(self)), cell)

    def extend(self, cells: Iterable[Cell]) -> None:
        """Put cells at the end, in order."""
        for cell in cells:
            self.append(cell)

    def _cells(self) -> list[Cell]:
        return [value for value in self.__dict__.values() if isinstance(value, Cell)]

    def __len__(self) -> int:
        return len(self._cells())

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells())

    def __getitem__(self, index: int) -> Cell:
        return self._cells()[index]

    def __setitem__(self, index: int, cell: Cell) -> None:
        setattr(self, str(range(len(self))[index]), cell)


class SequentialCell(CellList):
    """Cells called one after the other, each with the output of the one before it: `SequentialCell(a, b, c)`.

    A plain function (`ops.relu`) among them is wrapped into a cell. A dictionary of cells gives them names:
    `SequentialCell({"fc": a, "act": b})`; without, they are 0, 1, ….

    Raises:
        ArgumentError: neither a cell nor a function.
    """

    def __init__(self, *cells: Any) -> None:
        named = cells[0].items() if len(cells) == 1 and isinstance(cells[0], Mapping) else enumerate(cells)
        for name, cell in named:
            setattr(self, str(name), cell if isinstance(cell, Cell) else Lambda(cell))

    def construct(self, x: Any) -> Any:
        for cell in self._cells():
            x = cell(x)
        return x


class Lambda(Cell):
    """A function without parameters, as a cell.

    Raises:
        ArgumentError: not callable.
    """

    def __init__(self, fn: Any) -> None:
        if not callable(fn):
            raise ArgumentError(f"Lambda: {fn!r:.80} is neither a cell nor a function")
        self.fn = fn

    def construct(self, *args: Any) -> Any:
        return self.fn(*args)


class CellDict(Cell):
    """Cells by name; the parameters of one are named `name.…`. It is not called itself."""

    def __init__(self, cells: Mapping[str, Cell]) -> None:
        for name, cell in cells.items():
            if not isinstance(cell, Cell) or not name.isidentifier() or hasattr(self, name):
                raise ArgumentError(f"CellDict: {name!r}: {cell!r:.80}; cells under free names are needed")
            setattr(self, name, cell)

    def __getitem__(self, name: str) -> Cell:
        return dict(self.items())[name]

    def __len__(self) -> int:
        return len(list(self.items()))

    def __iter__(self) -> Iterator[str]:
        return self.keys()

    def keys(self) -> Iterator[str]:
        """The names, in order."""
        return (name for name, _ in self.items())

    def items(self) -> Iterator[tuple[str, Cell]]:
        """Names and cells, in order."""
        return ((name, value) for name, value in self.__dict__.items() if isinstance(value, Cell))
