"""The page of timings: case by case beside earlier patch sets and the board's best, and its two figures."""

from __future__ import annotations

import pytest

from hub.bench.models import Measurement, Worker
from hub.pulls.models import PatchSet
from hub.web import roofline_plot, timing_plot
from tasks.spec import Case, Work
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.hub.web.conftest import Visitor
from tests.hub.web.markup import problems
from tests.people import Cast

MACHINE = {"flops": 1e11, "bandwidth": 1e10, "cache_bandwidth": 1e11}


@played_once
def timed(story: Story, cast: Cast) -> PatchSet:
    """alice's second patch set, faster than her first, slower than bob's."""
    story.worker()
    for who, ratio in ((cast.alice, 1.2), (cast.bob, 3.0), (cast.alice, 2.0)):
        patch_set = story.push(who)
        story.run_all(ratio)
    Worker.objects.update(fingerprint=MACHINE)
    return patch_set


def page_of(patch_set: PatchSet, more: str = "") -> str:
    page = Visitor(None).get(f"/pulls/{patch_set.pull_id}/timing/{more}")
    assert problems(page) == []
    return page


@pytest.mark.slow
def test_a_patch_set_stands_beside_earlier_ones_and_the_boards_best(timed: PatchSet) -> None:
    page = page_of(timed)
    for text in ("patch set 2", "patch set 1", "the board&#x27;s best", "2.00×", "1.20×", "3.00×"):
        assert text in page
    row = page.split("<b>wide</b>")[1].split("</tr>")[0]
    assert row.index("faster") < row.index("slower")
    assert 'id="samples"' in page


@pytest.mark.slow
def test_an_earlier_patch_set_is_compared_with_those_before_it(timed: PatchSet) -> None:
    page = page_of(timed, "?patch_set=1")
    assert "<small><a href" not in page
    assert "patch set 1" in page_of(timed, "?patch_set=9&on=nowhere")


def test_what_was_not_timed_says_so_and_loads_no_plots(story: Story, cast: Cast) -> None:
    page = page_of(story.push(cast.alice))
    assert "Nothing was timed yet" in page
    assert "plotly" not in page


def measurement(case: str, samples: int = 1) -> Measurement:
    pairs = [{"baseline": [2e-3] * samples, "candidate": [1e-3] * samples}]
    return Measurement(case=case, baseline_seconds=2e-3, candidate_seconds=1e-3, pairs=pairs)


def test_samples_are_drawn_for_both_sides_and_thinned_when_they_are_many() -> None:
    drawn = timing_plot.samples([measurement("<b>", 1000), measurement("few")])
    strokes = drawn["data"][0]
    assert strokes["y"].count("few · submission") == 1
    assert 60 < strokes["y"].count("&lt;b&gt; · submission") <= timing_plot.SAMPLES_MOST
    assert drawn["layout"]["yaxis"]["categoryarray"][-1] == "&lt;b&gt; · baseline"


@pytest.mark.parametrize(
    ("slowest", "labels"),
    [
        (4e-3, {"1 ms", "2 ms", "5 ms"}),  # 5 ms lies just beyond the slowest
        (90e-3, {"1 ms", "3 ms", "10 ms", "30 ms"}),
        (4.0, {"1 ms", "10 ms", "100 ms", "1 s"}),
    ],
)
def test_times_of_samples_are_labelled_with_their_unit_and_not_too_densely(
    slowest: float, labels: set[str]
) -> None:
    one = measurement("one")
    one.pairs.append({"baseline": [slowest], "candidate": [1e-3]})
    axis = timing_plot.samples([one])["layout"]["xaxis"]
    in_sight = {text for at, text in zip(axis["tickvals"], axis["ticktext"], strict=True) if at >= 1e-3}
    assert labels <= in_sight
    assert sum(1e-3 <= at <= slowest for at in axis["tickvals"]) <= 5


def test_a_case_lies_under_the_roofs_of_its_machine() -> None:
    case = Case("one", "rank", {"n": 1000})
    drawn = roofline_plot.figure([measurement("one")], {"one": case}, Work("8*n", "2*n"), MACHINE)
    assert drawn is not None
    memory, cache, baseline, submission = drawn["data"]
    assert memory["y"][-1] == cache["y"][-1] == 100.0
    assert memory["x"][1] == 10.0
    assert (baseline["x"], submission["x"]) == ([0.25], [0.25])
    assert submission["y"] == pytest.approx([2e-3])


@pytest.mark.parametrize("machine", [{}, MACHINE | {"bandwidth": "fast"}, MACHINE | {"flops": 0}])
def test_a_machine_that_says_too_little_has_no_roofline(machine: dict[str, object]) -> None:
    case = Case("one", "rank", {"n": 1000})
    assert roofline_plot.figure([measurement("one")], {"one": case}, Work("8*n", "2*n"), machine) is None
