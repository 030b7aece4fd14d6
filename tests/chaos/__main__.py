"""`python -m tests.chaos`, the long run: prints the ledger, keeps it as data, exits 1 if a job went wrong."""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from hub.services import programs
from tests.chaos.faults import KINDS
from tests.chaos.run import ENDED, HUNTED, Plan, run

EACH = 3  # times every kind of fault
RESULTS = programs.ROOT / "tests" / "bench" / "results"


def main() -> int:
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # with everything stopped and unmounted
    kinds = [*KINDS] * asked.each
    random.Random(asked.seed).shuffle(kinds)
    plan = Plan(
        asked.jobs,
        asked.workers,
        asked.seed,
        kinds,
        hunted=max(1, asked.jobs // 100),
        passing=asked.jobs // 50,
    )
    print(f"{plan.jobs} jobs, {plan.workers} workers, {len(kinds)} faults, seed {plan.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="touchstone-chaos-") as folder:
        outcome = run(plan, Path(folder))
    shown = [*KINDS, HUNTED, ENDED]
    print(outcome.ledger.text(outcome.fates, shown))
    print(f"{time.monotonic() - began:.0f} s; {outcome.account}")
    for problem in outcome.problems:
        print(f"FAILED {problem}")
    path = asked.report or RESULTS / f"chaos-{datetime.now(UTC):%Y-%m-%d}.json"
    outcome.ledger.keep(path, outcome.fates, shown, outcome.account)
    print(f"Kept in {path}")
    return 1 if outcome.problems else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--each", type=int, default=EACH, help="times every kind of fault")
    parser.add_argument("--seed", type=int, default=1, help="gives submissions and the order of the faults")
    parser.add_argument("--report", type=Path, help="where the ledger is kept as data")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
