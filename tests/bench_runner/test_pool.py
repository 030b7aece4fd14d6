"""Making inputs beside a build: what is waited for, what is stopped, whose error is raised."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from bench_runner.errors import InfrastructureFault
from bench_runner.pool import Oracle, Pool, growing
from bench_runner.workspace import Revision
from tasks.spec import Case, load_folder

FOLDER = Path(__file__).parents[1] / "adversary" / "task" / "mirror-add"
CASE = Case("some", "rank", {"n": 1001})


@pytest.fixture
def oracle() -> Oracle:
    return Oracle(Revision(load_folder(FOLDER), FOLDER))


def test_every_input_is_new_and_its_own_answer_is_accepted(oracle: Oracle):
    pool = Pool(oracle, CASE)
    pool.grow(20)
    assert len({item.inputs["x"].tobytes() for item in pool.items}) == 20
    for item in pool.items:
        x = item.inputs["x"]
        assert item.expected["y"].accepts(x + x[::-1] * np.float32(0.5))


def test_the_inputs_are_there_when_the_wait_is_over(oracle: Oracle):
    pools = [Pool(oracle, CASE), Pool(oracle, CASE)]
    with growing({pools[0]: 30, pools[1]: 10}) as wait:
        wait()
        assert [len(pool.items) for pool in pools] == [30, 10]


def test_leaving_early_stops_the_growth(oracle: Oracle):
    pool = Pool(oracle, CASE)
    with pytest.raises(RuntimeError, match="the build failed"), growing({pool: 10**9}):
        raise RuntimeError("the build failed")
    assert not [thread for thread in threading.enumerate() if thread.name == "inputs"]


def test_an_error_of_the_task_comes_out_at_the_wait(oracle: Oracle):
    broken = Pool(oracle, Case("broken", "rank", {"m": 1}))
    with (
        pytest.raises(InfrastructureFault, match=r"inputs\.py failed: KeyError"),
        growing({broken: 1}) as wait,
    ):
        wait()
