"""Factor rules: which dimensions of a primitive's operands mean the same thing.

`"...ik,...kj->...ij"` gives every operand a word of one letter (a factor) per dimension. `...` stands for
broadcast dimensions, aligned at the right. A factor missing from the output is reduced, by summing unless a
suffix says otherwise (`"...a->...:max"`). A capital must stay whole: the axis of a softmax or a sort. From it
follow batching (any operand whose word begins with `...` takes one more dimension in front), cost (the
product of all factors) and how an operator may be cut over devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any, NamedTuple

from framework.core.prim import Prim


class Rule(NamedTuple):
    """A parsed factor rule."""

    ins: tuple[str, ...]
    outs: tuple[str, ...]
    reduction: str  # "sum", "max", "min", "prod", …: how factors missing from the outputs are reduced


@cache
def parse(text: str) -> Rule:
    """The rule of a text such as `"...ik,...kj->...ij"`."""
    body, _, reduction = text.partition(":")
    ins, _, outs = body.partition("->")
    return Rule(tuple(ins.split(",")), tuple(outs.split(",")), reduction or "sum")


def rule_of(prim: Prim, ins: Sequence[Any], attrs: dict[str, Any]) -> Rule | None:
    """The rule of a primitive on these operands (tensors or avals); None where it is opaque."""
    axes = prim.axes
    if axes is None:
        return None
    return parse(axes if isinstance(axes, str) else axes(ins, attrs))


def factor_sizes(rule: Rule, ins: Sequence[Any]) -> dict[str, int]:
    """The size of every factor. Broadcast dimensions have names by place from the right: `.1`, `.2`, …"""
    sizes: dict[str, int] = {}
    for word, x in zip(rule.ins, ins, strict=False):
        letters = word.removeprefix("...")
        dots = len(x.shape) - len(letters) if word.startswith("...") else 0
        names = [f".{dots - i}" for i in range(dots)] + list(letters)
        for name, size in zip(names, x.shape, strict=False):
            sizes[name] = max(size, sizes.get(name, 1)) if size != 0 else 0
    return sizes


def cost(prim: Prim, ins: Sequence[Any], outs: Sequence[Any], attrs: dict[str, Any]) -> tuple[int, int]:
    """Operations and bytes moved by one application: the record's own rule, else the factors'."""
    if prim.cost is not None:
        return prim.cost(*ins, **attrs)
    moved = sum(prod(x.shape) * x.dtype.itemsize for x in (*ins, *outs))
    rule = rule_of(prim, ins, attrs)
    if rule is None:
        return sum(prod(x.shape) for x in outs), moved
    sizes = factor_sizes(rule, ins)
    kept = set("".join(rule.outs))
    contracts = len(ins) > 1 and any(name.isalpha() and name not in kept for name in sizes)
    return prod(sizes.values()) * (2 if contracts else 1), moved
