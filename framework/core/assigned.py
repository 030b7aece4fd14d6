"""Parameters that a function assigns while it is traced, where an assignment may mean nothing.

A branch, a step of a loop and an example of a batch are traced once, whatever runs later. What they assign
to a parameter would be a tensor without a value, or happen once instead of never or often. So assignments are
noted while such a function runs, refused at its end, and taken back if anything goes wrong. The streams that
its random numbers come from (`ops/random.py`) are kept here too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from framework.errors import TraceError

if TYPE_CHECKING:
    from framework.core.tensor import Parameter, Tensor

    Noted = dict[int, tuple[Parameter, Tensor, int]]  # by identity: what was held before, and its version


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.open: list[Noted] = []
        self.streams: list[
            Any
        ] = []  # where random numbers come from, the innermost last; None: the process's


_scopes = _Scopes()


def note(parameter: Parameter) -> None:
    """Remember what a parameter holds before that changes, if a scope is open."""
    if _scopes.open:
        _scopes.open[-1].setdefault(id(parameter), (parameter, parameter.held, parameter.version))


@contextmanager
def apart() -> Iterator[None]:
    """While entered, nothing is noted: for a trace that puts back all parameters itself."""
    _scopes.open.append({})
    _scopes.streams.append(None)
    try:
        yield
    finally:
        _scopes.open.pop()
        _scopes.streams.pop()


def drawing_apart() -> bool:
    """Do random numbers come from a stream of an example, a step or a branch?"""
    return bool(_scopes.streams) and _scopes.streams[-1] is not None


def streams() -> list[Any]:
    """Where random numbers come from in this thread."""
    return _scopes.streams


@contextmanager
def refusing(refused: Callable[[Tensor], Any], message: str) -> Iterator[None]:
    """While entered, no parameter may be left with a value that is `refused`: TraceError otherwise, and all
    parameters are as they were. `message` says why, and what to do; {} in it is the parameter.
    """
    noted: Noted = {}
    _scopes.open.append(noted)
    try:
        yield
        for parameter, before, _ in noted.values():
            if parameter.held is not before and refused(parameter.held):
                name = "" if parameter.name is None else f"{parameter.name!r} "
                raise TraceError(message.format(f"{name}of shape {parameter.shape}"))
    except BaseException:
        for parameter, before, version in noted.values():
            parameter.held, parameter.version = before, version
        raise
    finally:
        _scopes.open.pop()
    if _scopes.open:
        for key, entry in noted.items():
            _scopes.open[-1].setdefault(key, entry)
