"""Programs that run: interpreted (O0) and compiled (O1). Both take arrays and give arrays."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from framework.core import backend
from framework.jit import emit_c, link
from framework.jit.ir import Node, Program
from framework.jit.lower import lower
from framework.prims.index import out_of_range

Arrays = Sequence[Any]
# Told of the kernels of every run: name, begin and end in nanoseconds, bytes made. A profile sets it.
observer: Callable[[list[tuple[str, int, int, int]]], None] | None = None


class Interpreted:
    """The optimised program, every node by its primitive's implementation: the same bits as eager mode."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.constants = [node.value for node in program.inputs if node.value is not None]
        last = {x: node for node in program.nodes for x in node.ins}
        kept = {*program.outputs, *program.inputs}
        self.steps = [
            (node, [x for x in node.ins if last[x] is node and x not in kept]) for node in program.nodes
        ]

    def __call__(self, arrays: Arrays) -> list[Any]:
        env: dict[Node, Any] = {}
        given = iter(arrays)
        for node in self.program.inputs:
            env[node] = next(given) if node.value is None else backend.to_backend(node.value)
        for node, over in self.steps:
            env[node] = computed(node, [env[x] for x in node.ins], backend.xp)
            for x in over:
                env.pop(x, None)
        return [env[node] for node in self.program.outputs]


def computed(node: Node, ins: list[Any], xp: Any) -> Any:
    """A node by its primitive's implementation."""
    if node.prim is None:
        return xp.ascontiguousarray(ins[0])
    result = node.prim.impl(xp, *ins, **node.prim_attrs)
    return result if "outputs" in node.attrs else xp.asarray(result)


class Compiled:
    """The program as one C function. Works in a block of its own per call that is under way."""

    def __init__(self, program: Program, donate: Iterable[int] = ()) -> None:
        self.plan = lower(program, donate)
        self.source = emit_c.emit(self.plan)
        self.run, close = link.build(self.source)
        weakref.finalize(self, close)
        self.constants = tuple(np.ascontiguousarray(x.value) for x in program.inputs if x.value is not None)
        self.fresh = [(program.outputs[i].shape, program.outputs[i].dtype) for i in emit_c.fresh(self.plan)]
        self.blocks: list[tuple[Any, int]] = []  # with their addresses; one per call under way
        self.faults: list[BaseException] = []
        itself = weakref.ref(self)  # no cycle: what is forgotten is freed at once
        self.host = link.HOST(lambda number, at: itself()._on_host(number, at))  # type: ignore[union-attr]
        self.env = link.environment(self.host)
        self.env_at = ctypes.addressof(self.env)
        self.where = {name: i for i, name in enumerate(emit_c.pointers(self.plan))}

    def __call__(self, arrays: Arrays) -> list[Any]:
        new = [np.empty(shape, dtype) for shape, dtype in self.fresh]
        given = (*arrays, *self.constants, *new)
        block = self.blocks.pop() if self.blocks else _block(self.plan.nbytes)
        clock = self._start_clock() if observer else None
        try:
            while failed := self.run(given, block[1], self.env_at):
                if failed < 0:
                    raise self.faults.pop()
                given = _usable(given, failed - 1)
        finally:
            if clock:
                self.env.clock = None
        self.blocks.append(block)
        if clock and observer:
            observer(self._clocked(clock))
        if not self.plan.donated:
            return new
        rest = iter(new)
        donated = self.plan.donated
        return [
            given[donated[i]] if i in donated else next(rest) for i in range(len(self.plan.program.outputs))
        ]

    def _start_clock(self) -> Any:
        clock = (ctypes.c_int64 * (len(self.plan.kernels) + 1))()
        self.env.clock = ctypes.addressof(clock)
        return clock

    def _clocked(self, clock: Any) -> list[tuple[str, int, int, int]]:
        """The kernels of the run that has just ended."""
        found = []
        for i, kernel in enumerate(self.plan.kernels):
            names = "+".join(dict.fromkeys(node.name or "copy" for node in kernel.nodes))
            made = sum(node.nbytes for node in kernel.nodes if node in self.plan.stored)
            found.append((names, clock[i], clock[i + 1], made))
        return found

    def _on_host(self, number: int, at: int) -> int:
        """Run the implementation that step `number` is, on arrays in the block; -1: an index is wrong."""
        try:
            if number < 0:
                index, n = (ctypes.c_int64 * 2).from_address(at)
                raise out_of_range(index, n)
            (node,) = self.plan.kernels[number].nodes
            self._put(node, computed(node, [self._view(x, at) for x in node.ins], np), at)
        except BaseException as fault:  # noqa: BLE001 - raised again behind the C
            self.faults.append(fault)
            return 1
        return 0

    def _put(self, node: Node, result: Any, at: int) -> None:
        if "outputs" in node.attrs:
            for other in self.plan.kernels:
                for pick in other.nodes:
                    if pick.op == "pick" and pick.ins[0] is node:
                        self._view(pick, at)[...] = result[pick.attrs["i"]]
        else:
            self._view(node, at)[...] = result

    def _view(self, node: Node, at: int) -> Any:
        """The array that a node is, in the block or among the arguments."""
        if node.value is not None and node not in self.plan.place:
            return node.value
        if node.is_view:
            return computed(node, [self._view(node.ins[0], at)], np)
        address = ctypes.c_void_p.from_address(at + 8 * self.where[self.plan.place[node]]).value
        memory = memoryview((ctypes.c_char * node.nbytes).from_address(address or 0))
        strides = [step * node.dtype.itemsize for step in self.plan.strides(node)]
        return np.ndarray(node.shape, node.dtype, memory, strides=strides)


def _block(nbytes: int) -> tuple[Any, int]:
    memory = np.empty(nbytes + 64, np.uint8)
    return memory, -(-memory.ctypes.data // 64) * 64


def _usable(given: tuple[Any, ...], i: int) -> tuple[Any, ...]:
    """The arrays with one of them in the form that the code reads."""
    return (*given[:i], np.array(given[i], order="C"), *given[i + 1 :])
