"""Timing several ways to do the same thing, side by side in one run.

Theory of operation. A round calls every contender once, in random order; a call is repeated until it fills
`SAMPLE_SECONDS`, so that the clock does not matter. What drifts (clocks of the processor, other load) then
hits all contenders of a round alike, and the figure that counts is the ratio within a round. Rounds go on
until the interval of every ratio is narrow or the time is spent.

Threads of some libraries go on spinning for a next call (onnxruntime's for 36 ms, torch's for 8) and would
take the processors of whoever comes after them: once a contender has been called, nobody is until they rest.

The interval is Student's on the logarithm of the ratio, over rounds, after a tenth of the rounds has been cut
off at each end (Yuen 1974). All rounds share one process, so what differs from one process to the next (the
placement of memory) is not in it; a claim about a change of 2 % needs several runs.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SAMPLE_SECONDS = 0.004  # at least, per call of a round
ROUNDS = (12, 200)  # at least, at most
FEW = 3  # rounds of a contender that takes very long
NARROW = 0.01  # half width of a ratio's interval at which a contender is done
TRIM = 0.1
WINDOW = 0.01  # seconds over which threads that spin are seen: the kernel counts their time in ticks of 4 ms
MOST_WINDOWS = 20
# Student's t for a two-sided 95 % interval, by degrees of freedom; linear in 1/df between them.
_T = {2: 4.303, 3: 3.182, 5: 2.571, 7: 2.365, 10: 2.228, 15: 2.131, 30: 2.042, 60: 2.0, 10**9: 1.96}

Run = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """How many times as long a contender takes as ours: above 1, we are faster."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Timing:
    """Seconds per call: the median of the rounds, and the ratio to the first contender."""

    seconds: float
    ratio: Ratio


def race(contenders: Mapping[str, Run], budget: float, seed: int = 0) -> dict[str, Timing]:
    """Time the contenders; the first is the one the others are compared with.

    Args:
        contenders: what to call, by name; each writes to buffers that exist before.
        budget: seconds in all, roughly. Who alone would take more in the rounds needed runs in a few of them.
        seed: of the order within the rounds.
    """
    names = list(contenders)
    ours = names[0]
    repeats: dict[str, int] = {}
    spins: dict[str, float] = {}
    for name, run in contenders.items():
        repeats[name] = _repeats(run)
        spins[name] = _spinning()
    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}  # theirs and ours of a round
    until = time.perf_counter() + budget
    while len(pairs[ours]) < ROUNDS[1]:
        spent = {name for name in names if _spent(pairs[name], repeats[name], budget)}
        running = [name for name in names if name == ours or name not in spent]
        found: dict[str, float] = {}
        for name in rng.sample(running, len(running)):
            found[name] = _sample(contenders[name], repeats[name])
            time.sleep(spins[name])
        for name, seconds in found.items():
            pairs[name].append((seconds, found[ours]))
        enough = len(pairs[ours]) >= ROUNDS[0] or ours in spent
        if enough and (time.perf_counter() > until or _all_narrow(pairs)):
            break
    return {name: Timing(statistics.median(a for a, _ in each), _of(each)) for name, each in pairs.items()}


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> Ratio:
    """The trimmed mean of their time over ours, round by round, with its 95 % interval."""
    logs = sorted(math.log(a / b) for a, b in zip(theirs, ours, strict=True))
    n, cut = len(logs), int(TRIM * len(logs))
    kept = logs[cut : n - cut]
    mean = sum(kept) / len(kept)
    winsorised = [min(max(each, kept[0]), kept[-1]) for each in logs]
    centre = sum(winsorised) / n
    deviation = math.sqrt(sum((each - centre) ** 2 for each in winsorised) / (n - 1))
    half = _t(len(kept) - 1) * deviation / ((1 - 2 * cut / n) * math.sqrt(n))
    return Ratio(math.exp(mean), math.exp(mean - half), math.exp(mean + half))


def _spent(rounds: Sequence[tuple[float, float]], repeats: int, budget: float) -> bool:
    """Whether a contender has had its share of the budget; it gets `FEW` rounds whatever they cost."""
    return len(rounds) >= FEW and sum(seconds for seconds, _ in rounds) * repeats > budget


def _of(rounds: Sequence[tuple[float, float]]) -> Ratio:
    return ratio([theirs for theirs, _ in rounds], [ours for _, ours in rounds])


def _all_narrow(pairs: Mapping[str, Sequence[tuple[float, float]]]) -> bool:
    return all(found.high / found.low < (1 + NARROW) ** 2 for found in map(_of, pairs.values()))


def _repeats(run: Run) -> int:
    """How often to call for one sample; the calls made to find out warm the caches too."""
    repeats = 1
    while (spent := _sample(run, repeats) * repeats) < SAMPLE_SECONDS:
        repeats = max(repeats + 1, min(repeats * 10, math.ceil(repeats * SAMPLE_SECONDS / max(spent, 1e-7))))
    return repeats


def _spinning() -> float:
    """Wait until no thread of this process is busy: how many seconds, and a window more; 0 if none was."""
    for window in range(MOST_WINDOWS):
        before = time.process_time()
        time.sleep(WINDOW)
        if time.process_time() - before < WINDOW / 10:
            return (window + 1) * WINDOW if window else 0.0
    return MOST_WINDOWS * WINDOW


def _sample(run: Run, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


def _t(freedom: int) -> float:
    for (below, low), (above, high) in pairwise(_T.items()):
        if freedom <= above:
            share = (1 / max(freedom, below) - 1 / above) / (1 / below - 1 / above)
            return high + (low - high) * share
    return _T[10**9]
