"""Where an element lies: each dimension's index as a linear form of loop variables, followed back through
views.

A view (reshape, transpose, broadcast, slice) computes nothing: an element of it is an element of its input.
Given the indices of the view's element, `through` gives those of the input's; at a buffer they become an
address. Merging dimensions needs a quotient and a remainder, which are linear only if the loop is cut at the
right place: then `Split` says where, and the caller cuts its loop and asks again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from framework.jit.ir import Node


_numbers = count()


class Var:
    """A loop variable: 0 <= v < extent. Compared by identity."""

    __slots__ = ("extent", "number")

    def __init__(self, extent: int) -> None:
        self.extent = extent
        self.number = next(_numbers)  # terms are sorted by it, so that equal programs give equal code


class Split(Exception):
    """Cut `var` into an outer and an inner loop of `inner` steps, then ask again."""

    def __init__(self, var: Var, inner: int) -> None:
        super().__init__(f"loop of {var.extent} to be cut into steps of {inner}")
        self.var, self.inner = var, inner


class NotLinear(Exception):
    """No cut makes the index linear: the view's input has to be copied."""

    def __init__(self, view: Node) -> None:
        super().__init__(f"{view.op} of {view.ins[0].shape} to {view.shape}")
        self.view = view


@dataclass(frozen=True, slots=True)
class Form:
    """const + sum of coefficient x variable. The terms have no zeros and stand in order of creation."""

    terms: tuple[tuple[Var, int], ...] = ()
    const: int = 0

    def __add__(self, other: Form) -> Form:
        total = dict(self.terms)
        for var, c in other.terms:
            total[var] = total.get(var, 0) + c
        return make(total, self.const + other.const)

    def __mul__(self, factor: int) -> Form:
        return make({var: c * factor for var, c in self.terms}, self.const * factor)

    def plus(self, offset: int) -> Form:
        return Form(self.terms, self.const + offset)

    def of(self, var: Var) -> int:
        """The coefficient of a variable."""
        return next((c for v, c in self.terms if v is var), 0)

    def vars(self) -> set[Var]:
        return {var for var, _ in self.terms}

    def cut(self, var: Var, outer: Var, inner: Var) -> Form:
        """The form with `var` replaced by outer x inner.extent + inner."""
        c = self.of(var)
        if not c:
            return self
        rest = {v: d for v, d in self.terms if v is not var}
        return make({**rest, outer: c * inner.extent, inner: c}, self.const)


Forms = tuple[Form, ...]
ZERO = Form()


def make(terms: dict[Var, int], const: int = 0) -> Form:
    kept = [(var, c) for var, c in terms.items() if c and var.extent > 1]
    return Form(tuple(sorted(kept, key=lambda each: each[0].number)), const)


def identity(shape: Sequence[int], variables: Sequence[Var]) -> Forms:
    """Dimension i runs with variable i."""
    return tuple(make({var: 1}) for _, var in zip(shape, variables, strict=True))


def strides_of(shape: Sequence[int], order: Sequence[int] | None = None) -> tuple[int, ...]:
    """Elements to step per dimension; `order` lists the dimensions from outermost to innermost."""
    found, step = [0] * len(shape), 1
    for dim in reversed(order if order is not None else range(len(shape))):
        found[dim] = step
        step *= shape[dim]
    return tuple(found)


def address(forms: Forms, strides: Sequence[int]) -> Form:
    total = ZERO
    for form, stride in zip(forms, strides, strict=True):
        total = total + form * stride
    return total


def _divide(form: Form, size: int) -> tuple[Form, Form] | None:
    """Quotient and remainder by `size`, or None where they are not linear."""
    high: dict[Var, int] = {}
    low: dict[Var, int] = {}
    for var, c in form.terms:
        if c % size == 0:
            high[var] = c // size
        elif c > 0 and size % c == 0 and c * var.extent > size:
            inner = size // c
            if var.extent % inner:
                return None
            raise Split(var, inner)
        else:
            low[var] = c
    quotient, rest = divmod(form.const, size)
    most = rest + sum(c * (var.extent - 1) for var, c in low.items())
    if most >= size or any(c < 0 for c in low.values()):
        return None
    return make(high, quotient), make(low, rest)


def reshaped(forms: Forms, old: Sequence[int], new: Sequence[int]) -> Forms | None:
    """Indices in the shape `new` of the element that has these in `old`; None where they are not linear."""
    result = [ZERO] * len(new)
    i = j = 0
    while i < len(old) or j < len(new):
        start, stop, sizes, wanted = i, j, 1, 1
        while True:  # the shortest runs of dimensions with equal products
            if sizes == wanted and (i > start or j > stop):
                break
            if sizes <= wanted and i < len(old):
                sizes, i = sizes * old[i], i + 1
            elif j < len(new):
                wanted, j = wanted * new[j], j + 1
            else:
                sizes, i = sizes * old[i], i + 1
        flat = address(forms[start:i], strides_of(old[start:i]))
        for dim in reversed(range(stop, j)):
            if dim == stop:
                result[dim] = flat
                break
            parts = _divide(flat, new[dim])
            if parts is None:
                return None
            flat, result[dim] = parts
    return tuple(result)


def through(view: Node, forms: Forms) -> Forms:
    """Indices of the input's element that a view's element is.

    Raises:
        Split: a loop has to be cut first.
        NotLinear: the input has to be copied.
    """
    source, attrs = view.ins[0].shape, view.attrs
    if view.op == "reshape":
        if math.prod(view.shape) == 0:
            return (ZERO,) * len(source)
        found = reshaped(forms, view.shape, source)
        if found is None:
            raise NotLinear(view)
        return found
    if view.op == "transpose":
        result = [ZERO] * len(source)
        for form, dim in zip(forms, attrs["order"], strict=True):
            result[dim] = form
        return tuple(result)
    if view.op == "broadcast":
        own = forms[len(forms) - len(source) :]
        return tuple(ZERO if n == 1 else form for n, form in zip(source, own, strict=True))
    if view.op == "slice":
        steps = zip(forms, attrs["start"], attrs["step"], strict=True)
        return tuple((form * step).plus(start) for form, start, step in steps)
    return forms  # identity
