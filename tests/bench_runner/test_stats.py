"""What the statistics may say, on samples whose truth is known: false differences, power, the rule itself."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from statistics import median, stdev

import pytest

from bench_runner import stats
from bench_runner.contract import Speed
from bench_runner.stats import Estimate

DIFFERENT = (Speed.FASTER, Speed.SLOWER)
Draw = Callable[[random.Random], float]


def _job(draw: Draw, truth: float, rng: random.Random, *, most: int = stats.LOOKS[-1]) -> tuple[Speed, int]:
    """What a job says when pairs scatter like `draw` around the logarithm of `truth`, and after how many."""
    ratios: list[float] = []
    while True:
        ratios.append(math.log(truth) + draw(rng))
        ended = len(ratios) in stats.LOOKS and stats.settled([ratios])
        if ended or len(ratios) == most:
            return stats.estimate(ratios).speed, len(ratios)


def _share(draw: Draw, truth: float, wanted: tuple[Speed, ...], *, jobs: int = 1000, seed: int = 20) -> float:
    rng = random.Random(seed)
    return sum(_job(draw, truth, rng)[0] in wanted for _ in range(jobs)) / jobs


def _normal(spread: float) -> Draw:
    return lambda rng: rng.gauss(0, spread)


def _outliers(rng: random.Random) -> float:
    """One pair of eight met something terrible."""
    return rng.gauss(0, 0.2 if rng.random() < 1 / 8 else 0.01)


def _two_speeds(rng: random.Random) -> float:
    """Each process is of a fast or a slow kind, 3 % apart."""
    return 0.03 * (rng.random() < 0.5) - 0.03 * (rng.random() < 0.5) + rng.gauss(0, 0.003)


SLOW_DRAWS = [pytest.param(_normal(spread), marks=pytest.mark.slow) for spread in (0.002, 0.01, 0.1, 0.4)]


@pytest.mark.slow
@pytest.mark.parametrize("draw", [_normal(0.03), _outliers, _two_speeds, *SLOW_DRAWS])
def test_the_same_code_is_called_different_in_less_than_one_job_of_a_hundred(draw: Draw):
    assert _share(draw, 1.0, DIFFERENT) < 0.01


@pytest.mark.parametrize(
    "spread", [pytest.param(0.005, marks=pytest.mark.slow), 0.02, pytest.param(0.08, marks=pytest.mark.slow)]
)
def test_looking_four_times_claims_a_difference_at_the_margin_in_one_job_of_a_hundred_at_most(spread: float):
    """The worst truth that is no difference: exactly the margin."""
    assert _share(_normal(spread), math.exp(stats.MARGIN), DIFFERENT) <= 0.01


@pytest.mark.slow
def test_looking_at_the_shown_interval_after_every_pair_would_be_false_far_more_often():
    rng = random.Random(4)
    false = 0
    for _ in range(400):
        ratios = [rng.gauss(0, 0.05) for _ in range(stats.LOOKS[-1])]
        looks = (stats.estimate(ratios[:count]) for count in range(2, len(ratios) + 1))
        false += any(abs(look.mean) - look.half > stats.MARGIN for look in looks)
    assert false / 400 > 0.03


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.01, pytest.param(0.02, marks=pytest.mark.slow)])
def test_a_true_five_percent_is_found_almost_always(spread: float):
    assert _share(_normal(spread), 1.05, (Speed.FASTER,)) >= 0.99
    assert _share(_normal(spread), 1 / 1.05, (Speed.SLOWER,)) >= 0.99


@pytest.mark.parametrize("spread", [0.01, pytest.param(0.025, marks=pytest.mark.slow)])
def test_a_true_three_percent_is_found_nine_times_of_ten(spread: float):
    assert _share(_normal(spread), 1.03, (Speed.FASTER,)) >= 0.9


@pytest.mark.slow
def test_a_difference_is_never_called_the_other_way_round():
    assert _share(_normal(0.05), 1.03, (Speed.SLOWER,)) == 0


@pytest.mark.slow
def test_a_true_three_percent_is_hardly_ever_called_the_same():
    assert _share(_normal(0.02), 1.03, (Speed.SAME,)) <= 0.025


@pytest.mark.slow
def test_a_loud_machine_ends_inconclusive_and_not_in_a_guess():
    assert _share(_normal(0.3), 1.03, (Speed.INCONCLUSIVE,)) >= 0.99


def test_on_a_quiet_machine_the_same_code_is_the_same_after_few_pairs():
    rng = random.Random(12)
    jobs = [_job(_normal(0.005), 1.0, rng) for _ in range(500)]
    assert all(speed is Speed.SAME for speed, _ in jobs)
    assert max(pairs for _, pairs in jobs) <= stats.LOOKS[1]


def test_a_clear_result_ends_at_the_first_look():
    rng = random.Random(13)
    assert {_job(_normal(0.004), 1.5, rng) for _ in range(200)} == {(Speed.FASTER, stats.LOOKS[0])}


def test_a_job_whose_time_is_spent_between_two_looks_is_no_more_often_wrong():
    rng = random.Random(14)
    most = 13
    seen = Counter(_job(_normal(0.03), math.exp(stats.MARGIN), rng, most=most)[0] for _ in range(1200))
    assert sum(seen[speed] for speed in DIFFERENT) / 1200 <= 0.01


@pytest.mark.slow
def test_the_shown_interval_holds_the_truth_in_95_of_100_jobs_however_they_ended():
    rng = random.Random(15)
    held = 0
    for _ in range(1200):
        ratios: list[float] = []
        while len(ratios) not in stats.LOOKS or not (
            stats.settled([ratios]) or len(ratios) == stats.LOOKS[-1]
        ):
            ratios.append(0.02 + rng.gauss(0, 0.015))
        found = stats.estimate(ratios)
        held += abs(found.mean - 0.02) <= found.half
    assert held / 1200 >= 0.95


def test_one_terrible_pair_of_ten_moves_nothing():
    calm = [0.05, 0.051, 0.049, 0.05, 0.052, 0.048, 0.05, 0.051, 0.049]
    assert stats.estimate([*calm, -3.0]).speed is Speed.FASTER
    assert stats.estimate([*calm, -3.0]).mean == pytest.approx(0.05, abs=0.001)


def test_one_case_without_a_word_keeps_the_job_going():
    clear, unclear = [0.7, 0.701, 0.699, 0.702, 0.7], [0.01, 0.05, -0.03, 0.02, 0.0]
    assert stats.settled([clear])
    assert not stats.settled([clear, unclear])


def test_a_clear_result_with_a_wide_interval_goes_on_for_the_board():
    assert not stats.settled([[0.5, 0.6, 0.7, 0.6, 0.5]])


@pytest.mark.parametrize(("pairs", "look"), [(0, 5), (4, 5), (5, 10), (11, 20), (39, 40), (40, 40)])
def test_the_next_look_is_known_beforehand(pairs: int, look: int):
    assert stats.next_look(pairs) == look


@pytest.mark.parametrize(
    ("mean", "deciding", "speed"),
    [
        (0.05, 0.02, Speed.FASTER),
        (-0.05, 0.02, Speed.SLOWER),
        (0.05, 0.045, Speed.INCONCLUSIVE),
        (0.015, 0.004, Speed.FASTER),
        (0.005, 0.01, Speed.SAME),
        (0.02, 0.015, Speed.INCONCLUSIVE),  # it may be beyond 3 %, and it may be nothing
        (0.5, 0.3, Speed.FASTER),  # wide, and still wholly beyond the margin
    ],
)
def test_the_deciding_interval_gives_the_word(mean: float, deciding: float, speed: Speed):
    assert Estimate(mean, 0.8 * deciding, deciding).speed is speed


def test_the_intervals_of_ten_pairs_use_the_degrees_of_freedom_of_those_that_count():
    found = stats.estimate([0.0, 0.1] * 5)
    error = math.sqrt(10 * 0.05**2 / 9) * math.sqrt(10) / 8  # one of ten is set aside at either end
    assert found.half == pytest.approx(3.3353 * error, rel=1e-4)
    assert found.deciding == pytest.approx(4.5946 * error)


def test_the_overall_ratio_is_the_geometric_mean_of_the_cases():
    overall = stats.estimate(stats.over_cases([[math.log(4.0)] * 3, [0.0] * 3]))
    assert overall.ratio == pytest.approx(2.0)
    assert overall.half == pytest.approx(0.0)


def _bursts(rng: random.Random, rounds: int) -> tuple[list[float], list[float]]:
    """Samples of the same code on a machine that is at times half as fast, for some rounds on end."""
    slow, base, cand = False, [], []
    for _ in range(rounds):
        slow = slow is not (rng.random() < 0.2)
        base.append(0.001 * (1.5 if slow else 1) * math.exp(rng.gauss(0, 0.01)))
        slow = slow is not (rng.random() < 0.02)
        cand.append(0.001 * (1.5 if slow else 1) * math.exp(rng.gauss(0, 0.01)))
    return base, cand


def test_a_machine_that_changes_its_speed_hardly_moves_the_ratio_of_a_pair():
    rng = random.Random(3)
    found = [stats.pair_log_ratio(*_bursts(rng, 20)) for _ in range(300)]
    by_median, by_half = [], []
    for _ in range(300):
        base, cand = _bursts(rng, 20)
        by_median.append(math.log(sorted(base)[10] / sorted(cand)[10]))
        by_half.append(math.log(stats.quick_half(base) / stats.quick_half(cand)))
    for other in (by_median, by_half):
        assert sum(abs(r) > 0.02 for r in found) < 0.1 * sum(abs(r) > 0.02 for r in other)


def test_what_makes_single_calls_slow_moves_it_less_than_it_moves_the_median_of_the_rounds():
    rng = random.Random(5)
    found, by_round = [], []
    for _ in range(300):
        base, cand = ([1e-3 * math.exp(abs(rng.gauss(0, 0.1))) for _ in range(30)] for _ in range(2))
        found.append(stats.pair_log_ratio(base, cand))
        by_round.append(median(math.log(b / c) for b, c in zip(base, cand, strict=True)))
    assert stdev(found) < 0.8 * stdev(by_round)


def test_the_quicker_half_of_an_odd_number_has_the_middle_one():
    assert stats.quick_half([9.0, 1.0, 3.0]) == 2.0
    assert stats.quick_half([5.0]) == 5.0


def test_one_interrupted_sample_of_six_does_not_count():
    assert stats.pair_log_ratio([1.0] * 5 + [9.0], [1.0] * 6) == 0.0


def test_a_sample_of_no_duration_is_refused():
    with pytest.raises(ValueError, match=r"above 0 s, got 0\.0"):
        stats.pair_log_ratio([0.0, 1.0], [1.0, 1.0])


def test_one_pair_gives_no_interval():
    with pytest.raises(ValueError, match="2 to 40 pairs, got 1"):
        stats.estimate([0.1])
