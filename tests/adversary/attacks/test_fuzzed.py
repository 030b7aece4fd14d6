"""Whatever a submission does at random to what it shares with the judge: a verdict, and no harm."""

from __future__ import annotations

import random

import pytest

from bench_runner.contract import Outcome
from bench_runner.messages import REASONS
from tests.adversary.attacks.fuzzed import submission
from tests.adversary.attacks.outside import Outside, held
from tests.adversary.attacks.test_attacks import judge, outside

__all__ = ["outside"]

pytestmark = pytest.mark.sandbox


def _need_verdict(seed: int, outside: Outside, *, works: bool) -> None:
    before = held()

    result = judge(submission(seed, works=works), outside.sandbox, reason="call_time_limit")

    assert REASONS[result.reason].outcome is result.outcome
    assert works or result.outcome is not Outcome.PASSED
    assert outside.harmed() == []
    assert held() == before


@pytest.mark.parametrize(
    "seed",
    [
        0,
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12)),
        pytest.param(342339205, marks=pytest.mark.slow),  # is wrong once, and then silent
    ],
)
def test_a_submission_that_never_writes_its_output_is_never_passed(seed: int, outside: Outside):
    _need_verdict(seed, outside, works=False)


@pytest.mark.parametrize(
    "seed",
    [100, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(101, 106))],
)
def test_a_submission_that_works_between_its_tricks_gets_some_verdict(seed: int, outside: Outside):
    _need_verdict(seed, outside, works=True)


@pytest.mark.slow
@pytest.mark.parametrize("works", [True, False])
def test_many_new_ones_get_verdicts_too(works: bool, outside: Outside):
    for seed in random.SystemRandom().sample(range(10**9), 200):
        try:
            _need_verdict(seed, outside, works=works)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
