"""A matrix product as calls of BLAS: transposes, slices and merged dimensions go into strides and flags.

The loops of a product are sorted into batch, m, n and k. Those of one kind that lie in one run across their
operands merge; what stays outside becomes a loop around the call (outer loops over k add to the result). An
operand in which neither of its two dimensions steps by one element has to be copied first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from framework.jit.fuse import Item, resolve
from framework.jit.index import ZERO, Form, NotLinear, Split, Var, address, make
from framework.jit.ir import Node

CUT_FROM = 1 << 23  # multiplications of what is cut among threads: waking one takes as long as a million


class Copy(Exception):
    """An operand of a product has to be copied."""

    def __init__(self, node: Node, operand: int) -> None:
        super().__init__(f"operand {operand} of {node.op}")
        self.node, self.operand = node, operand


@dataclass(slots=True)
class Operand:
    """Where a matrix begins, whether it lies transposed, and how far apart its rows lie."""

    base: Node
    start: Form
    transposed: bool
    step: int


@dataclass(slots=True)
class Product:
    """c = a b, for every step of the loops; c does not lie transposed."""

    node: Node
    m: int
    n: int
    k: int
    a: Operand
    b: Operand
    c: Operand
    loops: list[Var]
    adding: list[Var]  # those of the loops that run over k

    @property
    def is_large(self) -> bool:
        """Is it worth cutting among threads?"""
        return self.m * self.n * self.k * math.prod(var.extent for var in self.loops) >= CUT_FROM


def planned(node: Node, strides: Callable[[Node], Sequence[int]]) -> Product:
    """The calls that compute a product.

    Raises:
        Copy: an operand does not lie as BLAS can read it.
    """
    batch = [Var(n) for n in _batch_shape(node)]
    m, k = Var(node.ins[0].shape[-2]), Var(node.ins[0].shape[-1])
    n = Var(node.ins[1].shape[-1])
    summed = batch[: node.attrs["summed"]]
    kinds = {"batch": batch[len(summed) :], "m": [m], "n": [n], "k": [*summed, k]}
    forms = {var: make({var: 1}) for var in (*batch, m, n, k)}
    while True:
        outer = [forms[var] for var in batch]
        try:
            a_base, a_forms = _element(node, 0, outer, [forms[m], forms[k]])
            b_base, b_forms = _element(node, 1, outer, [forms[k], forms[n]])
            break
        except Split as at:
            _cut(at, kinds, forms)
    a, b = address(a_forms, strides(a_base)), address(b_forms, strides(b_base))
    c = address((*(forms[var] for var in batch[len(summed) :]), forms[m], forms[n]), strides(node))
    return _Sorting(node, kinds, (a, b, c)).product(a_base, b_base)


def _batch_shape(node: Node) -> tuple[int, ...]:
    shapes = [x.shape[:-2] for x in node.ins]
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(max(sizes) for sizes in zip(*padded, strict=True))


def _element(node: Node, operand: int, outer: list[Form], own: list[Form]) -> Item:
    """The element of what an operand is a view of, aligned on the right."""
    x = node.ins[operand]
    free = len(x.shape) - 2
    forms = [*(outer[len(outer) - free :] if free else []), *own]
    try:
        return resolve(x, tuple(ZERO if n == 1 else form for n, form in zip(x.shape, forms, strict=True)))
    except NotLinear:
        raise Copy(node, operand) from None


def _cut(at: Split, kinds: dict[str, list[Var]], forms: dict[Var, Form]) -> None:
    outer, inner = Var(at.var.extent // at.inner), Var(at.inner)
    for var, form in forms.items():
        forms[var] = form.cut(at.var, outer, inner)
    for run in kinds.values():
        if at.var in run:
            i = run.index(at.var)
            run[i : i + 1] = [outer, inner]


class _Sorting:
    """Loops of each kind merged, and what is left around the call."""

    def __init__(self, node: Node, kinds: dict[str, list[Var]], addresses: tuple[Form, Form, Form]) -> None:
        self.node = node
        self.a, self.b, self.c = addresses
        self.loops: list[Var] = []
        for var in kinds["batch"]:  # a batch that only one operand has is more rows, or columns, of the other
            if self.b.of(var) == 0:
                kinds["m"].insert(_place(kinds["m"], var, self.c), var)
            elif self.a.of(var) == 0:
                kinds["n"].insert(_place(kinds["n"], var, self.c), var)
            else:
                self.loops.append(var)
        self.m, left_m = self._merged(kinds["m"], (self.a, self.c))
        self.n, left_n = self._merged(kinds["n"], (self.b, self.c))
        self.k, self.adding = self._merged(kinds["k"], (self.a, self.b))
        self.loops += [*left_m, *left_n, *self.adding]

    def _merged(self, run: list[Var], addresses: Sequence[Form]) -> tuple[tuple[Var, int], list[Var]]:
        """The innermost run as one loop (innermost variable, extent), and the loops left outside."""
        run = [var for var in run if var.extent != 1] or run[-1:]
        *rest, inner = run
        extent = inner.extent
        while rest and all(form.of(rest[-1]) == form.of(inner) * extent for form in addresses):
            extent *= rest.pop().extent
        return (inner, extent), rest

    def product(self, a_base: Node, b_base: Node) -> Product:
        node = self.node
        (m, rows), (n, columns), (k, depth) = self.m, self.n, self.k
        a = self._operand(a_base, self.a, (m, rows), (k, depth))
        b = self._operand(b_base, self.b, (k, depth), (n, columns))
        c = self._operand(node, self.c, (m, rows), (n, columns))
        if a is None or b is None or c is None:  # c never is: its layout is ours to choose
            raise Copy(node, 0 if a is None else 1)
        if c.transposed:  # then it is the product of the transposed operands in reverse
            rows, columns, c = columns, rows, replace(c, transposed=False)
            a, b = replace(b, transposed=not b.transposed), replace(a, transposed=not a.transposed)
        return Product(node, rows, columns, depth, a, b, c, self.loops, self.adding)

    def _operand(
        self, base: Node, form: Form, row: tuple[Var, int], column: tuple[Var, int]
    ) -> Operand | None:
        (r, rows), (c, columns) = row, column
        down, across = form.of(r), form.of(c)
        start = Form(tuple((var, step) for var, step in form.terms if var in self.loops), form.const)
        if (across == 1 or columns == 1) and (down >= columns or rows == 1):
            return Operand(base, start, False, max(down, columns, 1))
        if (down == 1 or rows == 1) and (across >= rows or columns == 1):
            return Operand(base, start, True, max(across, rows, 1))
        return None


def _place(run: list[Var], var: Var, c: Form) -> int:
    """Where a loop belongs among others, outermost first, by its step in the result."""
    return next((i for i, each in enumerate(run) if abs(c.of(each)) <= abs(c.of(var))), len(run))
