"""Who else can run the workloads, where installed. Each module gives its contenders by name."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from framework.bench.workloads import Chain, Workload

PEERS = {"torch": "torch_peer", "jax": "jax_peer", "onnxruntime": "onnx_peer"}


def missing() -> list[str]:
    """Peers that are not installed."""
    return [package for package in PEERS if importlib.util.find_spec(package) is None]


def contenders(work: Workload | Chain) -> dict[str, Callable[[], Any]]:
    """What the installed peers run, ready to be called again and again."""
    found: dict[str, Callable[[], Any]] = {}
    for package, module in PEERS.items():
        if package not in missing():
            found |= importlib.import_module(f"framework.bench.peers.{module}").contenders(work)
    return found
