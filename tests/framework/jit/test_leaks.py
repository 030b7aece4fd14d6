"""Tracing again and again, and running, hold memory flat."""

from __future__ import annotations

import ctypes
import gc
from pathlib import Path

import numpy as np
import pytest

from framework import Tensor, ops
from framework.jit import jit


def _resident() -> int:
    """Kilobytes of memory that this process holds."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    line = next(
        each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmRSS")
    )
    return int(line.split()[1])


def _retraced(level: str, times: int) -> int:
    """Kilobytes that so many traces of one function add, after as many that fill what is kept."""
    rate = 0.0
    f = jit(lambda x: ops.softmax(x * rate) + ops.sum(x), jit_level=level)
    x = Tensor(np.ones((64, 64), np.float32))
    before = 0
    for i in range(2 * times):
        rate = float(i)
        f(x)
        if i == times:
            before = _resident()
    assert f.traces == 2 * times
    return _resident() - before


@pytest.mark.filterwarnings("ignore:jit")
def test_a_hundred_traces_add_no_memory() -> None:
    assert _retraced("O0", 100) < 1000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:jit")
def test_a_thousand_traces_add_no_memory() -> None:
    assert _retraced("O0", 1000) < 1000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:jit")
def test_compiling_again_and_again_adds_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELS_CACHE", str(tmp_path))
    assert _retraced("O1", 50) < 3000


def test_ten_thousand_calls_add_no_memory() -> None:
    f = jit(lambda x: ops.exp(x) * 2)
    x = Tensor(np.ones((64, 64), np.float32))
    f(x)
    before = _resident()
    for _ in range(10_000):
        f(x)
    assert _resident() - before < 1000
