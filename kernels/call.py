"""Calling an operator: check once, then call again at the price of a dictionary look-up.

What can be wrong with a call depends on the layout of its arrays (class, shape, strides, dtype), its attributes
and the version asked for. The first call of a layout checks all that and keeps a plan (`plan.py`); a later one
finds the plan and executes it. Nothing is passed to a kernel before the whole call has been checked.
"""

from __future__ import annotations

from typing import Any

from kernels.plan import prepare
from kernels.registry import Operator

PLANS_KEPT = 4096  # layouts per operator; a program that has more of them is not hurried by plans


def call(
    operator: Operator,
    inputs: tuple[Any, ...],
    attributes: tuple[Any, ...] = (),
    out: Any = None,
    version: str | None = None,
    types: tuple[tuple[str, str], ...] = (),
    want: tuple[bool, ...] | None = None,
) -> Any:
    """Make a call. The public functions are a line around this.

    Args:
        inputs: as many as the schema has; None for an optional one that is absent.
        attributes: as many as the schema has, in its order.
        out: where the result goes: an array, or a tuple of them where there are several outputs.
        version: the name of a version; None for the best.
        types: what a type variable is that no input shows: `(("T", "bf16"),)`.
        want: which outputs to compute, where some are optional; None for all.

    Returns:
        The output, or a tuple of them (None in the place of one not wanted); None if the operator has none.

    Raises:
        BadArgument, BadDtype, NoVersion, BuildFailed: see `kernels.errors`.
    """
    outs = out if type(out) is tuple else (out,)
    try:
        key = (attributes, version, types, want, *map(_layout, inputs), *map(_layout, outs))
        plan = operator.plans.get(key)
    except (AttributeError, TypeError):  # no array, or nothing to be hashed: it is told below, in words
        plan = None
    if plan is None:
        inputs, outs, plan = prepare(operator, inputs, attributes, outs, version, dict(types), want)
        if len(operator.plans) >= PLANS_KEPT:
            operator.plans.clear()
        key = (attributes, version, types, want, *map(_layout, inputs), *map(_layout, outs))
        operator.plans[key] = plan
    return plan.execute(inputs, None if out is None else outs)


def _layout(array: Any) -> Any:
    return array if array is None else (array.__class__, array.shape, array.strides, array.dtype)
