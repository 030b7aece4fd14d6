"""What an operator of the user's own says about itself: names, dtypes, attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from framework.core import dtypes
from framework.core.dtypes import DType
from framework.errors import ArgumentError, DTypeError

Attribute = bool | int | float | str


class CustomRegOp:
    """The registration of a custom operator, in MindSpore's call form; every method returns the object.

    `CustomRegOp("scale").input(0, "x").output(0, "y").attr("factor", "required", "all", value=2.0)`
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.inputs: dict[int, str] = {}
        self.outputs: dict[int, str] = {}
        self.attributes: dict[str, Attribute] = {}
        self.formats: list[tuple[DType, ...]] = []

    def input(self, index: int, name: str, param_type: str = "required") -> CustomRegOp:
        """Name input `index`, for messages. Inputs are required; ArgumentError for another `param_type`."""
        self.inputs[index] = _required(name, param_type)
        return self

    def output(self, index: int, name: str, param_type: str = "required") -> CustomRegOp:
        """Name output `index`, for messages."""
        self.outputs[index] = _required(name, param_type)
        return self

    def attr(
        self, name: str, param_type: str = "required", value_type: str = "all", value: Attribute | None = None
    ) -> CustomRegOp:
        """Give the function an attribute: a bool, int, float or str, read from `extra` (include/custom.h).

        `value_type` is one of bool, int, float, str, all. Raises ArgumentError for another, and for a value
        that is not of it.
        """
        kinds: dict[str, Any] = {"bool": bool, "int": int, "float": float, "str": str, "all": Attribute}
        if value_type not in kinds:
            raise ArgumentError(
                f"attr {name!r}: value_type {value_type!r} is unknown; give one of {', '.join(kinds)}"
            )
        if value is None or not isinstance(value, kinds[value_type]):
            raise ArgumentError(f"attr {_required(name, param_type)!r}: value {value!r} is no {value_type}")
        self.attributes[name] = value
        return self

    def dtype_format(self, *of_each: Any) -> CustomRegOp:
        """Allow one combination of dtypes, of the inputs and then of the outputs; call it once for each."""
        self.formats.append(tuple([dtypes.as_dtype(dtype) for dtype in of_each]))
        return self

    def check(self, given: Sequence[DType]) -> None:
        """Raise DTypeError where combinations are registered and this one, of inputs and outputs, is not."""
        if self.formats and tuple(given) not in self.formats:
            allowed = "; ".join(", ".join(d.name for d in row) for row in self.formats)
            raise DTypeError(
                f"Custom {self.name!r}: dtypes {', '.join(d.name for d in given)} (inputs, then outputs) are "
                f"not registered; allowed: {allowed}"
            )


def _required(name: str, param_type: str) -> str:
    if param_type != "required":
        raise ArgumentError(f"{name!r}: param_type {param_type!r} is not supported; give 'required'")
    return name
