"""What a function depends on besides its arguments, and whether that has changed.

`Captured` walks from the function through its closure, the globals its code names, defaults, bound objects,
partials, containers and cells. Parameters found on the way become inputs of the compiled program (and
outputs, where it assigns them). Of everything else it keeps guards: variables still hold the same object (or
an equal number or text), tensors the same array, cells the same version, containers and objects the same
members. Where one fails, the function is traced again.
"""

from __future__ import annotations

import functools
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from framework.core.tensor import Parameter, Tensor
from framework.ops.random import STATE

_MISSING = object()
_PLAIN = (int, float, complex, str, bytes, bool, type(None), np.generic)
_HERE = str(Path(__file__).parents[1])
# Code from here is taken to look up the same globals every time; closures are looked into wherever they come
# from.
_SETTLED = (_HERE, *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
_OPAQUE = (type, BuiltinFunctionType, np.ufunc, np.dtype, property)


class Captured:
    """The parameters that a function and its static arguments reach, and guards of all else."""

    def __init__(self, *roots: Any) -> None:
        self.parameters: list[Parameter] = []
        self._cells: list[tuple[CellType, Any, str]] = []
        self._entries: list[tuple[dict[Any, Any], Any, Any, str]] = []
        self._others: list[tuple[Callable[[], Any], Any, str]] = []
        self._tensors: list[tuple[Tensor, Any, str]] = []
        self._seen: dict[int, Any] = {}
        waiting = [("the random state", STATE), *(("the function", root) for root in roots)]
        while waiting:
            what, value = waiting.pop()
            if isinstance(value, (*_PLAIN, *_OPAQUE)) or id(value) in self._seen:
                continue
            self._seen[id(value)] = value
            waiting.extend(self._look_into(what, value))

    def changed(self) -> str:
        """What has changed since; empty if nothing has."""
        for cell, before, what in self._cells:
            if _content(cell) is not before and not _same(_content(cell), before):
                return what
        for entries, key, before, what in self._entries:
            now = entries.get(key, _MISSING)
            if now is not before and not _same(now, before):
                return what
        for get, before, what in self._others:
            if not _same(get(), before):
                return what
        return ""

    def written_back(self) -> str:
        """Give tensors that were written to meanwhile their values again; which, empty if none was."""
        written = []
        for tensor, before, what in self._tensors:
            if tensor.value is not before:
                tensor.value = before
                written.append(what)
        return ", ".join(written)

    def _look_into(self, what: str, value: Any) -> Iterator[tuple[str, Any]]:
        if isinstance(value, Parameter):
            self.parameters.append(value)
        elif isinstance(value, Tensor):
            self._others.append((lambda: value.value, value.value, f"the value of {what}"))
            self._tensors.append((value, value.value, what))
        elif isinstance(value, FunctionType):
            yield from self._function(value)
        elif isinstance(value, MethodType):
            yield from ((what, value.__func__), (what, value.__self__))
        elif isinstance(value, functools.partial):
            yield from ((what, part) for part in (value.func, value.args, value.keywords))
        elif isinstance(value, dict):
            yield from self._dictionary(what, value, "{}[{!r}]")
        elif isinstance(value, list | tuple | set | frozenset):
            members = tuple(value)
            self._others.append((lambda: len(value), len(members), f"the length of {what}"))
            if isinstance(value, list):
                self._others += [
                    (functools.partial(_member, value, i), each, f"{what}[{i}]")
                    for i, each in enumerate(members)
                ]
            yield from ((what, each) for each in members)
        elif isinstance(value, ModuleType):
            return
        elif hasattr(value, "cells_and_names"):
            yield from self._cell(what, value)
        elif hasattr(value, "__dict__"):
            yield from _methods(what, type(value))
            yield from self._dictionary(what, vars(value), "{}.{}")

    def _cell(self, what: str, value: Any) -> Iterator[tuple[str, Any]]:
        self._others.append((lambda: value.version, value.version, f"an attribute of {what}"))
        for _, cell in value.cells_and_names():
            yield from _methods(what, type(cell))
            yield from ((f"{what}, {name}", each) for name, each in vars(cell).items() if each is not cell)

    def _dictionary(self, what: str, value: dict[Any, Any], form: str) -> Iterator[tuple[str, Any]]:
        self._others.append((lambda: len(value), len(value), f"the length of {what}"))
        for key, each in list(value.items()):
            name = form.format(what, key)
            self._entries.append((value, key, each, name))
            yield name, each

    def _function(self, function: FunctionType) -> Iterator[tuple[str, Any]]:
        code = function.__code__
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            content = _content(cell)
            self._cells.append((cell, content, f"variable {name!r}"))
            yield f"variable {name!r}", content
        for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
            yield "a default argument", default
        if not code.co_filename.startswith(_SETTLED):
            names = _names(code)
            for name in sorted(names & function.__globals__.keys()):
                yield from self._global(name, function.__globals__, names)

    def _global(self, name: str, space: dict[str, Any], names: set[str]) -> Iterator[tuple[str, Any]]:
        content = space[name]
        self._entries.append((space, name, content, f"global {name!r}"))
        yield f"global {name!r}", content
        if isinstance(content, ModuleType) and not (getattr(content, "__file__", None) or _HERE).startswith(
            _SETTLED
        ):
            for attribute in sorted(names & vars(content).keys()):
                found = vars(content)[attribute]
                self._entries.append((vars(content), attribute, found, f"{name}.{attribute}"))
                yield f"{name}.{attribute}", found


def _methods(what: str, kind: type) -> Iterable[tuple[str, Any]]:
    """The functions of a class that is the user's own."""
    for base in kind.__mro__:
        for each in vars(base).values():
            if isinstance(each, FunctionType) and not each.__code__.co_filename.startswith(_SETTLED):
                yield what, each


def _same(now: Any, before: Any) -> bool:
    """The same object, or an equal number or text of the same type."""
    if now is before:
        return True
    kind = type(before)
    return kind is type(now) and issubclass(kind, (*_PLAIN, tuple)) and bool(now == before)


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not set yet
        return _MISSING


def _member(value: list[Any], i: int) -> Any:
    return value[i] if i < len(value) else _MISSING


def _names(code: CodeType) -> set[str]:
    """The names that a function's code, and that of functions written inside it, looks up."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
