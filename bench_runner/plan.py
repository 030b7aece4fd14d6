"""How many rounds, and how many calls a sample: the plan of one case inside a pair.

Not in charge of taking the samples (`timing.py`).

A sample is as short as can be. A machine changes its speed by the second, by half where a neighbour shares
the core, and interrupts whom it likes; two samples that follow each other within a millisecond mostly meet
the same machine, and of short ones most meet no interruption. Measured: two medians over a tenth of a second
scatter twice as much from pair to pair as the median of forty neighbouring ratios; of 200 calls of 80 µs,
40 sums of five scatter twice as much as 200 single ones.

How many rounds: a long call's pair is dominated by the bias of its processes, so that 40 rounds are enough,
and fewer must do where they would take longer than PAIR_SECONDS. A short call scatters by a tenth and more,
and a round costs little beside the start of two guests: it takes as many as fit SHORT_SECONDS.

Very short calls: the pool of distinct inputs is bounded by POOL_BYTES and MOST_CALLS, and what surrounds a
call by the task's budget; the interval then says how sure the number is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tasks.spec import Case, Task

WARM_UPS = 2
SAMPLE_SECONDS = 0.00005
PAIR_SECONDS = 0.2  # of samples of both sides, per case and pair
SHORT_SECONDS = 0.08  # … and of these, what a short call fills although it has ENOUGH_ROUNDS
FEWEST_ROUNDS, ENOUGH_ROUNDS, MOST_ROUNDS = 6, 40, 100
MOST_CALLS = 500  # of one side, per case and pair
POOL_BYTES = 128 * 2**20  # tensors of the inputs of one case


@dataclass(frozen=True)
class Plan:
    rounds: int
    calls: int  # per sample

    @property
    def inputs(self) -> int:
        return WARM_UPS + self.rounds * self.calls


def plan(task: Task, case: Case, seconds: float, *, around: float = 0.0, share: float = math.inf) -> Plan:
    """For a slower side that takes `seconds` a call, as far as the bounds allow.

    `around`: what a call of both sides costs beyond `seconds`; `share`: what the budget has for a pair.
    """
    size = max(sum(tensor.bytes_of(case.dims) for tensor in task.tensors), 1)
    both = 2 * seconds + around
    most = max(1, min(MOST_CALLS, POOL_BYTES // size - WARM_UPS, int(min(share / both, MOST_CALLS))))
    calls = math.ceil(SAMPLE_SECONDS / seconds)
    long = min(max(int(PAIR_SECONDS / (calls * both)), FEWEST_ROUNDS), ENOUGH_ROUNDS)
    short = min(int(SHORT_SECONDS / (calls * both)), MOST_ROUNDS)
    rounds = min(max(long, short), most)
    rounds -= rounds % 2 if rounds > 1 else 0  # as many with the one side first as with the other
    return Plan(rounds, max(1, min(calls, most // rounds)))
