"""Which calls are timed, and which are left out."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import numpy as np
import pytest

from kernels.bench import measure
from kernels.bench.peers import Call
from kernels.errors import BuildFailed
from kernels.registry import operators
from kernels.samples import Case, normal

SMALL = Case("softmax", "4x8", {"x": normal(4, 8)})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "bench_cases", lambda operator: [SMALL])
    monkeypatch.setattr(measure, "_limit", lambda *about: 1e-9)


def _softmax(call: Call) -> Any:
    x = call.inputs["x"]
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _refuse(call: Call) -> Any:
    raise NotImplementedError("no such thing\non this processor")


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_peers_that_raise_or_answer_wrongly_are_left_out_and_say_why():
    tables = {
        "right": {"softmax": lambda call: lambda: _softmax(call)},
        "wrong": {"softmax": lambda call: lambda: 2 * _softmax(call)},
        "broken": {"softmax": lambda call: lambda: _refuse(call)},
        "other": {},
        "unable": {"softmax": lambda call: None},
    }
    (row,) = measure.rows(["softmax"], 0.01, tables)
    assert set(row["seconds"]) == {"ours", "right", "numpy"}
    assert set(row["ratios"]) == {"right", "numpy"}
    assert row["notes"]["broken"] == "left out: it raised NotImplementedError: no such thing"
    assert row["notes"]["wrong"].startswith("left out: its answer is 1.0e+00 of the largest value away")
    assert set(row["notes"]) == {"wrong", "broken"}


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_numpy_call_that_takes_too_long_is_broken_off(monkeypatch):
    def endless(x: Any) -> Any:
        while True:
            x = x + 0

    monkeypatch.setattr(measure, "LONGEST", 0.05)
    monkeypatch.setitem(vars(operators()["softmax"]), "oracle", endless)
    start = time.perf_counter()
    (row,) = measure.rows(["softmax"], 0.01, {})
    assert time.perf_counter() - start < 20
    assert row["notes"] == {"numpy": "left out: a call takes more than 0.05 s"}
    assert row["ratios"] == {}


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_the_ladder_times_versions_that_serve_the_case_the_slow_ones_once(monkeypatch):
    (row,) = measure.rows(["softmax"], 0.01, None)
    names = {version.name for version in operators()["softmax"].versions if version.device == "cpu"}
    assert set(row["seconds"]) - {"ours"} <= names
    assert len(row["seconds"]) >= 3
    monkeypatch.setattr(measure, "LONGEST", -1.0)
    (slow,) = measure.rows(["softmax"], 0.01, None)
    assert set(slow["seconds"]) == set(row["seconds"])
    assert slow["ratios"] == {}


@pytest.mark.usefixtures("small")
@pytest.mark.slow
def test_an_operator_that_does_not_compile_is_named_and_the_others_are_timed(monkeypatch, capsys):
    def prepared(operator: Any, case: Case, kinds: Any) -> Any:
        if operator.name == "gelu":
            raise BuildFailed("no compiler")
        return real(operator, case, kinds)

    real = measure._Prepared
    monkeypatch.setattr(measure, "_Prepared", prepared)
    processors = ",".join(map(str, os.sched_getaffinity(0)))
    assert measure.main(["0.01", "ladder", processors, "gelu", "softmax"]) == 1
    said = capsys.readouterr()
    assert [json.loads(line)["operator"] for line in said.out.splitlines()] == ["softmax"]
    assert said.err == "gelu: no compiler\n"


def test_what_is_updated_in_place_is_held_against_the_speed_of_that(monkeypatch):
    monkeypatch.setattr(measure.ceilings, "copy_bandwidth", lambda size, threads: 1.0)
    monkeypatch.setattr(measure.ceilings, "update_bandwidth", lambda size, threads: 2.0)
    monkeypatch.setattr(measure.ceilings, "operations", lambda kind, threads: float("inf"))
    param, m, v, grad = (np.ones(10, np.float32) for _ in range(4))
    adam = (param, m, v, grad, np.zeros(7), None)
    three_updated, one_read = 3 * 2 * 40, 40
    assert measure._limit(operators()["adam"], adam, (), {"T": "f32"}) == one_read / 1 + three_updated / 2
    read_and_written = 2 * 40
    assert measure._limit(operators()["silu"], (grad,), (), {"T": "f32"}) == read_and_written
