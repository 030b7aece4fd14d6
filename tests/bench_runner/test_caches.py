"""Tensors out of every cache before a call: what is evicted stays as it was, and when it is done."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench_runner import caches
from bench_runner.channel import Limit
from bench_runner.errors import InfrastructureFault
from bench_runner.guests import Clocks, Rig, Side
from tasks.spec import Case, load_folder

FOLDER = Path(__file__).parents[1] / "adversary" / "task" / "mirror-add"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    yield
    caches._routine.cache_clear()


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the instruction is one of x86-64")
@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 100_003])
def test_what_is_evicted_is_still_there(length: int):
    array = np.random.default_rng(1).random(length + 3, dtype=np.float32)[3:]  # begins inside a line
    before = array.copy()
    caches.flush([array])
    assert np.array_equal(array, before)


def test_a_machine_without_the_instruction_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    caches._routine.cache_clear()
    with pytest.raises(InfrastructureFault, match="cannot time with cold caches: aarch64 is not x86-64"):
        caches.flush([np.zeros(3)])


def test_a_machine_that_maps_no_code_says_so(monkeypatch: pytest.MonkeyPatch):
    def refuse(*arguments: Any, **words: Any) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(caches.mmap, "mmap", refuse)
    caches._routine.cache_clear()
    with pytest.raises(InfrastructureFault, match="memory for code is refused: not here"):
        caches.flush([np.zeros(3)])


@pytest.mark.parametrize(("choice", "evicted"), [("cold", 2), ("warm", 0)])
def test_a_task_that_is_timed_cold_has_inputs_and_outputs_evicted_after_they_are_written_and_before_the_call(
    choice: str, evicted: int, monkeypatch: pytest.MonkeyPatch
):
    task = load_folder(FOLDER)
    task = dataclasses.replace(task, speed=dataclasses.replace(task.speed, cache=choice))
    artefact: Any = type("Artefact", (), {"language": "c"})
    done: list[str] = []
    with Side(Rig(None, task, Path("/"), None), artefact, Clocks()) as side:  # type: ignore[arg-type]
        channel = side.channel
        x = np.arange(5, dtype=np.float32)

        def flush(arrays: list[np.ndarray]) -> None:
            assert np.array_equal(arrays[0], x)
            assert np.isnan(arrays[1]).all()
            done.extend("evicted" for _ in arrays)

        def turn(kind: int, seconds: float, late: Exception, asleep: float = 0.0) -> float:
            done.append("called")
            channel._memory.answered(0)
            return 1e-3

        monkeypatch.setattr(caches, "flush", flush)
        monkeypatch.setattr(channel, "_take_turn", turn)
        side.bind(Case("five", "rank", {"n": 5}))
        done.clear()
        side.call({"x": x}, Limit(1.0, "call_time_limit", {}))
    assert done == ["evicted"] * evicted + ["called"]
