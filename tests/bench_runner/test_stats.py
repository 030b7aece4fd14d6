"""What the statistics may say, on samples whose truth is known."""

from __future__ import annotations

import math
import random
from collections import Counter

import pytest

from bench_runner import stats
from bench_runner.contract import Speed
from bench_runner.stats import Estimate

ROUNDS = 5


def _pairs(rng: random.Random, truth: float, *, bias: float, noise: float) -> list[float]:
    """The log-ratios of PAIRS process pairs: each process has a bias that all its samples share."""
    ratios = []
    for _ in range(stats.PAIRS):
        base, cand = rng.gauss(0, bias), rng.gauss(0, bias)
        ratios.append(
            stats.pair_log_ratio(
                [0.01 * truth * math.exp(base + abs(rng.gauss(0, noise))) for _ in range(ROUNDS)],
                [0.01 * math.exp(cand + abs(rng.gauss(0, noise))) for _ in range(ROUNDS)],
            )
        )
    return ratios


def _verdicts(truth: float, *, bias: float = 0.01, noise: float = 0.02, jobs: int = 2000) -> Counter[Speed]:
    rng = random.Random(20)
    return Counter(stats.estimate(_pairs(rng, truth, bias=bias, noise=noise)).speed for _ in range(jobs))


def test_the_same_code_is_almost_never_called_faster_or_slower():
    seen = _verdicts(1.0)
    assert (seen[Speed.FASTER] + seen[Speed.SLOWER]) / 2000 <= 0.005
    assert seen[Speed.SAME] >= 1500


def test_even_a_strong_process_bias_keeps_false_differences_below_the_level_of_the_interval():
    seen = _verdicts(1.0, bias=0.08)
    assert (seen[Speed.FASTER] + seen[Speed.SLOWER]) / 2000 <= 0.05
    assert seen[Speed.INCONCLUSIVE] >= 1500


def test_a_true_ten_percent_is_found():
    assert _verdicts(1.10)[Speed.FASTER] >= 1950
    assert _verdicts(1 / 1.10)[Speed.SLOWER] >= 1950


def test_more_samples_in_one_process_would_not_remove_the_bias_that_pairs_remove():
    rng = random.Random(3)
    one_pair = [_pairs(rng, 1.0, bias=0.03, noise=0.001)[0] for _ in range(400)]
    assert sum(abs(r) > stats.MARGIN for r in one_pair) / 400 > 0.4


def test_early_stopping_never_happens_to_the_same_code():
    rng = random.Random(5)
    for _ in range(500):
        ratios = [_pairs(rng, 1.0, bias=0.03, noise=0.03) for _ in range(2)]
        looks = range(2, stats.PAIRS)
        assert not any(stats.may_stop([case[:n] for case in ratios]) for n in looks)


def test_early_stopping_saves_time_on_a_clear_result_and_not_before_five_pairs():
    ratios = [[0.700, 0.701, 0.699, 0.702, 0.700], [0.400, 0.401, 0.402, 0.399, 0.400]]
    assert stats.may_stop(ratios)
    assert not stats.may_stop([case[:4] for case in ratios])


def test_one_unclear_case_forbids_the_early_stop():
    assert not stats.may_stop([[0.7, 0.701, 0.699, 0.702, 0.7], [0.01, 0.012, 0.0, 0.01, 0.01]])


def _whole_job(rng: random.Random, noise: float) -> tuple[Speed, int]:
    """What a job would say of the same code at this noise a pair, and after how many pairs."""
    ratios = [rng.gauss(0, noise) for _ in range(stats.PAIRS)]
    while stats.wants_more([ratios]):
        ratios.append(rng.gauss(0, noise))
    return stats.estimate(ratios).speed, len(ratios)


@pytest.mark.parametrize(("noise", "bound"), [(0.02, 0.002), (0.04, 0.005), (0.1, 0.03), (0.2, 0.05)])
def test_pairs_beyond_the_plan_keep_false_differences_rare(noise: float, bound: float):
    rng = random.Random(11)
    seen = Counter(_whole_job(rng, noise)[0] for _ in range(3000))
    assert (seen[Speed.FASTER] + seen[Speed.SLOWER]) / 3000 <= bound


def test_pairs_beyond_the_plan_turn_inconclusive_into_same():
    rng = random.Random(12)
    jobs = [_whole_job(rng, 0.03) for _ in range(500)]
    assert sum(speed is Speed.SAME for speed, _ in jobs) >= 490
    assert max(pairs for _, pairs in jobs) <= stats.MOST_PAIRS


def test_a_result_with_a_verdict_gets_no_further_pairs():
    assert not stats.wants_more([[0.5, 0.6] * 5])
    assert stats.wants_more([[0.1, -0.1] * 5])
    assert not stats.wants_more([[0.1, -0.1] * 10])


@pytest.mark.parametrize(
    ("mean", "half", "speed"),
    [
        (0.05, 0.02, Speed.FASTER),
        (-0.05, 0.02, Speed.SLOWER),
        (0.05, 0.04, Speed.INCONCLUSIVE),
        (0.015, 0.01, Speed.SAME),
        (0.5, 0.3, Speed.FASTER),  # wide, and still wholly beyond the margin
    ],
)
def test_the_interval_decides_the_speed(mean: float, half: float, speed: Speed):
    assert Estimate(mean, half).speed is speed


def test_the_interval_of_ten_pairs_uses_nine_degrees_of_freedom():
    ratios = [0.0, 0.1] * 5
    sd = math.sqrt(10 * 0.05**2 / 9)
    assert stats.estimate(ratios).half == pytest.approx(2.2622 * sd / math.sqrt(10))


def test_the_overall_ratio_is_the_geometric_mean_of_the_cases():
    overall = stats.estimate(stats.over_cases([[math.log(4.0)] * 3, [0.0] * 3]))
    assert overall.ratio == pytest.approx(2.0)
    assert overall.half == pytest.approx(0.0)


def test_a_sample_of_no_duration_is_refused():
    with pytest.raises(ValueError, match=r"above 0 s, got baseline 0\.0 and candidate 1\.0"):
        stats.pair_log_ratio([0.0], [1.0])


def test_one_pair_gives_no_interval():
    with pytest.raises(ValueError, match="2 to 20 pairs, got 1"):
        stats.estimate([0.1])
