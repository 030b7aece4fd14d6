"""From a program to a plan: kernels in order, what is stored, how and where it lies in memory.

What cannot be expressed (a view that is not linear, an operand that BLAS cannot read) is found on the way;
then the program is changed (a copy, a call of the implementation) and planning begins again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from framework.jit import memory
from framework.jit.control import PARTS, Control
from framework.jit.expressions import cost
from framework.jit.fuse import IN_LOOPS, Fusion, Hard, Item, Kernel, Loops, base, in_order
from framework.jit.index import NotLinear, Split, address, strides_of
from framework.jit.ir import Node, Program, read
from framework.jit.memory import Life
from framework.jit.nest import Nest
from framework.jit.panels import Panels, joined
from framework.jit.passes import for_code, simplified
from framework.jit.products import Copy, Product, planned
from kernels import get_num_threads

AGAIN_LIMIT = 48  # what computing a value again may cost, in multiplications, to spare a store and a load
SHARE = 8  # a value with less than one element in so many of the loop's costs nothing to load


@dataclass
class Plan:
    """All that the code is written from."""

    program: Program
    kernels: list[Kernel]
    products: dict[Kernel, Product]
    nests: dict[Kernel, Nest]
    controls: dict[Kernel, Control]
    stored: set[Node]
    layout: dict[Node, tuple[int, ...]]  # order of the dimensions, where it is not that of the shape
    place: dict[Node, str] = field(default_factory=dict)  # the pointer by which the code reaches a node
    offsets: dict[str, int] = field(default_factory=dict)  # of pointers into the block
    nbytes: int = 0  # of the block
    naive: int = 0  # bytes, were every value given a buffer of its own
    donated: dict[int, int] = field(default_factory=dict)  # output -> input whose memory it takes over

    def strides(self, node: Node) -> Sequence[int]:
        return strides_of(node.shape, self.layout.get(node))

    def is_hosted(self, kernel: Kernel) -> bool:
        """Is it a call of an implementation?"""
        compiled = kernel.nest or kernel in self.products or kernel in self.controls
        return not compiled and kernel.nodes[0].op not in ("native", "pick")


def lower(program: Program, donate: Iterable[int] = (), in_place: bool = False) -> Plan:
    """The plan of a program. `donate`: inputs whose memory outputs may take over; with `in_place`, output
    number i that of input i alone.
    """
    inputs = {program.inputs[i] for i in donate}
    allowed = [inputs & {program.inputs[i]} if in_place else inputs for i in range(len(program.outputs))]
    _plan_parts(program)
    for_code(program, allowed)
    while True:
        try:
            return _planned(program, allowed)
        except Hard as why:
            why.view.op = "call"
        except Copy as why:
            _copy(program, why.node, why.operand)


def _plan_parts(program: Program) -> None:
    """Plan the graphs of loops and branches, if they compile; their constants become operands."""
    for node in program.nodes:
        keys = PARTS.get(node.name, ())
        parts = [_part(node, key) for key in keys]
        if parts and None not in parts and node.prim_attrs.get("length", 1):
            constants = [x for part in parts if part for x in part.program.inputs if x.value is not None]
            node.attrs = {**node.attrs, "parts": parts}
            node.ins += tuple(constants)
            program.inputs += constants


def _part(node: Node, key: str) -> Plan | None:
    program = simplified(read(node.prim_attrs[key], expand=True))
    if any(x.size == 0 for x in (*program.inputs, *program.nodes)):
        return None
    plan = lower(program, range(node.prim_attrs["carries"]) if key == "body" else (), in_place=True)
    return None if any(plan.is_hosted(kernel) for kernel in plan.kernels) else plan


def _copy(program: Program, node: Node, operand: int) -> None:
    source = node.ins[operand]
    copy = Node("map", (source,), source.shape, source.dtype, {"code": "{0}"})
    node.ins = tuple(copy if i == operand else x for i, x in enumerate(node.ins))
    program.nodes.insert(program.nodes.index(node), copy)


def _planned(program: Program, allowed: Sequence[set[Node]]) -> Plan:
    kernels = Fusion(program.nodes).kernels
    stored = _stored(program, kernels)
    layout = _layouts(program, stored)
    plan = Plan(program, kernels, {}, {}, {}, stored, layout)
    for kernel in kernels:
        node = kernel.nodes[0]
        if node.op == "matmul":
            plan.products[kernel] = planned(node, plan.strides)
        if node.op == "native" or "parts" in node.attrs:
            for i, x in enumerate(node.ins):
                if not _lies_plainly(x):
                    raise Copy(node, i)
        if "parts" in node.attrs:
            plan.controls[kernel] = Control(node, node.attrs["parts"], _picks(kernels, node))
    plan.kernels = joined(kernels, plan.products, lambda loops: nest_of(plan, loops), plan.strides)
    _donate(plan, allowed)
    plan.kernels = in_order(plan.kernels)
    _lay_out(plan)
    return plan


def _lies_plainly(node: Node) -> bool:
    """Is it in memory element by element, in the order of its shape?"""
    while node.op == "reshape":
        node = node.ins[0]
    return not node.is_view


def _picks(kernels: Sequence[Kernel], node: Node) -> dict[int, Node]:
    """The outputs of a node that something takes."""
    nodes = (kernel.nodes[0] for kernel in kernels)
    return {pick.attrs["i"]: pick for pick in nodes if pick.op == "pick" and pick.ins[0] is node}


def _stored(program: Program, kernels: Sequence[Kernel]) -> set[Node]:
    """What must be in memory, after what is cheap to compute again has been taken into its readers."""
    of = {node: kernel for kernel in kernels for node in kernel.nodes}
    stored = {base(node) for node in program.outputs}
    readers: dict[Node, list[Loops]] = {}
    for kernel in kernels:
        if isinstance(kernel, Loops):
            for node in dict.fromkeys(node for node, _ in kernel.taken()):
                readers.setdefault(node, []).append(kernel)
            stored.update(base(x) for node in kernel.nodes if node.op == "join" for x in node.ins)
        else:
            stored.update(base(x) for node in kernel.nodes for x in node.ins)
    stored.update(node for node, kernel in of.items() if not isinstance(kernel, Loops))
    stored.update(node for node in of if node.op == "reduce" and node in readers)
    for kernel in reversed(kernels):
        for node in reversed(kernel.nodes):
            if node in readers and node not in stored:
                _spare(node, readers, stored)
    for kernel in kernels:
        if isinstance(kernel, Loops):
            stored.update(kernel.reads())
            kernel.deps.update(of[node] for node in kernel.reads() if node in of)
    return {node for node in stored if node in of}


def _spare(node: Node, readers: dict[Node, list[Loops]], stored: set[Node]) -> None:
    """Compute a value again in all kernels that read it, if that costs little in each; else store it."""
    wanted: list[tuple[Loops, dict[Item, None], dict[Item, None]]] = []
    if any(node.size * SHARE <= kernel.size for kernel in readers[node]):
        stored.add(node)
        return
    for kernel in readers[node]:
        try:
            again, leaves, price = _expanded(
                [item for item in kernel.taken() if item[0] is node], kernel, stored
            )
        except (NotLinear, Split):  # an element of this kernel is no simple function of one of the value's
            stored.add(node)
            return
        large = {item for item in leaves.keys() - kernel.taken().keys() if item[0].size * SHARE > kernel.size}
        if price > AGAIN_LIMIT or len(large) > 1:
            stored.add(node)
            return
        wanted.append((kernel, again, leaves))
    for kernel, again, leaves in wanted:
        kernel.compute_again(again)
        for source, _ in leaves:
            of_source = readers.setdefault(source, [])
            if kernel not in of_source:
                of_source.append(kernel)


def _expanded(
    items: list[Item], kernel: Loops, stored: set[Node]
) -> tuple[dict[Item, None], dict[Item, None], int]:
    """What has to be computed for these elements, what that reads, and what it costs; where that is too much,
    so far.
    """
    again: dict[Item, None] = {}
    leaves: dict[Item, None] = {}
    price = 0
    stack = list(items)
    while stack and price <= AGAIN_LIMIT:
        item = stack.pop()
        node = item[0]
        if item in again or item in leaves or kernel.computes(item):
            continue
        if node.op not in ("map", "join") or node in stored or node.size * SHARE <= kernel.size:
            leaves[item] = None
            continue
        again[item] = None
        price += cost(node.name)
        stack.extend(kernel.takes(item))
    return again, leaves, price


def _layouts(program: Program, stored: set[Node]) -> dict[Node, tuple[int, ...]]:
    """A value that is only read transposed is written transposed, if its last dimension stays the last."""
    users: dict[Node, list[Node]] = {}
    for node in program.nodes:
        for x in node.ins:
            users.setdefault(x, []).append(node)
    found = {}
    for node in stored - {base(x) for x in program.outputs}:
        readers = users.get(node, [])
        if (
            node.op in ("map", "join", "matmul")
            and readers
            and all(each.op == "transpose" for each in readers)
        ):
            orders = {each.attrs["order"] for each in readers}
            order = orders.pop()
            if not orders and order[-1] == len(order) - 1:
                found[node] = order
    return found


def _donate(plan: Plan, allowed: Sequence[set[Node]]) -> None:
    """Let outputs be written over arguments that they are computed from, after all else that reads those."""
    given = set().union(*allowed)
    inputs = {x: i for i, x in enumerate(plan.program.inputs) if x in given}
    for number, output in enumerate(plan.program.outputs):
        node = base(output)
        kernel = next(each for each in plan.kernels if node in each.nodes)
        if "sign" in node.attrs:
            kernel.deps.update(
                each for each in plan.kernels if each is not kernel and node.ins[2] in each.reads()
            )
            plan.donated[number] = inputs.pop(node.ins[2])
            continue
        may = kernel.reads() & inputs.keys() & allowed[number]
        for x in sorted(may, key=plan.program.inputs.index):
            others = [each for each in plan.kernels if each is not kernel and x in each.reads()]
            if not _may_overwrite(plan, kernel, node, x) or any(each.waits_for(kernel) for each in others):
                continue
            kernel.deps.update(others)
            plan.donated[number] = inputs.pop(x)
            break


def _may_overwrite(plan: Plan, kernel: Kernel, node: Node, x: Node) -> bool:
    """Does the kernel read x for the last time, in every iteration, where it writes the node?"""
    loops = kernel.nest
    if loops is None or node not in loops.forms or node in loops.accumulated:
        return False
    if (x.nbytes, x.dtype) != (node.nbytes, node.dtype):
        return False
    if isinstance(kernel, Panels) and x in kernel.head.reads():  # later panels read it
        return False
    forms = loops.indices(node)
    here = address(forms, plan.strides(node))
    if here.vars() != {var for var in loops.vars if var.extent > 1}:
        return False
    if any(address(f, plan.strides(each)) != here for each, f in loops.taken() if each is x):
        return False
    nest = nest_of(plan, loops)
    return nest.level((node, forms)) == max(nest.level(target.item) for target in nest.targets)


def nest_of(plan: Plan, kernel: Loops) -> Nest:
    if kernel not in plan.nests:
        plan.nests[kernel] = Nest(kernel, plan.stored, plan.strides, plan.place.__getitem__)
    return plan.nests[kernel]


def _lay_out(plan: Plan) -> None:
    """A pointer for every node that is in memory, and a place in the block for those between the kernels."""
    called = [node for kernel in plan.kernels for node in kernel.nodes if node.op not in IN_LOOPS]
    needed = {base(x) for node in called for x in node.ins}
    plan.program.inputs = [x for x in plan.program.inputs if x in needed or not x.is_number]
    for i, node in enumerate(plan.program.inputs):
        plan.place[node] = f"a{i}"
    outputs = {base(node): i for i, node in enumerate(plan.program.outputs)}
    last = {node: step for step, kernel in enumerate(plan.kernels) for node in kernel.reads()}
    lives: dict[str, Life] = {}
    born = {node: step for step, kernel in enumerate(plan.kernels) for node in kernel.nodes}
    for step, kernel in enumerate(plan.kernels):
        if kernel in plan.controls:
            lives[f"w{step}"] = Life(plan.controls[kernel].total, step, step)
        for node in kernel.nodes:
            if node not in plan.stored:
                continue
            plan.naive += node.nbytes
            if (
                isinstance(kernel, Panels)
                and node is kernel.product.node
                and node not in outputs
                and node not in last
            ):
                continue
            if node in outputs:
                i = outputs[node]
                plan.place[node] = f"a{plan.donated[i]}" if i in plan.donated else f"r{i}"
                continue
            over = _overwritten(plan, kernel, node, step, last, lives)
            end = last.get(node, step)
            if over:
                plan.place[node] = over
                lives[over].last = end
            else:
                plan.place[node] = name = f"m{len(lives)}"
                first = born[node.ins[0]] if node.op == "pick" else step  # picks are written with their node
                lives[name] = Life(node.nbytes, first, end)
        if isinstance(kernel, Panels) and kernel.product.node not in plan.place:
            _pass_through(plan, kernel, step, lives)
    plan.nbytes = memory.plan(list(lives.values()))
    plan.offsets = {name: life.offset for name, life in lives.items()}


def _overwritten(
    plan: Plan, kernel: Kernel, node: Node, step: int, last: dict[Node, int], lives: dict[str, Life]
) -> str | None:
    """The pointer of a buffer that is read here for the last time, and that the node may be written over."""
    passing = [x for x in kernel.reads() if not x.is_leaf]
    for x in sorted(passing, key=lambda each: plan.place[each]):
        name = plan.place[x]
        if name in lives and lives[name].last == step == last[x] and _may_overwrite(plan, kernel, node, x):
            return name
    return None


def _pass_through(plan: Plan, kernel: Panels, step: int, lives: dict[str, Life]) -> None:
    """A place for a product that its own loops alone read: that of what they write over it, or a scratch."""
    product = kernel.product.node
    plan.stored.discard(product)
    taken = {plan.place[x] for x in kernel.reads() if x in plan.place}
    for node in kernel.loops.nodes:
        if (
            node in plan.stored
            and plan.place[node] not in taken
            and _may_overwrite(plan, kernel, node, product)
        ):
            plan.place[product] = plan.place[node]
            return
    plan.place[product] = name = f"m{len(lives)}"
    threads = get_num_threads()
    kernel.slots = threads if threads < kernel.count else 0
    lives[name] = Life(kernel.slots * kernel.nbytes or product.nbytes, step, step)
