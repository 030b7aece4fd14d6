"""Calling an operator: check once, then call again at the price of a dictionary look-up.

What can be wrong with a call depends on the layout of its arrays (class, shape, strides, dtype), its
attributes and the version asked for. The first call of a layout checks all that (`prepare.py`) and keeps a
plan (`plan.py`); a later one finds the plan. What differs between two calls of a layout (overlap,
alignment, write protection) is looked at in each. Nothing is passed to a kernel before the whole call has
been checked.
"""

from __future__ import annotations

from typing import Any

from kernels.plan import Plan
from kernels.prepare import Request, prepare
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
        Where `out` is given, it is what is returned.

    Raises:
        BadArgument, BadDtype, NoVersion, BuildFailed: see `kernels.errors`.
    """
    given = outs = out if type(out) is tuple else (out,)
    key: Any = None
    plan: Plan | None = None
    try:
        key = _key(inputs, outs, attributes, version, types, want)
        plan = operator.plans.get(key)
    except (AttributeError, TypeError):  # no array, or nothing to be hashed: it is told below, in words
        key = None
    if plan is None:
        request = Request(operator, inputs, attributes, None if out is None else outs, version, types, want)
        inputs, outs, plan = _first(request, key)
    if out is None:
        given = outs = plan.new()
    if plan.enter is None or (fault := plan.enter(plan.start, *inputs, *outs)) < 0:
        plan.execute(inputs, outs)
    elif fault:
        plan.fail(fault)
    return given[0] if plan.alone else given or None


def _key(
    inputs: tuple[Any, ...],
    outs: tuple[Any, ...],
    attributes: tuple[Any, ...],
    version: str | None,
    types: tuple[tuple[str, str], ...],
    want: tuple[bool, ...] | None,
) -> tuple[Any, ...]:
    """Equal for two calls that one plan serves."""
    return (
        attributes,
        version,
        types,
        want,
        *[
            None if each is None else (each.shape, each.strides, each.dtype, each.__class__)
            for each in (*inputs, *outs)
        ],
    )


def _first(request: Request, key: Any) -> tuple[tuple[Any, ...], tuple[Any, ...], Plan]:
    """A plan and the arrays for it: the first call of a layout, or one with arrays of other libraries."""
    operator, plain = request.operator, request.plain()
    outs = plain.outs or (None,)
    known = _key(plain.inputs, outs, plain.attributes, plain.version, plain.types, plain.want)
    plan = operator.plans.get(known)
    if plan is None:
        plan = prepare(plain)
        if len(operator.plans) >= PLANS_KEPT:
            operator.plans.clear()
        operator.plans[known] = plan
    same = all(a is b for a, b in zip(request.inputs, plain.inputs, strict=True)) and all(
        a is b for a, b in zip(request.outs or (), plain.outs or (), strict=True)
    )
    if key is not None and same:  # only numbers of other classes among the attributes, say
        operator.plans[key] = plan
    return plain.inputs, outs, plan
