"""What a function depends on besides its arguments, and whether that has changed.

`Captured` walks from the function through its closure, the globals its code names, defaults, bound objects,
partials, containers, classes, modules and cells. Parameters found on the way become inputs of the compiled
program (and outputs, where it assigns them). Of everything else it keeps guards: variables still hold the
same object (or an equal number or text), tensors the same array, NumPy's arrays the same bytes, cells the
same version, containers, objects and classes the same members. Where one fails, the function is traced again.
A function that draws random numbers from elsewhere than the framework, or takes the next value of an iterator
from outside, cannot be traced at all.
"""

from __future__ import annotations

import functools
import random
import sys
import sysconfig
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from pickle import dumps
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    GeneratorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from framework.core.python import warn_once
from framework.core.tensor import Parameter, Tensor
from framework.ops.random import STATE

LARGE = 1 << 24  # bytes of arrays from which on a warning says that comparing them takes time
_MISSING = object()
_PLAIN = (int, float, complex, str, bytes, bool, type(None), np.generic)
_HERE = str(Path(__file__).parents[1])
# Code from here is taken to look up the same globals every time; closures are looked into wherever they come
# from.
_SETTLED = (_HERE, *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
_OPAQUE = (np.ufunc, np.dtype, MemberDescriptorType)
_BYTES = (np.ndarray, bytearray, array)
# Where what stands for a function in a class has it.
_INSIDE = {
    property: "fget",
    staticmethod: "__func__",
    classmethod: "__func__",
    functools.cached_property: "func",
}


class Captured:
    """The parameters that a function and its static arguments reach, and guards of all else."""

    def __init__(self, *roots: Any) -> None:
        self.parameters: list[Parameter] = []
        self._kinds: list[tuple[Parameter, bool, Any]] = []
        self._cells: list[tuple[CellType, Any, str]] = []
        self._functions: list[tuple[FunctionType, Any, Any, Any]] = []
        self._entries: list[tuple[Mapping[Any, Any], Any, Any, str]] = []
        self._others: list[tuple[Callable[[], Any], Any, str]] = []
        self._tensors: list[tuple[Tensor, Any, str]] = []
        self._drawn = [  # what numbers are drawn from, and its state
            (what, get, dumps(get()))
            for what, get in (("Python's random", random.getstate), ("numpy.random", np.random.get_state))
        ]
        self._seen: dict[int, Any] = {}
        waiting = [("the random state", STATE), *(("the function", root) for root in roots)]
        while waiting:
            what, value = waiting.pop()
            if isinstance(value, (*_PLAIN, *_OPAQUE)) or id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            waiting.extend(self._look_into(what, value))
        self._warn_of_large_arrays()

    def changed(self) -> str:
        """What has changed since; empty if nothing has."""
        for cell, before, what in self._cells:
            if _content(cell) is not before and not _same(_content(cell), before):
                return what
        for entries, key, before, what in self._entries:
            now = entries.get(key, _MISSING)
            if now is not before and not _same(now, before):
                return what
        for function, code, defaults, named in self._functions:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                return f"the code or a default of {function.__qualname__}"
            if function.__kwdefaults__ is not named:
                return f"a default of {function.__qualname__}"
        for parameter, trained, dtype in self._kinds:
            value = parameter.held.value
            if parameter.requires_grad is not trained or (value is not None and value.dtype != dtype):
                return f"dtype or requires_grad of parameter {parameter.name!r}"
        for get, before, what in self._others:
            if not _same(get(), before):
                return what
        return ""

    def drawn_from(self) -> str:
        """What has been drawn from meanwhile; empty if nothing but the framework's random numbers."""
        return ", ".join(what for what, get, before in self._drawn if dumps(get()) != before)

    def written_back(self) -> str:
        """Give tensors that were written to meanwhile their values again; which, empty if none was."""
        written = []
        for tensor, before, what in self._tensors:
            if tensor.value is not before:
                tensor.value = before
                written.append(what)
        return ", ".join(written)

    def _warn_of_large_arrays(self) -> None:
        sizes = {what: len(before) for _, before, what in self._others if isinstance(before, bytes)}
        if sum(sizes.values()) > LARGE:
            warn_once(
                f"jit: {sum(sizes.values()) >> 20} MB of NumPy arrays are compared at every call, because "
                f"they may be written to: {max(sizes, key=sizes.__getitem__)}, for one. Hold it in a tensor"
            )

    def _look_into(self, what: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, Parameter):
            self.parameters.append(value)
            self._kinds.append((value, value.requires_grad, value.dtype))
        elif isinstance(value, Tensor):
            self._others.append((lambda: value.value, value.value, f"the value of {what}"))
            self._tensors.append((value, value.value, what))
        elif isinstance(value, _BYTES):
            self._others.append((functools.partial(_bytes, value), _bytes(value), f"the content of {what}"))
        elif isinstance(value, FunctionType):
            yield from self._function(value)
        elif isinstance(value, BuiltinFunctionType | MethodType):
            yield from ((what, part) for part in (getattr(value, "__func__", None), value.__self__))
        elif isinstance(value, functools.partial):
            yield from ((what, part) for part in (value.func, value.args, value.keywords))
        elif isinstance(value, dict):
            yield from self._dictionary(what, value, "{}[{!r}]")
        elif isinstance(value, list | deque | tuple | set | frozenset):
            yield from self._members(what, value)
        elif isinstance(value, np.random.Generator):
            get = functools.partial(getattr, value.bit_generator, "state")
            self._drawn.append((what, get, dumps(get())))
        elif isinstance(value, random.Random):
            self._drawn.append((what, value.getstate, dumps(value.getstate())))
        elif isinstance(value, GeneratorType) or hasattr(value, "__length_hint__"):
            get = functools.partial(_position, value)
            self._drawn.append((what, get, dumps(get())))
        elif isinstance(value, ModuleType):
            return
        elif isinstance(value, type):
            yield from self._class(value)
        elif hasattr(value, "cells_and_names"):
            yield from self._cell(what, value)
        elif type(value).__module__.startswith("framework.") and hasattr(value, "__wrapped__"):
            yield what, value.__wrapped__  # a function made by `jit`, which itself counts its traces
        else:
            yield from self._object(what, value)

    def _members(self, what: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, list | deque):
            self._others.append((lambda: len(value), len(value), f"the length of {what}"))
            self._others += [
                (functools.partial(_member, value, i), each, f"{what}[{i}]") for i, each in enumerate(value)
            ]
        elif isinstance(value, set):
            self._others.append((lambda: frozenset(value), frozenset(value), f"the members of {what}"))
        yield from ((what, each) for each in tuple(value))

    def _cell(self, what: str, value: Any) -> Iterator[tuple[str, Any]]:
        self._others.append((lambda: value.version, value.version, f"an attribute of {what}"))
        for _, cell in value.cells_and_names():
            yield what, type(cell)
            yield from ((f"{what}, {name}", each) for name, each in vars(cell).items() if each is not cell)

    def _object(self, what: str, value: Any) -> Iterator[tuple[str, Any]]:
        yield what, type(value)
        if hasattr(value, "__dict__"):
            yield from self._dictionary(what, vars(value), "{}.{}")
        for base in _own_bases(type(value)):
            for name, slot in vars(base).items():
                if isinstance(slot, MemberDescriptorType):
                    content = _in_slot(slot, value)
                    self._others.append((functools.partial(_in_slot, slot, value), content, f"{what}.{name}"))
                    yield f"{what}.{name}", content

    def _class(self, kind: type) -> Iterator[tuple[str, Any]]:
        """The members of a class that is the user's own, and of its bases."""
        for base in _own_bases(kind):
            for name, each in vars(base).items():
                if isinstance(each, FunctionType) or not name.startswith("__"):
                    what, inside = f"{base.__name__}.{name}", _INSIDE.get(type(each))
                    self._entries.append((vars(base), name, each, what))
                    yield what, getattr(each, inside) if inside else each

    def _dictionary(self, what: str, value: dict[Any, Any], form: str) -> Iterator[tuple[str, Any]]:
        self._others.append((lambda: len(value), len(value), f"the length of {what}"))
        for key, each in list(value.items()):
            name = form.format(what, key)
            self._entries.append((value, key, each, name))
            yield name, each

    def _function(self, function: FunctionType) -> Iterator[tuple[str, Any]]:
        code = function.__code__
        names = _names(code)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            content = _content(cell)
            self._cells.append((cell, content, f"variable {name!r}"))
            yield f"variable {name!r}", content
            if isinstance(content, ModuleType):
                yield from self._module(content, names)
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            yield "a default argument", default
        if not code.co_filename.startswith(_SETTLED):
            self._functions.append((function, code, function.__defaults__, function.__kwdefaults__))
            if vars(function):
                yield from self._dictionary(function.__qualname__, vars(function), "{}.{}")
            for name in sorted(names & function.__globals__.keys()):
                yield from self._global(name, function.__globals__, names)
            for name in sorted((names - function.__globals__.keys()) & sys.modules.keys()):
                yield from self._module(sys.modules[name], names)  # one that the function itself imports

    def _global(self, name: str, space: dict[str, Any], names: set[str]) -> Iterator[tuple[str, Any]]:
        content = space[name]
        self._entries.append((space, name, content, f"global {name!r}"))
        yield f"global {name!r}", content
        if isinstance(content, ModuleType):
            yield from self._module(content, names)

    def _module(
        self, module: ModuleType, names: set[str], above: tuple[ModuleType, ...] = ()
    ) -> Iterator[tuple[str, Any]]:
        """What code may mean by a name after this module's and a point."""
        if _is_settled(module) or module in above:
            return
        for name in sorted(names & vars(module).keys()):
            found, what = vars(module)[name], f"{module.__name__}.{name}"
            self._entries.append((vars(module), name, found, what))
            yield what, found
            if isinstance(found, ModuleType):
                yield from self._module(found, names, (*above, module))


def _is_settled(module: ModuleType | None) -> bool:
    """Is it of the framework, or installed, rather than the user's own?"""
    file = getattr(module, "__file__", None)
    spec = getattr(module, "__spec__", None)
    return file.startswith(_SETTLED) if file else getattr(spec, "origin", None) is not None


def _own_bases(kind: type) -> Iterator[type]:
    """A class and its bases, as far as they are the user's own."""
    return (base for base in kind.__mro__ if not _is_settled(sys.modules.get(base.__module__)))


def _position(iterator: Any) -> Any:
    """Where an iterator stands: what is left of it; of a generator, its instruction and local variables."""
    if not isinstance(iterator, GeneratorType):
        return iterator.__length_hint__()
    frame = iterator.gi_frame
    return frame and (frame.f_lasti, *map(id, frame.f_locals.values()))


def _same(now: Any, before: Any) -> bool:
    """The same object, or an equal number or text of the same type."""
    if now is before:
        return True
    kind = type(before)
    if kind is not type(now) or not issubclass(kind, (*_PLAIN, tuple, frozenset)):
        return False
    return bool(now == before) and (before != 0 or str(now) == str(before))  # -0.0 is not 0.0


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytearray) else value.tobytes()


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not set yet
        return _MISSING


def _in_slot(slot: MemberDescriptorType, value: Any) -> Any:
    try:
        return slot.__get__(value)
    except AttributeError:  # not set yet
        return _MISSING


def _member(value: Any, i: int) -> Any:
    return value[i] if i < len(value) else _MISSING


def _names(code: CodeType) -> set[str]:
    """The names that a function's code, and that of functions written inside it, looks up."""
    names = set(code.co_names)
    if "globals" in names:  # globals()["name"]
        names.update(each for each in code.co_consts if isinstance(each, str))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
