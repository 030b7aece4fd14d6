"""The statistics of a measurement: what may be said about two speeds, and how sure it is.

Not in charge of taking samples (`timing.py`) nor of who ranks above whom (`hub/boards`).

Theory of operation. Every process has a speed bias of its own (address layout, page placement) that more
samples in the same process never remove. So the unit of the statistics is the *pair*: one fresh baseline
process and one fresh candidate process, measured in turns. A pair gives one number per case, the logarithm of
baseline over candidate (`pair_log_ratio`). Over pairs their mean counts, without the highest and the lowest
tenth, so that one pair that met something terrible does not decide; its t-interval is Yuen's, for such a
trimmed mean.

A job may end after 5, 10, 20 and 40 pairs (LOOKS). Whoever may look four times and stop at what pleases is
wrong four times as often, so each look uses a quarter of what the job as a whole may be wrong. Two intervals
are made of the same pairs. The *shown* one holds the truth in 95 % of the jobs however they ended (98.75 % at
each look); boards compare it. The *deciding* one (99 %, so 99.75 % at each look) is needed to claim a
difference: "faster" when it lies wholly above 1 + 1 %, "slower" when wholly below. Otherwise it is "same"
when the shown one lies wholly within ±3 %, else "inconclusive". A job ends as soon as there is a word. So a
difference that is not there, or within 1 %, is claimed in at most 1 % of the jobs. One whose time runs out
takes its next look early, which adds none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from bench_runner.contract import Speed

MARGIN = math.log(1.01)  # a difference is claimed only beyond it
SAME_WITHIN = math.log(1.03)  # "same" says that the difference is smaller than this
NARROW = math.log(1.03)  # half of the shown interval; boards need that much to tell people apart
SLOWER_MACHINE = 1.1  # a round in which both sides took this much longer than in their quick ones met one
TRIM = 10  # one pair of so many is set aside at either end
LOOKS = (5, 10, 20, 40)  # pairs after which a job may end
FEWEST_PAIRS = 3  # below that there is no usable interval

# Student's t, two-sided, by degrees of freedom from 1.
_T9875 = (
    50.9230, 8.8602, 5.3919, 4.3147, 3.8100, 3.5212, 3.3353, 3.2060, 3.1109, 3.0382, 2.9809, 2.9345, 2.8961,
    2.8640, 2.8366, 2.8131, 2.7925, 2.7745, 2.7586, 2.7444, 2.7316, 2.7201, 2.7097, 2.7002, 2.6916, 2.6836,
    2.6763, 2.6695, 2.6632, 2.6574, 2.6519, 2.6468, 2.6421, 2.6376, 2.6334, 2.6295, 2.6257, 2.6222, 2.6189,
)  # fmt: skip
_T9975 = (
    254.6466, 19.9625, 9.4649, 6.7583, 5.6042, 4.9807, 4.5946, 4.3335, 4.1458, 4.0045, 3.8945, 3.8065,
    3.7345, 3.6746, 3.6239, 3.5805, 3.5429, 3.5101, 3.4812, 3.4554, 3.4325, 3.4118, 3.3931, 3.3761, 3.3606,
    3.3464, 3.3334, 3.3214, 3.3102, 3.2999, 3.2903, 3.2813, 3.2729, 3.2651, 3.2577, 3.2507, 3.2442, 3.2380,
    3.2322,
)  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """A log-ratio with the half-widths of the interval that is shown and of the one that decides.

    `ratio`, `low` and `high` are on the plain scale.
    """

    mean: float
    half: float
    deciding: float

    @property
    def ratio(self) -> float:
        return math.exp(self.mean)

    @property
    def low(self) -> float:
        return math.exp(self.mean - self.half)

    @property
    def high(self) -> float:
        return math.exp(self.mean + self.half)

    @property
    def is_narrow(self) -> bool:
        return self.half <= NARROW

    @property
    def speed(self) -> Speed:
        if self.mean - self.deciding > MARGIN:
            return Speed.FASTER
        if self.mean + self.deciding < -MARGIN:
            return Speed.SLOWER
        return Speed.SAME if abs(self.mean) + self.half <= SAME_WITHIN else Speed.INCONCLUSIVE


def quick_half(samples: Sequence[float]) -> float:
    """Seconds of a call: the mean of the quicker half of the samples.

    Whatever happens to a call makes it slower, and happens to some calls only. Like the median it does not
    feel what fewer than half of them met, and it scatters less, as more than one sample speaks in it.
    """
    return fmean(sorted(samples)[: -(-len(samples) // 2)])


def pair_log_ratio(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """The one number that a pair of processes contributes for a case.

    Sample i of both sides was taken one after the other. A round in which both were slow met a slower
    machine, and is left out; of the others the quicker half of each side counts.

    Raises:
        ValueError: a sample that is not above zero, which no clock of ours can give.
    """
    if min(*baseline, *candidate) <= 0:
        raise ValueError(f"a sample must be above 0 s, got {min(*baseline, *candidate)!r}")
    base_calm, cand_calm = (SLOWER_MACHINE * sorted(side)[len(side) // 10] for side in (baseline, candidate))
    rounds = zip(baseline, candidate, strict=True)
    calm = [(base, cand) for base, cand in rounds if base <= base_calm or cand <= cand_calm]
    base, cand = map(quick_half, zip(*calm, strict=True))
    return math.log(base / cand)


def estimate(log_ratios: Sequence[float]) -> Estimate:
    """Trimmed mean and its t-intervals over pairs; needs at least two, at most as many as the last look."""
    count = len(log_ratios)
    if not 2 <= count <= LOOKS[-1]:
        raise ValueError(f"an interval needs 2 to {LOOKS[-1]} pairs, got {count}")
    aside = count // TRIM
    kept = sorted(log_ratios)[aside : count - aside]
    # Yuen: those set aside count for the spread as if they were as far off as the outermost that are kept.
    spread = stdev([kept[0]] * aside + kept + [kept[-1]] * aside)
    error = spread * math.sqrt(count) / len(kept)
    return Estimate(fmean(kept), _T9875[len(kept) - 2] * error, _T9975[len(kept) - 2] * error)


def over_cases(by_case: Sequence[Sequence[float]]) -> list[float]:
    """Per pair the mean over cases: its estimate is the geometric mean of the cases' ratios."""
    return [fmean(pair) for pair in zip(*by_case, strict=True)]


def settled(by_case: Sequence[Sequence[float]]) -> bool:
    """Whether there is a word for every case and over all cases, and the shown interval is narrow."""
    overall = estimate(over_cases(by_case))
    found = [overall, *map(estimate, by_case)]
    return overall.is_narrow and all(each.speed is not Speed.INCONCLUSIVE for each in found)


def next_look(pairs: int) -> int:
    """The number of pairs at which a job that has so many may end; the last one for good."""
    return next((look for look in LOOKS if look > pairs), LOOKS[-1])
