"""Streaks: where an interval lies beside the baseline."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hub.web.stone import Streak, draw


def entry(ratio: float, margin: float = 0.02) -> Any:
    return SimpleNamespace(ratio=ratio, low=ratio * (1 - margin), high=ratio * (1 + margin))


def streaks(*ratios: float) -> tuple[Streak, ...]:
    return draw([entry(ratio) for ratio in ratios]).streaks


def test_everything_lies_on_the_stone() -> None:
    stone = draw([entry(ratio) for ratio in (0.01, 0.9, 1.0, 3.0, 250.0)])
    for streak in stone.streaks:
        for position in (streak.low, streak.point, streak.high, streak.start, streak.start + streak.length):
            assert 0 <= position <= 100.01
        assert streak.low < streak.point < streak.high
    assert 0 < stone.baseline < 100


def test_twice_as_fast_and_half_as_fast_are_equally_far() -> None:
    twice, half = streaks(2.0, 0.5)
    assert twice.length == pytest.approx(half.length, abs=0.02)
    assert not twice.slower
    assert half.slower


def test_noise_does_not_fill_the_stone() -> None:
    (streak,) = streaks(1.001)
    assert streak.length < 3


def test_the_baseline_stands_below_what_is_not_slower() -> None:
    assert draw([entry(2.0), entry(1.0), entry(0.9)]).baseline_after == 2


@pytest.mark.parametrize("ratio", [0.0, -1.0])
def test_a_ratio_that_cannot_be_is_drawn_at_the_edge(ratio: float) -> None:
    (streak,) = draw([SimpleNamespace(ratio=ratio, low=ratio, high=ratio)]).streaks  # type: ignore[list-item]
    assert streak.point == 0
