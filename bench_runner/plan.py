"""How many rounds, and how many calls a sample: the plan of one case inside a pair.

Not in charge of taking the samples (`timing.py`).

A sample is as short as can be, SAMPLE_SECONDS or a little more, and there are as many rounds as fit
PAIR_SECONDS. A machine changes its speed by the second, by half where a neighbour shares the core; two
samples that follow each other within a millisecond mostly meet the same machine, two medians over a tenth of
a second do not. Measured on such a machine: a third to a half less spread from pair to
pair, of the same samples.

Very short calls: the pool of distinct inputs is bounded by POOL_BYTES and MOST_CALLS, and what surrounds a
call by the task's budget, so their samples may stay below SAMPLE_SECONDS; the interval then says how sure the
number is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tasks.spec import Case, Task

WARM_UPS = 2
SAMPLE_SECONDS = 0.001
PAIR_SECONDS = 0.2  # of samples of both sides, per case and pair
FEWEST_ROUNDS, MOST_ROUNDS = 6, 40
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
    rounds = min(MOST_ROUNDS, max(FEWEST_ROUNDS, int(PAIR_SECONDS / (calls * both))), most)
    rounds -= rounds % 2 if rounds > 1 else 0  # as many with the one side first as with the other
    return Plan(rounds, max(1, min(calls, most // rounds)))
