"""Operators with a float64 oracle, a CPU and a GPU implementation each. Knows nothing of the site.

One function per operator, destination-passing: `kernels.softmax(x, out=y)`. Arrays may be NumPy's, CuPy's or
anything with `__dlpack__`; results come back on the device the inputs are on. `python -m kernels list` names
the operators and their versions.

Functions are loaded when first asked for, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

from kernels.catalog import FUNCTIONS

__all__ = sorted(["errors", "set_num_threads", "get_num_threads", *FUNCTIONS])


def __getattr__(name: str) -> Any:
    if name in FUNCTIONS:
        module = importlib.import_module(f"kernels.ops.{FUNCTIONS[name]}")
        value = getattr(module, name)
    elif name in ("set_num_threads", "get_num_threads"):
        value = getattr(importlib.import_module("kernels.threads"), name)
    elif name == "errors":
        value = importlib.import_module("kernels.errors")
    else:
        raise AttributeError(f"module 'kernels' has no operator {name!r}; there are: {', '.join(FUNCTIONS)}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
