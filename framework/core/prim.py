"""The record of a primitive, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from framework.core.dtypes import DType
from framework.errors import FrameworkError


class Aval(NamedTuple):
    """What is known of a tensor without its value. A Tensor serves wherever an Aval does."""

    shape: tuple[int, ...]
    dtype: DType


@dataclass(slots=True, eq=False)
class Prim:
    """All that the framework knows of one primitive. Rules call public operators, so they nest in any order.

    Attributes of a node are hashable, and count axes from the right (negative), so that a leading batch
    dimension changes none of them.
    """

    name: str
    impl: Callable[..., Any]  # (xp, *arrays, **attrs) -> array, or a tuple of arrays where `multi`
    infer: Callable[
        ..., Any
    ]  # (*avals, **attrs) -> Aval, or a tuple of them; words the shape and dtype errors
    axes: str | Callable[..., str] | None = (
        None  # factor rule, core/axes.py; a callable: (avals, attrs) -> str
    )
    vjp: tuple[Callable[..., Any] | None, ...] | Callable[..., Any] | None = None
    # ^ a rule per input, (g, out, *ins, **attrs) -> cotangent or None; or, where the number of inputs varies
    #   or they share work, one function that returns a tuple. None: no gradient passes.
    jvp: Callable[..., Any] | str | None = None
    # ^ (out, ins, tangents (None for zero), **attrs) -> tangent. "diagonal": elementwise, by the vjp rules;
    #   "linear": the primitive itself, of the tangents. None: two vjps.
    vmap: Callable[..., Any] | None = (
        None  # (prim, ins, bdims, attrs) -> out, bdim; None: from `axes`, else a loop
    )
    emit: str | Callable[..., Any] | None = (
        None  # C expression of {0}, {1}, …, or an emitter; None: call `impl`
    )
    expand: Callable[..., Any] | None = (
        None  # (*ins, **attrs): the same by smaller primitives; then vjp, jvp,
    )
    # ^ vmap may be left to it, and compilers fuse it
    cost: Callable[..., tuple[int, int]] | None = None  # (*avals, **attrs) -> flops, bytes; None: from `axes`
    multi: bool = False  # gives several outputs: one node whose value is a tuple, a `pick` node for each

    def definition(self, *ins: Any, **attrs: Any) -> Any:
        """`expand`, where the record has one."""
        if self.expand is None:
            raise FrameworkError(
                f"primitive {self.name!r} has no definition by smaller ones; give its record `expand`"
            )
        return self.expand(*ins, **attrs)


PRIMS: dict[str, Prim] = {}


def define(name: str, impl: Callable[..., Any], infer: Callable[..., Any], **fields: Any) -> Prim:
    """Add a primitive to the table."""
    if name in PRIMS:
        raise FrameworkError(f"define: primitive {name!r} is in the table already; choose another name")
    PRIMS[name] = Prim(name, impl, infer, **fields)
    return PRIMS[name]
