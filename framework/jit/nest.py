"""The C text of one nest of loops.

Theory of operation. What an iteration over the columns can compute depends on which sums over the row are
known: a value's *level* is how many reductions of the row, one upon the other, it waits for. Each level is
one pass over the columns; what does not depend on the column is computed once a row, before the first pass
that needs it. A value that several passes need is computed in each of them where that is cheap, read back
where it was stored, and kept in an array of one row otherwise. Text is written on demand, from what has to be
stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from framework.jit.expressions import STORED_AS, cost, literal, start_of, value_type
from framework.jit.fuse import Item, Loops
from framework.jit.index import Form, Var, address
from framework.jit.ir import Node

KEEP_FROM = 8  # a value at least so costly is kept for later passes rather than computed again
CLAUSE = {"sum": "+", "prod": "*", "max": "max", "min": "min"}
Strides = Callable[[Node], Sequence[int]]


@dataclass
class Target:
    """Something that a pass must do: store a value, or add it to a reduction."""

    level: int
    item: Item  # what is stored, or reduced
    node: Node


class Nest:
    """One kernel's text. `strides` tells how a stored node or an input lies; `name` its pointer."""

    def __init__(
        self, kernel: Loops, stored: Iterable[Node], strides: Strides, name: Callable[[Node], str]
    ) -> None:
        self.kernel, self.strides, self.name = kernel, strides, name
        self.stored = [node for node in kernel.nodes if node in set(stored)]
        self.levels: dict[Item, int] = {}
        self.rows, self.inner = self._loops()
        self.sums = self._needed_sums()
        self.targets = self._targets()
        self.last = max((target.level for target in self.targets), default=0)
        self.kept = self._kept()
        self.loaded: dict[str, str] = {}  # pointers by name, with their C type
        self.row_names: dict[Item, str] = {}
        self.names: dict[Item, str] = {}
        self.row_lines: list[str] = []
        self.lines: list[str] = []
        self.count = 0

    # Which loops, and in which order

    def _addresses(self) -> list[Form]:
        kernel = self.kernel
        forms = [address(kernel.indices(node), self.strides(node)) for node in self.stored]
        for node, own in [*kernel.forms.items(), *kernel.again]:
            if node.op == "join":  # its bounds look at single dimensions
                shapes = [x.shape for x in node.ins]
                forms += [form for i, form in enumerate(own) if any(s[i] != node.shape[i] for s in shapes)]
        return forms + [address(f, self.strides(node)) for node, f in kernel.taken() if node.size > 1]

    def _loops(self) -> tuple[list[Var], list[Var]]:
        """Row and column loops, outermost first, merged where everything lies in one run across them."""
        addresses = self._addresses()
        self.merged: dict[Var, Var] = {}  # a loop that went into the one inside it
        self.extents = {var: var.extent for var in self.kernel.vars if var.extent > 1}
        full = max(addresses, key=lambda form: len(form.terms), default=None)

        def outermost_first(var: Var) -> tuple[bool, int]:
            return (full is not None and full.of(var) == 0, -abs(full.of(var)) if full else 0)

        ordered = sorted(self.extents, key=outermost_first)
        ordered.sort(key=lambda var: full is not None and full.of(var) != 0)
        cols = self.kernel.cols
        if cols is None:
            run = self._merge(ordered, addresses)
            return run[:-1], run[-1:]
        rows = self._merge([var for var in ordered if var not in cols], addresses)
        return rows, self._merge([var for var in ordered if var in cols], addresses)

    def _merge(self, run: list[Var], addresses: list[Form]) -> list[Var]:
        result: list[Var] = []
        for var in run:
            outer = result[-1] if result else None
            if outer is not None and all(form.of(outer) == form.of(var) * var.extent for form in addresses):
                result.pop()
                self.merged[outer] = var
                self.extents[var] *= self.extents[outer]
            result.append(var)
        return result

    # What is computed in which pass

    def level(self, item: Item) -> int:
        """How many passes of the row must be over before this element can be computed."""
        stack = [item]
        while stack:
            each = stack[-1]
            if each in self.levels:
                stack.pop()
                continue
            if not self.kernel.computes(each):
                self.levels[stack.pop()] = 0
                continue
            takes = self.takes(each)
            missing = [x for x in takes if x not in self.levels]
            if missing:
                stack.extend(missing)
                continue
            waits = 1 if self.is_sum(each) else 0
            self.levels[stack.pop()] = max((self.levels[x] for x in takes), default=0) + waits
        return self.levels[item]

    def takes(self, item: Item) -> list[Item]:
        """The elements that a computed element needs; of a reduction, the element that is reduced."""
        node, forms = item
        return self.kernel.takes((node, self.kernel.forms[node] if node.op == "reduce" else forms))

    def is_sum(self, item: Item) -> bool:
        return item[0].op == "reduce" and self.kernel.computes(item)

    def is_row(self, item: Item) -> bool:
        """Is it the same for all columns?"""
        inner = {*self.inner} | {var for var, into in self.merged.items() if self._final(into) in self.inner}
        return not any(form.vars() & inner for form in item[1])

    def _final(self, var: Var) -> Var:
        while var in self.merged:
            var = self.merged[var]
        return var

    def _walk(self, items: Iterable[Item]) -> list[Item]:
        """Those elements and all computed ones that they need, through reductions."""
        seen: dict[Item, None] = {}
        stack = list(items)
        while stack:
            item = stack.pop()
            if item not in seen and self.kernel.computes(item):
                seen[item] = None
                stack.extend(self.takes(item))
        return list(seen)

    def _needed_sums(self) -> list[Node]:
        """Reductions along the row whose result something needs."""
        kernel = self.kernel
        items = [(node, kernel.indices(node)) for node in self.stored]
        needed = {node for node, _ in self._walk(items) if node.op == "reduce"} - kernel.accumulated
        return [node for node in kernel.nodes if node in needed]

    def _targets(self) -> list[Target]:
        kernel, found = self.kernel, []
        for node in kernel.nodes:
            if node in self.sums or (node in kernel.accumulated and node in self.stored):
                (item,) = kernel.takes((node, kernel.forms[node]))
                found.append(Target(self.level(item), item, node))
            if node in self.stored and node not in kernel.accumulated:
                item = (node, kernel.indices(node))
                found.append(Target(self.level(item), item, node))
        return found

    def _kept(self) -> dict[Item, int]:
        """Costly values that more than one pass needs, by the pass that computes them."""
        passes: dict[Item, set[int]] = {}
        for target in self.targets if self.last else ():
            stack, seen = [target.item], set()
            while stack:
                item = stack.pop()
                if item in seen or not self.kernel.computes(item) or self.is_row(item) or self.is_sum(item):
                    continue
                seen.add(item)
                passes.setdefault(item, set()).add(target.level)
                stack.extend(self.takes(item))
        kept: dict[Item, int] = {}
        for item in sorted(passes, key=lambda item: self.kernel_place(item)):
            if len(passes[item]) > 1 and item[0] not in self.stored and self._is_costly(item, kept):
                kept[item] = min(passes[item])
        return kept

    def kernel_place(self, item: Item) -> int:
        return self.level(item) * 10_000 + (
            self.kernel.nodes.index(item[0]) if item[0] in self.kernel.forms else 0
        )

    def _is_costly(self, item: Item, kept: dict[Item, int]) -> bool:
        """Does computing it again cost at least KEEP_FROM?"""
        price, stack = 0, [item]
        while stack and price < KEEP_FROM:
            each = stack.pop()
            if not self.kernel.computes(each) or self.is_row(each) or each in kept or each[0] in self.stored:
                continue
            price += cost(each[0].name)
            stack.extend(self.takes(each))
        return price >= KEEP_FROM

    # Text

    def text(self) -> list[str]:
        """The body of the function: it runs over `begin` to `end` of the outermost loop."""
        passes: list[str] = []
        for level in range(self.last + 1):
            passes += self._pass(level, [target for target in self.targets if target.level == level])
        depth = max(len(self.rows), 1)
        body = ["    " * depth + line for line in [*self._kept_arrays(), *passes]]
        if not self.rows:
            return body if self.inner else ["    if (begin == end) return;", *body]
        heads = ["    " * i + self._loop(var, outermost=i == 0) for i, var in enumerate(self.rows)]
        tails = ["    " * i + "}" for i in reversed(range(len(self.rows)))]
        return ["    " + line for line in [*heads, *body, *tails]]

    @property
    def outermost(self) -> int:
        """How many steps the outermost loop has."""
        loops = self.rows or self.inner[:1]
        return self.extents[loops[0]] if loops else 1

    @property
    def is_one_row(self) -> bool:
        """Are its sums known only at the end of all loops?"""
        return self.kernel.cols is not None and not self.rows

    @property
    def may_be_cut(self) -> bool:
        """May parts of the outermost loop run at the same time? Not if they add to the same sum."""
        return not self.is_one_row and not self.kernel.accumulated & self.kernel.forms.keys()

    def _loop(self, var: Var, outermost: bool) -> str:
        name = self._var(var)
        first, last = ("begin", "end") if outermost else ("0", str(self.extents[var]))
        return f"for (int64_t {name} = {first}; {name} < {last}; {name}++) {{"

    def _var(self, var: Var) -> str:
        return f"i{(self.rows + self.inner).index(var)}"

    def _kept_arrays(self) -> list[str]:
        width = math.prod(self.extents[var] for var in self.inner)
        return [f"{value_type(node.dtype)} w{i}[{width}];" for i, (node, _) in enumerate(self.kept)]

    def _pass(self, level: int, targets: list[Target]) -> list[str]:
        self.current = level
        self.names, self.lines, self.row_lines = {}, [], []
        self.before: list[str] = []  # of the column loops, once a row
        self.after: list[str] = []
        self.row_sums: list[tuple[str, str]] = []  # how, and the name
        self.simd = True
        for item, at in self.kept.items():
            if at == level:
                self.lines.append(f"{self._kept_place(item)} = {self._value(item)};")
        stores: list[str] = []  # after all values: what one is written over may be read by another
        for target in targets:
            node = target.node
            if node.op == "reduce" and (node in self.kernel.accumulated or target.item[0] is not node):
                self._sum(target)
                continue
            line = f"{self._place(node, self.kernel.indices(node))} = {self._value(target.item)};"
            (self.after if self.is_row(target.item) else stores).append(line)
        self.lines += stores
        return [*self.row_lines, *self.before, *self._column_loops(), *self.after]

    def _sum(self, target: Target) -> None:
        """Add a value up: over the row into a variable, over rows into memory."""
        node, how = target.node, target.node.attrs["kind"]
        value, indices = self._value(target.item), self.kernel.indices(target.node)
        if self.is_row(target.item):
            self.after.append(self._add(how, self._place(node, indices), value, node))
            return
        if node in self.kernel.accumulated and not self.is_row((node, indices)):
            self.lines.append(self._add(how, self._place(node, indices), value, node))
            self.simd = self.simd and self._reaches_innermost(node)
            return
        name = f"s{self.count}"
        self.count += 1
        self.before.append(f"{value_type(node.dtype)} {name} = {start_of(how, node.dtype)};")
        self.row_sums.append((CLAUSE[how], name))
        if how in ("sum", "prod"):
            self.lines.append(f"{name} {CLAUSE[how]}= {value};")
        else:
            self.lines.append(f"{name} = {value} {'>' if how == 'max' else '<'} {name} ? {value} : {name};")
            if node.dtype.kind == "f":  # a NaN anywhere is the result
                self.before.append(f"int {name}_nan = 0;")
                self.lines.append(f"{name}_nan |= {value} != {value};")
                self.row_sums.append(("|", f"{name}_nan"))
                self.after.append(f"if ({name}_nan) {name} = NAN;")
        if node in self.kernel.accumulated:
            self.after.append(self._add(how, self._place(node, indices), name, node))
        else:
            self.row_names[(node, indices)] = name

    def _add(self, how: str, place: str, value: str, node: Node) -> str:
        """A statement that adds a value to a result in memory."""
        if how in ("sum", "prod"):
            return f"{place} {CLAUSE[how]}= {value};"
        sign = ">" if how == "max" else "<"
        return f"{place} = ({value} {sign} {place} || {value} != {value}) ? {value} : {place};"

    def _column_loops(self) -> list[str]:
        if not self.lines or not self.inner:
            return self.lines
        sums = [f"reduction({clause}:{name})" for clause, name in self.row_sums]
        loops = self.inner if self.rows else self.inner[:1]
        heads = []
        for depth, var in enumerate(self.inner):
            if self.simd and var is self.inner[-1]:
                heads.append("    " * depth + " ".join(["#pragma omp simd", *sums]))
            heads.append("    " * depth + self._loop(var, outermost=not self.rows and var is loops[0]))
        body = ["    " * len(self.inner) + line for line in self.lines]
        return [*heads, *body, *("    " * i + "}" for i in reversed(range(len(self.inner))))]

    def _reaches_innermost(self, node: Node) -> bool:
        """Does the innermost loop step through the elements of this sum?"""
        return any(
            self._final(var) is self.inner[-1] for form in self.kernel.indices(node) for var in form.vars()
        )

    def _value(self, item: Item) -> str:
        """The name of an element's value, written down, after all it is computed from, where it has none yet.

        A loop, as chains of elementwise operators may be thousands long.
        """
        stack = [item]
        while stack:
            each = stack[-1]
            if not self._known(each):
                text = self._read(each)
                if not text:
                    operands = self.takes(each)
                    missing = [x for x in reversed(operands) if not self._known(x)]
                    if missing:
                        stack += missing
                        continue
                    text = str(each[0].attrs["code"]).format(*[self._known(x) for x in operands])
                self._write(each, text)
            stack.pop()
        return self._known(item)

    def _known(self, item: Item) -> str:
        """A number, or the name of a value that is written down; empty for others."""
        node = item[0]
        name = self.row_names.get(item) or self.names.get(item)
        if not name and node.value is not None and node.is_number:
            return literal(node.value.reshape(())[()], node.dtype)
        return name or ""

    def _write(self, item: Item, text: str) -> None:
        row = self.is_row(item)
        name = f"t{self.count}"
        self.count += 1
        (self.row_lines if row else self.lines).append(f"{value_type(item[0].dtype)} {name} = {text};")
        (self.row_names if row else self.names)[item] = name

    def _read(self, item: Item) -> str:
        """Where an element is that this pass does not compute; empty where it does."""
        node, forms = item
        here = self.current
        if not self.kernel.computes(item):
            return self._place(node, forms)
        if self.level(item) < here and node in self.stored and not self.is_row(item):
            return self._place(node, forms)
        if self.kept.get(item, here) < here:
            return self._kept_place(item)
        return self._joined(item) if node.op == "join" else ""

    def _joined(self, item: Item) -> str:
        """The operand within whose bounds the element lies; an operand is not read elsewhere."""
        node, forms = item
        text = "0"
        for x, start, element in zip(node.ins, node.attrs["starts"], self.takes(item), strict=True):
            bounds = [
                f"(uint64_t)({self._offset(form.plus(-first))}) < {n}"
                for form, first, n, whole in zip(forms, start, x.shape, node.shape, strict=True)
                if n != whole
            ]
            source = element[0]
            value = self._value(element) if source.is_number else self._place(*element)
            text = f"{' && '.join(bounds) or '1'} ? {value} : {text}"
        return text

    def _place(self, node: Node, forms: Sequence[Form]) -> str:
        pointer = self.name(node)
        self.loaded[pointer] = STORED_AS[node.dtype.name]
        return f"{pointer}[{self._offset(address(tuple(forms), self.strides(node)))}]"

    def _offset(self, form: Form) -> str:
        order = {var: i for i, var in enumerate(self.rows + self.inner)}
        terms = sorted((order[var], var, c) for var, c in form.terms if var in order)
        text = [self._var(var) if c == 1 else f"{self._var(var)} * {c}" for _, var, c in terms]
        return " + ".join([*text, *([str(form.const)] if form.const or not text else [])])

    def _kept_place(self, item: Item) -> str:
        i = list(self.kept).index(item)
        step, text = 1, []
        for var in reversed(self.inner):
            text.append(f"{self._var(var)} * {step}")
            step *= self.extents[var]
        return f"w{i}[{' + '.join(reversed(text))}]"
