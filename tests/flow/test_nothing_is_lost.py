"""Many pushes at once while workers, Redis, the site and the lines between them die: each ends once.

The short form of `make chaos`, and the same harness: `tests/chaos/`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import ENDED, HUNTED, Plan, run

# Who kills workers does it apart from others who do: for a while nobody owns what is left in their slots.
pytestmark = [pytest.mark.sandbox, pytest.mark.xdist_group("kills")]

QUICK = ["worker killed", "redis killed and emptied", "site killed", "judging process killed"]
FAULTS = [
    *QUICK,
    "lease over",
    "answer to a claim lost",
    "result twice",
    "revision cut",
    "workers disk full",
    "result late",
]


@pytest.mark.parametrize(
    ("pushes", "faults"), [(10, QUICK), pytest.param(40, FAULTS, marks=pytest.mark.slow)], ids=["10", "40"]
)
def test_pushes_at_once_end_once_each_whatever_dies_meanwhile(
    pushes: int, faults: list[str], tmp_path: Path
) -> None:
    plan = Plan(jobs=pushes + 1, workers=2, seed=1, kinds=faults, hunted=1, at_once=True)
    outcome = run(plan, tmp_path)
    ledger = outcome.ledger.text(outcome.fates, [*faults, HUNTED, ENDED])
    print(ledger)
    assert outcome.problems == [], ledger
    assert sum(outcome.account["jobs"].values()) == plan.jobs  # type: ignore[attr-defined]
