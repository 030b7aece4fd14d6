"""The profiler: every operator and compiled kernel once, own and total time, a trace that others read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import framework
from framework import ops
from framework.core.prim import PRIMS
from framework.errors import FrameworkError
from framework.jit import link
from framework.profiler import profile

X = framework.Tensor(np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4))


def test_every_operator_is_counted_with_its_time_and_the_bytes_it_made() -> None:
    with profile() as p:
        for _ in range(3):
            ops.exp(X) + X
    lines = {line.name: line for line in p.lines()}
    assert (lines["exp"].calls, lines["add"].calls) == (3, 3)
    assert lines["exp"].nbytes == 3 * X.nbytes
    assert 0 < lines["exp"].own <= lines["exp"].total
    assert p.table().splitlines()[0].split()[:3] == ["name", "kind", "calls"]
    assert "… and 1 more" in p.table(most=1)


def test_what_runs_inside_an_operator_is_not_its_own_time() -> None:
    inner = ops.Custom(lambda x: np.sort(x))
    outer = ops.Custom(lambda x: ops.exp(inner(x)).asnumpy())
    with profile() as p:
        outer(X)
    events = [event for event in p.events if event.name == "custom"]
    nested, holding = sorted(events, key=lambda event: event.took)
    exp = next(event for event in p.events if event.name == "exp")
    assert holding.inside == nested.took + exp.took


@pytest.mark.skipif(bool(link.missing()), reason="needs gcc")
def test_a_compiled_function_shows_its_kernels() -> None:
    step = framework.jit(lambda x: ops.sum(ops.matmul(ops.exp(x), x.T), axis=0))
    step(X)
    with profile() as p:
        step(X)
    kernels = [event for event in p.events if event.kind == "kernel"]
    assert any("matmul" in event.name for event in kernels)
    assert all(event.took >= 0 and event.nbytes > 0 for event in kernels)
    begins = [event.begin for event in kernels]
    assert begins == sorted(begins)


def test_the_trace_is_one_that_chrome_reads(tmp_path: Path) -> None:
    with profile() as p:
        ops.exp(X)
    p.export_chrome_trace(tmp_path / "trace.json")
    (event,) = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {"name", "ph", "ts", "dur", "pid", "tid"} <= set(event)
    assert (event["name"], event["ph"]) == ("exp", "X")


def test_nothing_is_left_behind_and_profiles_do_not_nest() -> None:
    before = {name: prim.impl for name, prim in PRIMS.items()}
    with pytest.raises(FrameworkError, match="one is open already"), profile(), profile():
        pass
    assert {name: prim.impl for name, prim in PRIMS.items()} == before
    with profile() as p:
        pass
    assert p.events == []
    assert p.table().startswith("name")
    with pytest.raises(FrameworkError, match="sort 'speed' is unknown"):
        p.lines("speed")
