"""What an operator takes and gives, written once: names, shapes, dtypes, attributes, work.

Theory of operation. A shape is a string of dimension names: `Array("x", "rows* n")` is any number of
leading axes (their product is the dimension `rows`) and one axis `n`; `"n*"` is any shape at all. Reading
the arrays of a call binds every name to a size; a name that occurs twice must have the same size both
times, and that is the whole shape check. `derive` may then add dimensions that follow from others (the
height of a pooled image) and refuse what shapes alone cannot express. Attributes that are no real numbers
are dimensions too, encoded as for C: `top_k` gives `"rows* k"`.

The C symbol follows from the schema and needs no glue: `<op>_<version>_<dtypes>(pointers, dimensions,
attributes, threads)` — pointers in the order of the schema (NULL for an optional one that is absent),
dimensions as `int64_t` in the order of their first appearance (attributes left out), attributes in order
(`int64_t` for whole numbers, truth values and choices, `double` for real numbers), `int threads`. It returns
0, or a number from `FAULTS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from kernels.errors import BadArgument

Dims = dict[str, int]
Shape = tuple[int, ...]

# What a compiled kernel may return instead of 0, and the sentence for it.
FAULTS = {
    1: "no memory for its scratch space",
    2: "an index lies outside its range",
    3: "the processor or the system refused what this version needs",
}


@dataclass(frozen=True)
class Array:
    """An operand.

    Attributes:
        name: as in the public function.
        shape: dimension names, see the module.
        dtype: a short name (`f32`), or a type variable (`T`) that the operator's `dtypes` lists.
        optional: may be None.
        update: read and written in place (an optimiser's state), also by the oracle; never copied, so it must
            be contiguous, aligned, and apart from the other arrays of the call.
    """

    name: str
    shape: str
    dtype: str = "T"
    optional: bool = False
    update: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        return tuple(self.shape.split())


@dataclass(frozen=True)
class Attribute:
    """A number, a truth value or a word that is no array. `choices` are the words allowed."""

    name: str
    kind: Literal["int", "float", "bool", "choice"]
    choices: tuple[str, ...] = ()

    def plain(self, op: str, value: Any) -> int | float | bool | str:
        """The value as Python has it: what the oracle gets, and equal for equal calls.

        Raises:
            BadArgument: not of this kind.
        """
        if self.kind == "choice":
            if not isinstance(value, str) or value not in self.choices:
                raise BadArgument(f"{op}: {self.name} is {value!r:.60}; allowed: {', '.join(self.choices)}")
            return value
        try:
            found: int | float | bool = _PLAIN[self.kind](value)
            return found
        except (TypeError, ValueError, OverflowError):
            what = _ALLOWED[self.kind]
            raise BadArgument(f"{op}: {self.name} is {value!r:.60}; {what} is needed") from None

    def encode(self, op: str, value: Any) -> int | float:
        """What goes to C.

        Raises:
            BadArgument: not of this kind.
        """
        plain = self.plain(op, value)
        if isinstance(plain, str):
            return self.choices.index(plain)
        return int(plain) if self.kind == "bool" else plain


def _real(value: Any) -> float:
    if isinstance(value, str | bytes):
        raise TypeError(value)
    return float(value)


def _whole(value: Any) -> int:
    whole = int(value)
    if whole != value or not -(2**63) <= whole < 2**63:
        raise ValueError(value)
    return whole


def _truth(value: Any) -> bool:
    if value not in (True, False):
        raise ValueError(value)
    return bool(value)


_PLAIN: Mapping[str, Callable[[Any], Any]] = {"float": _real, "int": _whole, "bool": _truth}
_ALLOWED = {"float": "a real number", "int": "a whole number of 64 bits", "bool": "True or False"}


@dataclass(frozen=True)
class Work:
    """What a call costs at least, for the roofline: formulas over the dimensions and `itemsize`, that of T.

    `arithmetic` says what the operations are in: `f32`, `i8`, or `T` where the processor may have matrix
    units for the storage dtype (products of matrices).
    """

    flops: Callable[[Mapping[str, int]], float]
    bytes: Callable[[Mapping[str, int]], float]
    arithmetic: str = "f32"


@dataclass(frozen=True)
class Schema:
    """Everything about a call but its implementations."""

    name: str
    inputs: Sequence[Array]
    outputs: Sequence[Array]
    attributes: Sequence[Attribute] = ()
    # Each type variable and what it may be: {"T": ("f32", "bf16")}.
    dtypes: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"T": ("f32", "bf16", "f16")})
    derive: Callable[[Dims], Mapping[str, int]] | None = None
    in_place: bool = False  # `out` may be the first input

    @property
    def arrays(self) -> tuple[Array, ...]:
        return (*self.inputs, *self.outputs)

    def dimensions(self) -> tuple[str, ...]:
        """The dimensions C gets, in order."""
        attributes = {attribute.name for attribute in self.attributes}
        names = (axis.rstrip("*") for array in self.arrays for axis in array.axes)
        return tuple(dict.fromkeys(name for name in names if name not in attributes and not name.isdecimal()))


class Binding:
    """The sizes that the arrays of one call give to the dimensions."""

    def __init__(self, op: str) -> None:
        self.op = op
        self.dims: Dims = {}
        self._leading: dict[str, Shape] = {}
        self._from: dict[str, str] = {}

    def read(self, array: Array, shape: Shape) -> None:
        """Bind the axes of one array.

        Raises:
            BadArgument: the number of axes is wrong, or a size differs from what another array said.
        """
        axes = array.axes
        star = bool(axes) and axes[0].endswith("*")
        if (len(shape) < len(axes) - 1) if star else (len(shape) != len(axes)):
            raise BadArgument(f"{self.op}: {array.name} has shape {shape}; needed: ({', '.join(axes)})")
        if star:
            leading = shape[: len(shape) - len(axes) + 1]
            self._bind_leading(array, axes[0][:-1], leading, shape)
            axes, shape = axes[1:], shape[len(leading) :]
        for axis, size in zip(axes, shape, strict=True):
            self._bind(array, axis, size, shape)

    def _bind_leading(self, array: Array, name: str, leading: Shape, shape: Shape) -> None:
        known = self._leading.setdefault(name, leading)
        if known != leading:
            raise BadArgument(
                f"{self.op}: {array.name} has shape {shape}, whose leading axes are {leading}; "
                f"{self._from[name]} has {known}"
            )
        self._bind(array, name, math.prod(leading), shape)

    def _bind(self, array: Array, name: str, size: int, shape: Shape) -> None:
        known = int(name) if name.isdecimal() else self.dims.setdefault(name, size)
        if known != size:
            said = f"{self._from[name]} says {known}" if name in self._from else f"{known} is needed"
            raise BadArgument(f"{self.op}: {array.name} has shape {shape}, so {name} is {size}; {said}")
        self._from.setdefault(name, array.name)

    def shape(self, array: Array) -> Shape:
        """The shape that an output must have.

        Raises:
            BadArgument: an attribute asks for a negative size, or the input that gives a size is absent.
        """
        sizes: list[int] = []
        for axis in array.axes:
            if axis.endswith("*"):
                sizes.extend(self._known(array, axis[:-1], self._leading))
            else:
                sizes.append(int(axis) if axis.isdecimal() else self._known(array, axis, self.dims))
        for axis, size in zip(array.axes[::-1], sizes[::-1], strict=False):
            if size < 0:
                raise BadArgument(f"{self.op}: {axis} is {size}; 0 or more is needed")
        return tuple(sizes)

    def _known(self, array: Array, name: str, sizes: Mapping[str, Any]) -> Any:
        if name not in sizes:
            raise BadArgument(f"{self.op}: the size {name} of {array.name} follows from no array given")
        return sizes[name]
