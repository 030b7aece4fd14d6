"""A product and the loops that read it as one kernel: panel by panel.

Theory of operation. BLAS takes no function to apply to what it computes. But loops that follow a product
(bias, activation, residual, softmax) may run over some rows of it as soon as those are there and still in a
core's own cache: a *panel*. Where nothing else reads the product, it is written where the loops write their
result, or where they cannot write over it, into a scratch of one panel per thread; it is never there as a
whole. Threads get panels of their own, and wait for each other once instead of twice.

Of a batch of products each is a panel, at no cost. One product is cut into rows, and every cut costs: BLAS
packs the right operand anew. That is worth it where the panels are high in comparison with the depth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from framework.jit.fuse import Kernel, Loops
from framework.jit.index import address
from framework.jit.ir import Node
from framework.jit.nest import Nest
from framework.jit.products import CUT_FROM, Product

PANEL = 1 << 19  # bytes of a panel: half of a core's own cache
HEIGHT = 2  # how many times the depth of a product its panels are high at least: measured, see README
BLOCK = 16  # rows that BLAS computes at once

Strides = Callable[[Node], Sequence[int]]


@dataclass(eq=False, kw_only=True)
class Panels(Kernel):
    """A product, and loops that run over `rows` rows of it at a time."""

    product: Product
    head: Kernel  # the product alone
    loops: Loops
    rows: int
    unit: int  # rows; a panel has a multiple of them
    step: int  # elements of the product that a step of the outermost loop takes
    slots: int = 0  # panels in the scratch that the product passes through; 0: it lies somewhere as a whole

    @property
    def nest(self) -> Loops:
        return self.loops

    @property
    def nbytes(self) -> int:
        """Of a panel."""
        return self.rows * self.product.n * self.product.node.dtype.itemsize

    @property
    def count(self) -> int:
        return -(-self.product.m // self.rows) * math.prod(var.extent for var in self.product.loops)

    @property
    def described(self) -> str:
        names = dict.fromkeys(node.name or "copy" for node in self.nodes)
        return f"{'+'.join(names)}: {self.count} of {self.rows} × {self.product.n}"

    def reads(self) -> set[Node]:
        return (self.head.reads() | self.loops.reads()) - {self.product.node}


def joined(
    kernels: list[Kernel],
    products: dict[Kernel, Product],
    nest_of: Callable[[Loops], Nest],
    strides: Strides,
) -> list[Kernel]:
    """The kernels, products and loops behind them as one where that pays."""
    for head, product in products.items():
        for kernel in kernels:
            if not isinstance(kernel, Loops) or product.node not in kernel.reads():
                continue
            found = None
            if not any(each.waits_for(head) for each in kernel.deps - {head}):
                found = _panels(head, product, nest_of(kernel), strides)
            if found:
                kernels = [found if each is kernel else each for each in kernels if each is not head]
                for each in kernels:
                    if each.deps & {head, kernel}:
                        each.deps = each.deps - {head, kernel} | {found}
                break
    return kernels


def _panels(head: Kernel, product: Product, nest: Nest, strides: Strides) -> Panels | None:
    """The two as one kernel; None where the loops cannot follow, or it does not pay."""
    node, n = product.node, product.n
    if node.nbytes <= PANEL or product.adding or "sign" in node.attrs or product.c.step != n:
        return None
    step = _step(nest, node, strides)
    if not step:
        return None
    unit = step // math.gcd(step, n)
    if product.m % math.lcm(unit, BLOCK) == 0:
        unit = math.lcm(unit, BLOCK)
    rows = PANEL // (n * node.dtype.itemsize) // unit * unit
    if not max(HEIGHT * product.k, 1) <= rows < product.m:
        rows = product.m
    if product.m % unit or (not product.loops and rows == product.m < n):
        return None
    if not nest.may_be_cut and (product.loops or rows == product.m or rows * n * product.k < CUT_FROM):
        return None  # one thread runs the loops: every panel must be worth the others' help
    deps = (head.deps | nest.kernel.deps) - {head}
    nodes = [node, *nest.kernel.nodes]
    return Panels(nodes, deps, product=product, head=head, loops=nest.kernel, rows=rows, unit=unit, step=step)


def _step(nest: Nest, node: Node, strides: Strides) -> int:
    """How many elements of the product a step of the outermost loop takes, one step behind the other; 0 where
    it takes them in another way.
    """
    order = [*nest.rows, *nest.inner]
    if not order or nest.is_one_row:
        return 0
    outermost, *others = order
    found = set()
    for taken, forms in nest.kernel.taken():
        if taken is not node:
            continue
        form = address(forms, strides(node))
        step = form.of(outermost)
        inside = [form.of(var) * (nest.extents[var] - 1) for var in others]
        if min([form.const, step, *inside]) < 0 or form.const + sum(inside) >= step:
            return 0
        if step * nest.extents[outermost] != node.size:
            return 0
        found.add(step)
    return found.pop() if len(found) == 1 else 0
