"""Other people's implementations, where they are installed: what ours are compared with.

A peer is a table from an operator's name to a function that takes a `Call` and returns something to call, or
None where it cannot do that call. What it returns computes into buffers that exist before, as far as the peer
lets it, and gives back an array (or several) by which it is checked before it is timed.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Run = Callable[[], Any]


@dataclass(frozen=True)
class Call:
    """One call to be made: inputs and attributes by name, and the outputs ours writes to."""

    inputs: Mapping[str, Any]
    attributes: Mapping[str, Any]
    outs: tuple[Any, ...]
    threads: int


Peer = Callable[[Call], Run | None]
# Peer, the module with its table, and the package that must be installed.
MODULES = (
    ("torch", "kernels.bench.peers.torch_peer", "torch"),
    ("onnxruntime", "kernels.bench.peers.onnx_peer", "onnxruntime"),
    ("bitsandbytes", "kernels.bench.peers.bnb_peer", "bitsandbytes"),
)


def missing() -> list[str]:
    """The peers that are not installed."""
    return [name for name, _, package in MODULES if importlib.util.find_spec(package) is None]


def tables() -> dict[str, Mapping[str, Peer]]:
    """The tables of those that are."""
    absent = missing()
    return {name: importlib.import_module(module).PEERS for name, module, _ in MODULES if name not in absent}
