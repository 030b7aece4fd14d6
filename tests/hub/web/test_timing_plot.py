"""The figure of a timing shows every pair of runs, their interval, and the lines to compare with."""

from __future__ import annotations

import pytest

from hub.bench.models import Measurement
from hub.web.timing_plot import figure, pair_ratios


def measurement(case: str, pairs: list[dict[str, list[float]]]) -> Measurement:
    return Measurement(case=case, ratio=1.5, low=1.4, high=1.6, pairs=pairs)


def test_a_pair_counts_as_the_judge_counts_it() -> None:
    pairs = [
        {"baseline": [3.0, 2.0, 100.0], "candidate": [1.0, 1.5, 9.0]},
        {"baseline": [], "candidate": [1.0]},
    ]
    assert pair_ratios(measurement("wide", pairs)) == [pytest.approx(2.0)]


def test_every_pair_and_every_interval_is_drawn() -> None:
    pair = {"baseline": [1.5], "candidate": [1.0]}
    drawn = figure([measurement("wide", [pair, pair]), measurement("<b>tall</b>", [pair])], target=1.1)
    dots, means = drawn["data"]
    assert len(dots["x"]) == 3
    assert means["y"] == ["&lt;b&gt;tall&lt;/b&gt;", "wide"]
    assert means["error_x"]["array"] == pytest.approx([0.1, 0.1])
    assert [line["x0"] for line in drawn["layout"]["shapes"]] == [1.0, 1.1]


def test_the_axis_ends_beyond_everything_that_it_shows() -> None:
    """Plotly is not left to search for its ends: with captions that freezes the page at some widths."""
    pair = {"baseline": [5.0], "candidate": [1.0]}
    start, end = figure([measurement("wide", [pair])], target=1.1)["layout"]["xaxis"]["range"]
    assert 10**start < 1.0 < 5.0 < 10**end
    start, end = figure([], target=1.0)["layout"]["xaxis"]["range"]
    assert start < 0.0 < end


def test_a_target_at_the_baseline_is_one_line() -> None:
    assert len(figure([], target=1.0)["layout"]["shapes"]) == 1
