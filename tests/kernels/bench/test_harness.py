"""What a benchmark's figures are made of."""

from __future__ import annotations

import math
import random
import threading
import time

import pytest

from kernels.bench import harness


def test_a_ratio_is_theirs_over_ours_round_by_round():
    ours = [1.0, 2.0, 4.0, 1.0, 2.0, 4.0, 1.0, 2.0, 4.0, 1.0]
    found = harness.ratio([3 * each for each in ours], ours)
    assert (found.value, found.low, found.high) == pytest.approx((3.0, 3.0, 3.0))


def test_what_hits_a_whole_round_does_not_touch_the_ratio_and_one_odd_round_hardly_does():
    ours, theirs = [1.0] * 20, [2.0] * 20
    ours[3] = theirs[3] = 50.0
    assert harness.ratio(theirs, ours).value == pytest.approx(2.0)
    theirs[7] = 90.0
    assert harness.ratio(theirs, ours).value == pytest.approx(2.0)


def test_the_interval_holds_the_true_ratio_in_about_95_of_100_runs():
    rng = random.Random(5)
    held = 0
    for _ in range(400):
        theirs = [1.3 * math.exp(rng.gauss(0, 0.05)) for _ in range(20)]
        found = harness.ratio(theirs, [1.0] * 20)
        held += found.low <= 1.3 <= found.high
    assert 0.90 <= held / 400 <= 0.99


def test_a_race_calls_everyone_and_tells_the_slow_from_the_quick():
    calls = {"ours": 0, "theirs": 0}

    def take(name: str, seconds: float) -> None:
        calls[name] += 1
        time.sleep(seconds)

    found = harness.race(
        {"ours": lambda: take("ours", 0.004), "theirs": lambda: take("theirs", 0.016)}, budget=0.5
    )
    assert found["ours"].ratio.value == 1
    assert found["theirs"].ratio.low > 1.5
    assert min(calls.values()) >= harness.ROUNDS[0]


def test_who_takes_very_long_runs_in_a_few_rounds_only():
    calls = []
    found = harness.race(
        {"ours": lambda: time.sleep(0.004), "slow": lambda: calls.append(time.sleep(0.1))}, budget=0.1
    )
    assert len(calls) == harness.FEW + 1  # and the one that found out how long it takes
    assert found["slow"].ratio.value > 5


def test_a_race_ends_where_ours_is_the_slow_one():
    calls = []
    found = harness.race({"ours": lambda: calls.append(time.sleep(0.1)), "quick": lambda: None}, budget=0.05)
    assert len(calls) == harness.FEW + 2  # one more that found out how long it takes, one that saw it
    assert found["quick"].ratio.value < 0.01


def test_nobody_is_timed_while_the_threads_of_another_spin():
    """As onnxruntime's do for some time after a call. Without a rest half of our calls met them."""
    spinning: list[threading.Thread] = []
    beside = []

    def spin() -> None:
        until = time.perf_counter() + 0.015
        while time.perf_counter() < until:
            pass

    def theirs() -> None:
        time.sleep(0.004)
        spinning.append(threading.Thread(target=spin))
        spinning[-1].start()

    def ours() -> None:
        beside.append(any(each.is_alive() for each in spinning))
        time.sleep(0.004)

    harness.race({"theirs": theirs, "ours": ours}, budget=0.5)
    assert len(beside) >= harness.ROUNDS[0]
    assert sum(beside) <= len(beside) / 8  # a loaded machine wakes late
