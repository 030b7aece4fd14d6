"""Nodes to kernels: which loops compute what, which views and products need a copy, and in which order all
runs.

Theory of operation. Every node that computes is put, in the order of the trace, into a kernel: one nest of
loops over all index variables of the largest shape in it. A node may join a kernel if everything it takes
from that kernel is the element of the same iteration (equal index forms) and nothing it takes from elsewhere
waits for that kernel. The first reduction over trailing dimensions makes its variables the kernel's
*columns*, the rest are *rows*: a row's sums are then known before its next pass over the columns, so mean,
variance, softmax and layer normalisation run row by row in cache. Reductions over anything else (bias
gradients, losses) accumulate into their outputs and are read by later kernels only. Candidates are the
kernels that compute or read an operand.

Then whatever is cheap to compute again from what a kernel reads anyway is computed again instead of stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from framework.jit.index import ZERO, Forms, NotLinear, Split, Var, identity, reshaped, through
from framework.jit.ir import Node

ROW_LIMIT = 8192  # elements of a row that is everything: a longer one is summed in parts, for precision
IN_LOOPS = frozenset({"map", "reduce", "join"})
NODE_LIMIT = 128  # of a kernel: what a C compiler takes for a function grows faster than the function

Item = tuple[Node, Forms]  # an element of a computed node or input


class Hard(Exception):
    """A view must become a buffer of its own before fusion starts again."""

    def __init__(self, view: Node) -> None:
        super().__init__(view.op)
        self.view = view


def base(node: Node) -> Node:
    """The computed node or input that a view is one of."""
    while node.is_view:
        node = node.ins[0]
    return node


def resolve(node: Node, forms: Forms) -> Item:
    """The element of a computed node that this element of a view is."""
    while node.is_view:
        forms = through(node, forms)
        node = node.ins[0]
    return node, forms


def taken_by(item: Item) -> list[Item]:
    """What computing an element takes: its operands' elements, aligned on the right."""
    node, forms = item
    found = []
    for i, x in enumerate(node.ins):
        own = forms[len(forms) - len(x.shape) :]
        if node.op == "join":
            own = tuple(form.plus(-start) for form, start in zip(own, node.attrs["starts"][i], strict=True))
        own = tuple(ZERO if n == 1 else form for n, form in zip(x.shape, own, strict=True))
        found.append(resolve(x, own))
    return found


@dataclass(eq=False)
class Kernel:
    """Something that runs as one. This class itself: a call of an implementation, or a matrix product."""

    nodes: list[Node] = field(default_factory=list)
    deps: set[Kernel] = field(default_factory=set)

    @property
    def nest(self) -> Loops | None:
        """Its nest of loops, if it has one."""
        return None

    def reads(self) -> set[Node]:
        """What it takes from elsewhere."""
        return {base(x) for node in self.nodes for x in node.ins}

    def waits_for(self, other: Kernel) -> bool:
        """Does this kernel need, directly or not, what the other computes?"""
        waiting, seen = [self], {self}
        while waiting:
            for each in waiting.pop().deps - seen:
                if each is other:
                    return True
                seen.add(each)
                waiting.append(each)
        return False


@dataclass(eq=False)
class Loops(Kernel):
    """A nest of loops. `forms`: the indices that a reduction's input, any other node's output, runs over."""

    vars: list[Var] = field(default_factory=list)
    cols: frozenset[Var] | None = None
    forms: dict[Node, Forms] = field(default_factory=dict)
    accumulated: set[Node] = field(default_factory=set)  # not to be read by the same kernel
    over: dict[Forms, tuple[int, ...]] = field(
        default_factory=dict
    )  # shapes that a joining node may run over
    again: dict[Item, None] = field(
        default_factory=dict
    )  # computed here though another kernel computes it too
    _takes: dict[Item, list[Item]] = field(default_factory=dict)
    _taken: dict[Item, None] | None = None

    @property
    def nest(self) -> Loops:
        return self

    def reads(self) -> set[Node]:
        return {node for node, _ in self.taken()}

    @property
    def size(self) -> int:
        return math.prod(var.extent for var in self.vars)

    def cut(self, at: Split) -> None:
        """Replace a loop by two."""
        outer, inner = Var(at.var.extent // at.inner), Var(at.inner)

        def two(forms: Forms) -> Forms:
            return tuple(form.cut(at.var, outer, inner) for form in forms)

        i = self.vars.index(at.var)
        self.vars[i : i + 1] = [outer, inner]
        if self.cols and at.var in self.cols:
            self.cols = self.cols - {at.var} | {outer, inner}
        self.forms = {node: two(forms) for node, forms in self.forms.items()}
        self.over = {two(forms): shape for forms, shape in self.over.items()}
        self.again = {(node, two(forms)): None for node, forms in self.again}
        self._taken = None

    def indices(self, node: Node) -> Forms:
        """The indices of a node's element that an iteration computes."""
        forms = self.forms[node]
        return node.kept(forms) if node.op == "reduce" else forms

    def computes(self, item: Item) -> bool:
        node, forms = item
        return (node in self.forms and self.indices(node) == forms) or item in self.again

    def takes(self, item: Item) -> list[Item]:
        """`taken_by`, remembered."""
        if item not in self._takes:
            self._takes[item] = taken_by(item)
        return self._takes[item]

    def taken(self) -> dict[Item, None]:
        """What an iteration takes from elsewhere; in order, so that equal programs give equal code."""
        if self._taken is None:
            items = [*self.forms.items(), *self.again]
            self._taken = {
                each: None for item in items for each in self.takes(item) if not self.computes(each)
            }
        return self._taken

    def compute_again(self, items: dict[Item, None]) -> None:
        """Compute these here too, instead of taking them from elsewhere."""
        self.again.update(items)
        self._taken = None

    def add(self, node: Node, forms: Forms) -> None:
        self.nodes.append(node)
        self.forms[node] = forms
        self._taken = None
        self.over.setdefault(forms, node.domain)
        if node.op != "reduce":
            return
        gone = reduced_vars(node, forms)
        if self.is_row(gone):
            self.cols = gone
            self.over.setdefault(node.kept(forms), node.shape)
        else:
            self.accumulated.add(node)

    def sums_over(self, forms: Forms) -> bool:
        """Would a sum with these indices take every element once: over all loops, or all loops over rows?"""
        own = {var for form in forms for var in form.vars()}
        every = {var for var in self.vars if var.extent > 1}
        return own == every or (self.cols is not None and own == every - self.cols)

    def is_row(self, gone: frozenset[Var]) -> bool:
        """Would a reduction over these variables be known at the end of a row?"""
        if self.cols is not None:
            return gone == self.cols
        every = {var for var in self.vars if var.extent > 1}
        last = next((var for var in reversed(self.vars) if var.extent > 1), None)
        return last in gone and (gone != every or self.size <= ROW_LIMIT)


def reduced_vars(node: Node, forms: Forms) -> frozenset[Var]:
    return frozenset(var for axis in node.attrs["axes"] for var in forms[axis].vars())


class Fusion:
    """The kernels of a program, in an order in which they can run."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.kernels: list[Kernel] = []
        self.of: dict[Node, Kernel] = {}
        self.readers: dict[Node, list[Loops]] = {}
        for node in nodes:
            if node.is_leaf or node.is_view:
                continue
            if node.op in IN_LOOPS:
                self._place(node)
            else:
                self._start(Kernel([node]), node)
        if any(len(kernel.nodes) > NODE_LIMIT for kernel in self.kernels):
            self._break_up()
        self.kernels = in_order(self.kernels)

    def _break_up(self) -> None:
        """Cut kernels that are too long, and find again what waits for what."""
        self.kernels = [part for kernel in self.kernels for part in parts_of(kernel)]
        self.of = {node: kernel for kernel in self.kernels for node in kernel.nodes}
        for node, kernel in self.of.items():
            self._note(kernel, node)

    def _start(self, kernel: Kernel, node: Node) -> None:
        self.kernels.append(kernel)
        self.of[node] = kernel
        self._note(kernel, node)

    def _note(self, kernel: Kernel, node: Node) -> None:
        for x in node.ins:
            source = base(x)
            if source in self.of and self.of[source] is not kernel:
                kernel.deps.add(self.of[source])
            if isinstance(kernel, Loops) and source.size > 1:
                readers = self.readers.setdefault(source, [])
                if kernel not in readers:
                    readers.append(kernel)

    def _place(self, node: Node) -> None:
        for kernel in self._candidates(node):
            forms = self._fit(kernel, node)
            if forms is not None:
                kernel.add(node, forms)
                self.of[node] = kernel
                self._note(kernel, node)
                return
        kernel = Loops(vars=[Var(n) for n in node.domain])
        forms = identity(node.domain, kernel.vars)
        while True:
            try:
                taken_by((node, forms))
                break
            except Split as at:
                kernel.over[forms] = node.domain
                kernel.cut(at)
                forms = next(iter(kernel.over))
            except NotLinear as why:
                raise Hard(why.view) from None
        kernel.over.clear()
        kernel.add(node, forms)
        self._start(kernel, node)

    def _candidates(self, node: Node) -> list[Loops]:
        found: dict[Loops, None] = {}
        for x in node.ins:
            kernel = self.of.get(base(x))
            if isinstance(kernel, Loops):
                found[kernel] = None
        for x in node.ins:
            if x.size == math.prod(node.domain) > 1:
                found.update(dict.fromkeys(self.readers.get(base(x), ())))
        return [kernel for kernel in reversed(found) if not self._too_early(kernel, node)]

    def _too_early(self, kernel: Loops, node: Node) -> bool:
        """Does the node need something that waits for the kernel?"""
        others = {self.of[base(x)] for x in node.ins if base(x) in self.of} - {kernel}
        return any(each.waits_for(kernel) for each in others)

    def _fit(self, kernel: Loops, node: Node) -> Forms | None:
        """The indices with which a node may join a kernel."""
        if math.prod(node.domain) <= 1 < kernel.size:
            return None
        while True:
            try:
                for forms, shape in list(kernel.over.items()):
                    if math.prod(shape) != math.prod(node.domain):
                        continue
                    own = forms if shape == node.domain else reshaped(forms, shape, node.domain)
                    if own is not None and self._matches(kernel, node, own):
                        return own
                return None
            except Split as at:
                if at.var not in kernel.vars:
                    return None
                kernel.cut(at)

    def _matches(self, kernel: Loops, node: Node, forms: Forms) -> bool:
        try:
            items = kernel.takes((node, forms))
        except NotLinear:
            return False
        if node.op == "reduce" and not kernel.sums_over(forms):
            return False
        shared = False
        elsewhere = None
        for item in items:
            if item[0] in kernel.forms:
                if node.op == "join" or item[0] in kernel.accumulated or kernel.indices(item[0]) != item[1]:
                    return False
                shared = True
            elif not shared and item[0].size == math.prod(node.domain):
                elsewhere = kernel.taken() if elsewhere is None else elsewhere
                shared = item in elsewhere
        return shared


def parts_of(kernel: Kernel) -> list[Kernel]:
    """A kernel as several of at most NODE_LIMIT nodes, that run over the same loops one after another."""
    if not isinstance(kernel, Loops):
        return [kernel]
    parts: list[Kernel] = []
    for first in range(0, len(kernel.nodes), NODE_LIMIT):
        nodes = kernel.nodes[first : first + NODE_LIMIT]
        forms = {node: kernel.forms[node] for node in nodes}
        accumulated = kernel.accumulated & forms.keys()
        parts.append(Loops(nodes, set(), kernel.vars, kernel.cols, forms, accumulated))
    return parts


def in_order(kernels: Sequence[Kernel]) -> list[Kernel]:
    """Each after those it needs, otherwise as they were started."""
    done: dict[Kernel, None] = {}
    place = {kernel: i for i, kernel in enumerate(kernels)}
    for first in kernels:
        stack = [first]
        while stack:
            kernel = stack[-1]
            missing = sorted((each for each in kernel.deps if each not in done), key=place.__getitem__)
            if missing:
                stack.append(missing[0])
            else:
                done.setdefault(stack.pop())
    return list(done)
