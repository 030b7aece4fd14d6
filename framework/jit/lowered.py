"""What `fn.lower(...)` shows: the program as traced and as optimised, the plan, and the code."""

from __future__ import annotations

from dataclasses import dataclass

from framework.core.graph import Graph
from framework.jit.ir import Node, Program, read
from framework.jit.lower import Plan
from framework.jit.panels import Panels


def listing(program: Program) -> str:
    """A line per node: name, dtype and shape, primitive, operands, attributes."""
    names: dict[Node, str] = {}
    lines = []
    for i, node in enumerate(program.inputs):
        names[node] = f"a{i}"
        known = "" if node.value is None else f" = {node.value}" if node.size == 1 else " = constant"
        lines.append(f"a{i}: {_type(node)}{known}")
    for i, node in enumerate(program.nodes):
        names[node] = f"v{i}"
        operation = node.name or "copy"
        graphs = {name: value for name, value in node.prim_attrs.items() if isinstance(value, Graph)}
        attributes = "".join(
            f", {name}={value}" for name, value in node.prim_attrs.items() if name not in graphs
        )
        operands = ", ".join(names[x] for x in node.ins)
        lines.append(f"v{i}: {_type(node)} = {operation}({operands}{attributes})")
        for name, graph in graphs.items():
            lines += [f"    {name}:", *(f"        {line}" for line in listing(read(graph)).splitlines())]
    lines.append("return " + ", ".join(names[x] for x in program.outputs))
    return "\n".join(lines)


def _type(node: Node) -> str:
    return f"{node.dtype.name}[{', '.join(map(str, node.shape))}]"


@dataclass(frozen=True)
class Lowered:
    """`print` it, or take one of its parts."""

    traced: str  # the program as it was traced
    optimised: str  # and after the passes that keep every bit; what O0 runs
    passes: str  # what each stage made of how many nodes, and the memory plan
    code: str  # the C that O1 runs; empty at O0
    cuda: str  # the same nests of loops as CUDA kernels; not printed with the rest
    memory: tuple[int, int]  # bytes of O1's block, and were every value given a buffer of its own

    def __str__(self) -> str:
        titles = ("traced", "optimised", "passes", "code")
        return "\n\n".join(f"=== {title}\n{getattr(self, title)}" for title in titles)


def summary(traced: int, optimised: int, plan: Plan | None) -> str:
    """The passes in numbers."""
    lines = [
        f"trace: {traced} nodes",
        f"alias, fold, simplify, common sub-expressions, dead code: {optimised} nodes",
    ]
    if plan is None:
        return "\n".join(lines)
    loops = [kernel.nest for kernel in plan.kernels if kernel.nest]
    panels = [kernel for kernel in plan.kernels if isinstance(kernel, Panels)]
    hosted = [kernel.nodes[0].name for kernel in plan.kernels if plan.is_hosted(kernel)]
    which = f" ({', '.join(dict.fromkeys(hosted))})" if hosted else ""
    again = sum(len(kernel.again) for kernel in loops)
    lines += [
        f"fusion: {len(loops)} nests of loops, {len(plan.products)} matrix products, "
        f"{len(plan.controls)} loops and branches, {len(hosted)} calls of implementations{which}",
        f"epilogues: {len(panels)} products and the nests behind them in panels"
        + "".join(f"; {each.described}" for each in panels),
        f"recomputation: {again} values computed again instead of stored; {len(plan.stored)} stored",
        f"layout: {len(plan.layout)} values written in the order of their readers",
        f"memory: {plan.nbytes:,} bytes in one block; one buffer per value: {plan.naive:,}; "
        f"{len(plan.donated)} outputs over donated inputs",
    ]
    return "\n".join(lines)
