"""A thread of the judge on the CPU that measures: it does there what it is given, and ends when it shall."""

from __future__ import annotations

import os
import threading

import pytest

from bench_runner.awake import awake

LAST = max(os.sched_getaffinity(0))


def test_a_job_is_done_on_that_cpu_before_we_go_on() -> None:
    where: list[set[int]] = []
    with awake(LAST) as there:
        for _ in range(3):
            there.do(lambda: where.append(os.sched_getaffinity(0)))
            assert where.pop() == {LAST}


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user stays behind others")
def test_a_job_is_done_before_others_run_and_the_thread_waits_behind_others() -> None:
    policies: list[int] = []
    with awake(LAST) as there:
        there.do(lambda: policies.append(os.sched_getscheduler(0)))
        (thread,) = (t.native_id for t in threading.enumerate() if t.name == "awake")
        assert policies == [os.SCHED_FIFO]
        assert os.sched_getscheduler(thread or 0) == os.SCHED_IDLE


def test_what_a_job_raises_is_raised_where_it_was_asked_for_and_the_next_one_is_done() -> None:
    done: list[int] = []
    with awake(LAST) as there:
        with pytest.raises(ZeroDivisionError):
            there.do(lambda: 1 / 0)
        there.do(lambda: done.append(1))
    assert done == [1]


def test_where_we_may_not_run_a_job_is_done_here() -> None:
    with awake(4095) as there:
        us: list[int] = []
        there.do(lambda: us.append(threading.get_ident()))
    assert us == [threading.get_ident()]


def test_the_thread_ends_with_the_measuring() -> None:
    with awake(LAST):
        assert "awake" in [thread.name for thread in threading.enumerate()]
    assert "awake" not in [thread.name for thread in threading.enumerate()]
