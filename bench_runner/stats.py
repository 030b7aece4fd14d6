"""The statistics of a measurement: what may be said about two speeds, and how sure it is.

Not in charge of taking samples (`timing.py`) nor of who ranks above whom (`hub/boards`).

Theory of operation. Every process has a speed bias of its own (address layout, page placement) that more
samples in the same process never remove. So the unit of the statistics is the *pair*: one fresh baseline
process and one fresh candidate process, measured in turns. A pair gives one number per case, r = ln(median
baseline / median candidate); the mean over pairs has a t-interval with (pairs - 1) degrees of freedom. A
difference counts only when the whole interval lies beyond MARGIN: measured on the same code against itself,
ten pairs gave 0 false differences in 121 (README, "How sure a number is").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from bench_runner.contract import Speed

MARGIN = math.log(1.02)  # a difference within 2 % is called "same"
PAIRS = 10  # the plan
MOST_PAIRS = 20  # for a result that would be inconclusive otherwise
FEWEST_PAIRS = 3  # below that there is no usable interval
EARLIEST_STOP = 5  # pairs before which a clear result may not end the timing
CLEAR = math.log(1.05)  # how far beyond 1 an early stop wants the effect to be

# Student's t, two-sided, by degrees of freedom from 1.
_T95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
        2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930)  # fmt: skip
_T999 = (636.6192, 31.5991, 12.9240, 8.6103, 6.8688, 5.9588, 5.4079, 5.0413, 4.7809, 4.5869,
         4.4370, 4.3178, 4.2208, 4.1405, 4.0728, 4.0150, 3.9651, 3.9216, 3.8834)  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """A log-ratio with the half-width of its interval; `ratio`, `low` and `high` are on the plain scale."""

    mean: float
    half: float

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
    def speed(self) -> Speed:
        """Faster, slower, inconclusive, same: asked in this order, the first that holds."""
        if self.mean - self.half > MARGIN:
            return Speed.FASTER
        if self.mean + self.half < -MARGIN:
            return Speed.SLOWER
        return Speed.INCONCLUSIVE if self.half > MARGIN else Speed.SAME


def pair_log_ratio(baseline: Sequence[float], candidate: Sequence[float]) -> float:
    """The one number that a pair of processes contributes for a case.

    Raises:
        ValueError: a median that is not above zero, which no clock of ours can give.
    """
    slow, fast = median(baseline), median(candidate)
    if slow <= 0 or fast <= 0:
        raise ValueError(f"a median sample must be above 0 s, got baseline {slow!r} and candidate {fast!r}")
    return math.log(slow / fast)


def estimate(log_ratios: Sequence[float], table: Sequence[float] = _T95) -> Estimate:
    """Mean and t-interval over pairs; needs at least two, at most twenty."""
    count = len(log_ratios)
    if not 2 <= count <= len(table) + 1:
        raise ValueError(f"an interval needs 2 to {len(table) + 1} pairs, got {count}")
    return Estimate(fmean(log_ratios), table[count - 2] * stdev(log_ratios) / math.sqrt(count))


def over_cases(by_case: Sequence[Sequence[float]]) -> list[float]:
    """Per pair the mean over cases: its estimate is the geometric mean of the cases' ratios."""
    return [fmean(pair) for pair in zip(*by_case, strict=True)]


def may_stop(by_case: Sequence[Sequence[float]]) -> bool:
    """Whether the pairs so far settle the matter, so that the rest of the PAIRS need not be run.

    Looking again and again for a reason to stop would raise the false rate of a 95 % interval. So the look
    uses 99.9 % intervals and asks for an effect far beyond MARGIN, in every case and over all cases; a
    submission that is as fast as the baseline never stops early, and the guarantee of the full ten pairs
    stays as it was.
    """
    pairs = len(by_case[0])
    if not pairs >= EARLIEST_STOP:
        return False
    overall = over_cases(by_case)
    clear = all(_is_clear(estimate(each, _T999)) for each in (*by_case, overall))
    return clear and is_narrow(estimate(overall))


def wants_more(by_case: Sequence[Sequence[float]]) -> bool:
    """Whether pairs beyond the plan are worth their time: only a result without a verdict gets them.

    They end when the interval is narrow, whatever it says, or at MOST_PAIRS. Ending on the width and not on
    the verdict is what keeps the false rate where it was: the width hardly depends on the mean.
    """
    overall = estimate(over_cases(by_case))
    pairs = len(by_case[0])
    if pairs >= MOST_PAIRS or is_narrow(overall):
        return False
    return pairs > PAIRS or overall.speed is Speed.INCONCLUSIVE


def is_narrow(overall: Estimate) -> bool:
    return overall.half <= MARGIN


def _is_clear(strict: Estimate) -> bool:
    return abs(strict.mean) - strict.half > CLEAR
