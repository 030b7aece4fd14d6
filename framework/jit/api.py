"""`jit`: a function traced once per kind of argument, optimised, compiled, and run from then on without
Python.

What a trace depends on is checked at every call (guards.py); where something has changed, the function is
traced again, so that a stale value is never used. Parameters that the function reaches are inputs; those that
it assigns are outputs too, written over their old values where nobody else holds those: a whole training step
is one program.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from framework.core import backend, dtypes, tree
from framework.core.assigned import apart, drawing_apart
from framework.core.graph import is_array, trace
from framework.core.python import warn_once
from framework.core.tensor import Parameter, Tensor, abstract, as_tensor, wrap
from framework.errors import ArgumentError, TraceError
from framework.jit import link
from framework.jit.emit_c import emit
from framework.jit.emit_cuda import emit_cuda
from framework.jit.guards import Captured
from framework.jit.ir import read
from framework.jit.lower import lower
from framework.jit.lowered import Lowered, listing, summary
from framework.jit.passes import simplified
from framework.jit.program import Compiled, Interpreted
from framework.ops.random import STATE

LEVELS = ("O0", "O1")
KEPT = 16  # traces of one function that are kept; the one unused for longest goes first
RESTLESS = 8  # traces for the same kind of arguments after which a warning says why


@dataclass(slots=True)
class Entry:
    """One trace, ready to run."""

    captured: Captured
    run: Interpreted | Compiled | None = None  # None: the function is run as it is
    parameters: Sequence[Parameter] = ()
    assigned: tuple[int, ...] = ()  # those that get new values
    build: Callable[[list[Tensor]], Any] = list  # the function's result from its leaves


class Jit:
    """A compiled function; `jit` makes it. `traces` counts how often the function has been traced."""

    def __init__(
        self, function: Callable[..., Any], level: str, fullgraph: bool, donate: tuple[int, ...]
    ) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self.level, self.fullgraph, self.donate = function, level, fullgraph, donate
        self.entries: dict[Any, list[Entry]] = {}
        self.traces = 0

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        arrays: list[Any] = []
        marks: list[Any] = []
        if not _scan(args, arrays, marks) or (kwargs and not _scan(kwargs, arrays, marks)):
            return self.function(*args, **kwargs)  # inside of another trace or of a gradient: a part of that
        entry = self._entry(marks, args, kwargs)
        if entry.run is None:
            return self.function(*args, **kwargs)
        parameters = entry.parameters
        # No name here may hold one of their tensors: it would not be alone.
        if parameters and any(p.held.prim is not None for p in parameters):
            return self.function(*args, **kwargs)
        if drawing_apart() and any(p is STATE for p in parameters):  # an example's numbers, not the process's
            return self.function(*args, **kwargs)
        state: list[Any] = [p.held.value for p in parameters]
        for i in entry.assigned:
            if not _alone(parameters[i], state, i):
                state[i] = state[i].copy()
        outputs = entry.run([*state, *arrays])
        for i, array in zip(entry.assigned, outputs, strict=False):
            parameters[i].held = wrap(array)
            parameters[i].version += 1
        return entry.build([wrap(array) for array in outputs[len(entry.assigned) :]])

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """What these arguments are compiled to, for reading: nothing is run or kept."""
        _, traced = _trace_of(self.function, args, kwargs)
        if isinstance(traced, TraceError):
            raise traced
        before = listing(read(traced.graph))
        program = simplified(read(traced.graph, expand=self.level != "O0"))
        after = listing(program)
        plan = None if self.level == "O0" else lower(program, traced.donated(self.donate))
        return Lowered(
            before,
            after,
            summary(len(traced.graph.nodes), after.count("\nv"), plan),
            "" if plan is None else emit(plan),
            "" if plan is None else emit_cuda(plan),
            (0, 0) if plan is None else (plan.nbytes, plan.naive),
        )

    def _entry(self, marks: list[Any], args: Any, kwargs: Any) -> Entry:
        """The trace that fits, made where there is none."""
        key = (backend.xp, *marks)
        try:
            known = self.entries.setdefault(key, [])
        except TypeError:
            static = next(each for each in marks if not _hashable(each))
            raise ArgumentError(
                f"jit: argument {static!r:.100} ({type(static).__name__}) is neither an array nor hashable; "
                "give a tensor, a number, a text, or a container of them"
            ) from None
        why = ""
        for i, entry in enumerate(known):
            why = entry.captured.changed()
            if not why:
                if i:
                    known.insert(0, known.pop(i))
                return entry
        if len(known) >= RESTLESS and len(known) % RESTLESS == 0:
            warn_once(
                f"jit: {self._name()} was traced {len(known)} times for the same kind of arguments, "
                f"the last time because {why} had changed; pass it as a tensor, or hold it in a Parameter"
            )
        entry = self._traced(args, kwargs)
        known.insert(0, entry)
        del known[KEPT:]
        self._forget()
        return entry

    def _forget(self) -> None:
        """Keep the traces of the kinds of arguments seen last."""
        for key in list(self.entries)[: max(0, len(self.entries) - 4 * KEPT)]:
            del self.entries[key]

    def _traced(self, args: Any, kwargs: Any) -> Entry:
        self.traces += 1
        captured, trace = _trace_of(self.function, args, kwargs)
        if isinstance(trace, TraceError):
            if self.fullgraph:
                raise trace
            warn_once(f"jit: {self._name()} runs as it is, uncompiled: {trace}")
            return Entry(captured)
        run: Interpreted | Compiled
        compiles = self._compiles()
        program = simplified(read(trace.graph, expand=compiles))
        empty = any(node.size == 0 for node in [*program.inputs, *program.nodes])
        if compiles and not empty:
            run = Compiled(program, trace.donated(self.donate))
        else:
            run = Interpreted(program)
        return Entry(captured, run, trace.parameters, trace.assigned, _builder(trace.out_tree))

    def _compiles(self) -> bool:
        if self.level == "O0" or backend.get_device() != "cpu":
            return False
        reason = link.missing()
        if reason:
            warn_once(f"jit: programs are interpreted, not compiled: {reason}")
        return not reason

    def _name(self) -> str:
        code = getattr(self.function, "__code__", None)
        name = getattr(self.function, "__qualname__", repr(self.function))
        return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name


def _is_older(x: Tensor, begin: int) -> bool:
    """Does a tensor depend on what was recorded before this point in time?"""
    stack, seen = [x], {id(x)}
    while stack:
        each = stack.pop()
        if each.prim is None:
            continue
        if each.index < begin:
            return True
        stack += [i for i in each.ins if id(i) not in seen]
        seen |= {id(i) for i in each.ins}
    return False


class _Trace:
    """A function traced with its parameters as inputs, and those that it assigned as the first outputs."""

    def __init__(self, function: Callable[..., Any], captured: Captured, args: Any, kwargs: Any) -> None:
        self.parameters = captured.parameters
        self.args = args
        self.leaves, self.tree = tree.flatten((args, kwargs))
        self.places = [i for i, x in enumerate(self.leaves) if is_array(x) and not isinstance(x, Parameter)]
        self.assigned: tuple[int, ...] = ()
        self.out_tree = tree.LEAF
        self.function = function
        state = [p.held for p in self.parameters]
        begin = abstract((), dtypes.as_dtype("bool")).index  # what is older was made outside
        self.graph = trace(self._body, state, [self.leaves[i] for i in self.places])
        for x in self.graph.consts:
            if x.value is None or _is_older(x, begin):
                raise TraceError(
                    f"a tensor of shape {x.shape} is neither an argument nor a constant, but comes from "
                    "vmap, a loop or a gradient around: pass it in, or return it from there"
                )
        self._keep_used()

    def _keep_used(self) -> None:
        """Without the parameters that nothing depends on."""
        used = {id(x) for node in self.graph.nodes for x in node.ins} | {id(x) for x in self.graph.outputs}
        count = len(self.parameters)
        kept = [i for i in range(count) if i in self.assigned or id(self.graph.inputs[i]) in used]
        self.graph.inputs = [self.graph.inputs[i] for i in kept] + self.graph.inputs[count:]
        self.parameters = [self.parameters[i] for i in kept]
        self.assigned = tuple(kept.index(i) for i in self.assigned)

    def _body(self, state: list[Tensor], arrays: list[Tensor]) -> Any:
        given = list(self.leaves)
        for i, array in zip(self.places, arrays, strict=True):
            given[i] = array
        args, kwargs = tree.unflatten(self.tree, given)
        before = [(p.held, p.version) for p in self.parameters]
        for p, held in zip(self.parameters, state, strict=True):
            p.held = held
        try:
            with apart():
                out = self.function(*args, **kwargs)
            results, self.out_tree = tree.flatten(out)
            results = [x.held if isinstance(x, Parameter) else x for x in results]
            now = [p.held for p in self.parameters]
        finally:
            for p, (held, version) in zip(self.parameters, before, strict=True):
                p.held, p.version = held, version
        self.assigned = tuple(i for i, held in enumerate(now) if held is not state[i])
        return [*(now[i] for i in self.assigned), *results]

    def donated(self, positions: Sequence[int]) -> list[int]:
        """The inputs that outputs may be written over: assigned parameters and donated arguments."""
        if missing := [i for i in positions if i >= len(self.args)]:
            raise ArgumentError(f"jit: donate={missing}, but the call has {len(self.args)} arguments")
        found = list(self.assigned)
        first = 0
        for position, arg in enumerate(self.args):
            after = first + len(tree.flatten(arg)[0])
            if position in positions:
                inside = (place for place, i in enumerate(self.places) if first <= i < after)
                found += [len(self.parameters) + place for place in inside]
            first = after
        return found


def _trace_of(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Captured, _Trace | TraceError]:
    """What a function depends on, and its trace, or why there is none."""
    leaves, _ = tree.flatten((args, kwargs))
    captured = Captured(function, *(x for x in leaves if isinstance(x, Parameter) or not is_array(x)))
    try:
        found: _Trace | TraceError = _Trace(function, captured, args, kwargs)
    except TraceError as why:
        found = why
    finally:
        written = captured.written_back()
    if written:
        found = TraceError(
            f"the function writes to a tensor that was made outside of it ({written}). It is traced once, "
            "and the write would happen once, however often it runs: hold the tensor in a Parameter and "
            "assign that, or return the new value and assign it after"
        )
    elif sources := captured.drawn_from():
        found = TraceError(
            f"the function draws random numbers or next values from {sources}. It is traced once, and would "
            "use the first ones ever after: draw with framework.ops.rand and its kin, or pass the values in"
        )
    return captured, found


def jit(
    function: Callable[..., Any] | None = None,
    *,
    jit_level: str = "O1",
    fullgraph: bool = False,
    donate: int | Sequence[int] = (),
) -> Any:
    """Trace a function, optimise it and compile it; usable as a decorator, with or without arguments.

    Args:
        function: of tensors, arrays, containers of them, and anything hashable, for each value of which it is
            compiled anew. What it returns becomes tensors. A Cell, a method, a partial serve as well.
        jit_level: "O1" compiles to C (`framework/README.md` says what that may change in the last bits); "O0"
            runs the optimised program by the primitives' implementations, and gives the bits of eager mode.
        fullgraph: raise where the function cannot be traced, instead of running it as it is with a warning.
        donate: positions of arguments whose memory may be used for results: do not use them after the call.

    Raises:
        ArgumentError: no function; another level; `donate` that is no position; an argument that is neither
            array nor hashable.
        TraceError: Python needs the value of a traced tensor, and `fullgraph` is set.
    """
    if jit_level not in LEVELS:
        raise ArgumentError(f"jit: jit_level is {jit_level!r}; one of {', '.join(LEVELS)}")
    if not (function is None or callable(function)):
        raise ArgumentError(f"jit: {function!r:.100} ({type(function).__name__}) cannot be called")
    positions = (donate,) if isinstance(donate, int) else tuple(donate)
    if wrong := [i for i in positions if type(i) is not int or i < 0]:
        raise ArgumentError(f"jit: donate={wrong!r:.100}; positions of arguments are counted from 0")
    if function is None:
        return lambda later: Jit(later, jit_level, fullgraph, positions)
    return Jit(function, jit_level, fullgraph, positions)


def _scan(value: Any, arrays: list[Any], marks: list[Any]) -> bool:
    """Collect arrays, and marks that equal calls have in common; False where a tensor is being traced."""
    kind = value.__class__
    if kind is Tensor:
        array = value.value
        if array is None or value.prim is not None:
            return False
        arrays.append(array)
        marks.append(array.shape)
        marks.append(array.dtype.num)
        return True
    if kind is tuple or kind is list:
        marks.append(kind)
        marks.append(len(value))
        return _scan_all(value, arrays, marks)
    if kind is dict:
        names = tree.keys_of(value)
        marks.append(kind)
        marks.extend(names)
        return _scan_all([value[name] for name in names], arrays, marks)
    if kind is not Parameter and is_array(value):
        return _scan(as_tensor(value), arrays, marks)
    leaves, shape = tree.flatten(value)
    marks.append(shape)
    if shape is not tree.LEAF:
        return _scan_all(leaves, arrays, marks)
    marks.append(kind)
    marks.append(str(value) if kind is float and not value else value)  # -0.0 equals 0.0
    return True


def _scan_all(values: Iterable[Any], arrays: list[Any], marks: list[Any]) -> bool:
    for value in values:  # noqa: SIM110 - a generator in all() takes twice as long
        if not _scan(value, arrays, marks):
            return False
    return True


def _builder(shape: tree.Tree) -> Callable[[list[Tensor]], Any]:
    """What `tree.unflatten(shape, leaves)` does, in one expression where the containers are Python's own."""
    numbers = iter(range(shape.leaves))

    def text(part: tree.Tree) -> str:
        if part.kind is None:
            return f"x[{next(numbers)}]"
        inside = [text(each) for each in part.children]
        if part.kind is dict and all(isinstance(key, str) for key in part.keys):
            return (
                "{" + ", ".join(f"{key!r}: {each}" for key, each in zip(part.keys, inside, strict=True)) + "}"
            )
        if part.kind is list:
            return f"[{', '.join(inside)}]"
        if part.kind is tuple:
            return f"({''.join(each + ', ' for each in inside)})"
        raise LookupError

    try:
        found: Callable[[list[Tensor]], Any] = eval(f"lambda x: {text(shape)}")  # noqa: S307 - written above
    except LookupError:
        return functools.partial(tree.unflatten, shape)
    return found


def _references(parameter: Parameter, state: list[Any], i: int) -> tuple[int, int]:
    """How many hold a parameter's tensor, and how many that tensor's array, which `state` holds too."""
    return sys.getrefcount(parameter.held), sys.getrefcount(state[i])


def _alone(parameter: Parameter, state: list[Any], i: int) -> bool:
    """Does nobody else hold the parameter's tensor, its array, or memory of that?"""
    tensors, arrays = _references(parameter, state, i)
    return tensors <= _FEWEST[0] and arrays <= _FEWEST[1] and state[i].base is None


def _fewest() -> tuple[int, int]:
    parameter = Parameter(0.0)
    return _references(parameter, [parameter.held.value], 0)


_FEWEST = _fewest()


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
