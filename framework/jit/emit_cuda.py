"""CUDA C++ of a plan's nests: the same loops, spread over a card.

A nest without rows runs an element per thread, in strides of the grid. One that sums along rows runs
a row per block: its threads share the columns and add up what each has found (`block_sum`). Results that many
rows add to are added to atomically. Matrix products are the array library's.
"""

from __future__ import annotations

import math
from pathlib import Path

from framework.jit import link
from framework.jit.fuse import Item
from framework.jit.index import Var
from framework.jit.ir import Node
from framework.jit.lower import Plan
from framework.jit.nest import Nest

RUNTIME = Path(__file__).with_name("runtime.cuh")
_COMBINE = {"+": "block_sum", "*": "block_product", "max": "block_max", "min": "block_min", "|": "block_or"}
_ATOMIC = {"sum": "add_to", "prod": "multiply", "max": "raise", "min": "lower"}


class CudaNest(Nest):
    """A nest as the body of a kernel."""

    def _kept(self) -> dict[Item, int]:
        return {}  # a thread has no room for a row: it computes again

    def text(self) -> list[str]:
        """The body of the kernel; results that are added to must hold their start values."""
        passes: list[str] = []
        for level in range(self.last + 1):
            passes += self._pass(level, [target for target in self.targets if target.level == level])
        loops = self.rows if self.by_row else [*self.rows, *self.inner]
        steps = math.prod(self.extents[var] for var in loops)
        first, stride = ("block", "blocks") if self.by_row else ("thread", "threads")
        return [
            f"    for (int64_t step = {first}; step < {steps}; step += {stride}) {{",
            *("        " + line for line in [*self._taken_apart(loops), *passes]),
            "    }",
        ]

    @property
    def by_row(self) -> bool:
        """Does a block share a row?"""
        return self.kernel.cols is not None

    def _taken_apart(self, loops: list[Var]) -> list[str]:
        """The loop variables that a step stands for."""
        lines, after = [], 1
        for var in reversed(loops):
            lines.append(f"int64_t {self._var(var)} = step / {after} % {self.extents[var]};")
            after *= self.extents[var]
        return lines

    def _column_loops(self) -> list[str]:
        lines = [f"    {line}" for line in self.lines]
        if self.by_row and self.lines:
            steps = math.prod(self.extents[var] for var in self.inner)
            inside = ["    " + line.replace("step", "column") for line in self._taken_apart(self.inner)]
            head = f"for (int64_t column = threadIdx.x; column < {steps}; column += blockDim.x) {{"
            lines = [head, *inside, *lines, "}"]
            lines += [f"{name} = {_COMBINE[how]}({name});" for how, name in self.row_sums]
        return lines

    def _add(self, how: str, place: str, value: str, node: Node) -> str:
        once = "if (threadIdx.x == 0) " if self.by_row and "[" in place and self._once(node) else ""
        return f"{once}{_ATOMIC[how]}(&{place}, {value});"

    def _once(self, node: Node) -> bool:
        return self.is_row((node, self.kernel.indices(node)))


def emit_cuda(plan: Plan) -> str:
    """The source of all nests of a plan, as kernels `k0`, `k1`, … in the order of the plan."""
    functions = [RUNTIME.read_text(), link.HALF.read_text()]
    for number, kernel in enumerate(plan.kernels):
        if kernel.nest and kernel.nest.size:
            nest = CudaNest(kernel.nest, plan.stored, plan.strides, plan.place.__getitem__)
            body = nest.text()
            arguments = ", ".join(f"{kind} *__restrict__ {pointer}" for pointer, kind in nest.loaded.items())
            functions.append(f'extern "C" __global__ void k{number}({arguments}) {{\n    PLACE')
            functions += [*body, "}"]
    return "\n".join(functions) + "\n"
