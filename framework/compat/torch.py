"""A stand-in for `torch`: its names as far as ours does the same, from the table in `table.py`.

`from framework.compat import torch` (or `import framework.compat.torch.nn.functional as F`) gives functions
that take torch's arguments and return the framework's tensors. A name that means something else, or that is
missing, raises AttributeError and says what to write instead. Methods stand as functions under
`torch.Tensor`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from framework.compat.table import ALIKE, Row, rows
from framework.nn import Cell

_ROOT = __name__


class Module(Cell):
    """`torch.nn.Module`: a cell whose `construct` is called `forward`."""

    forward: Callable[..., Any]

    def construct(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)


def _of(row: Row) -> Any:
    """What stands under a row's name."""
    if row.torch == "torch.nn.Module":
        return Module
    target = row.target()
    if row.passes_on():
        return target

    @functools.wraps(target, updated=())
    def called(*args: Any, **kwargs: Any) -> Any:
        positional, named = row.bind(args, kwargs)
        return target(*positional, **named)

    return called


def _lookup(place: str, name: str) -> Any:
    full = f"{place}.{name}"
    row = rows().get(full)
    if row is None:
        raise AttributeError(f"{full} is not in the table of torch's names: framework/compat/torch_api.tsv")
    if row.kind not in ALIKE:
        cure = f": {row.note}" if row.note else ""
        what = "has no counterpart" if row.kind == "missing" else f"is not the same as {row.ours}"
        raise AttributeError(f"{full} {what}{cure}")
    return _of(row)


def _namespaces() -> set[str]:
    """Every dotted prefix of a name that is no name itself: torch, torch.nn, torch.nn.functional, …"""
    prefixes = {name.rpartition(".")[0] for name in rows()} | {"torch.nn", "torch.optim"}
    return {each for each in prefixes if each not in rows() or rows()[each].kind not in ALIKE}


def _install() -> None:
    for place in sorted(_namespaces()):
        path = _ROOT + place.removeprefix("torch")
        module = sys.modules.setdefault(path, ModuleType(path, f"Names of {place}, ours behind them."))
        module.__path__ = []  # so that `import framework.compat.torch.nn` works
        module.__getattr__ = functools.partial(_lookup, place)  # type: ignore[method-assign]
        if path != _ROOT:
            parent, _, name = path.rpartition(".")
            _install_parent(parent)
            setattr(sys.modules[parent], name, module)


def _install_parent(path: str) -> None:
    """A prefix that holds no name itself (torch.nn.utils)."""
    if path not in sys.modules:
        sys.modules[path] = ModuleType(path)
        parent, _, name = path.rpartition(".")
        _install_parent(parent)
        setattr(sys.modules[parent], name, sys.modules[path])


_install()
