"""What the judge of the made-up community says: outcomes with their words, timings with their samples."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from random import Random

from bench_runner.contract import Outcome
from hub.demo.crowd.cast import Made

PAIRS, SAMPLES = 10, 3  # pairs of processes, samples of each side
NOISE = 4096  # relative deviations that samples are made of, drawn once
MARGIN = 0.02  # a ratio within it is "same"
TEMPLATE = (
    "["
    + ", ".join(
        '{"baseline": ['
        + ", ".join(["%.4e"] * SAMPLES)
        + '], "candidate": ['
        + ", ".join(["%.4e"] * SAMPLES)
        + "]}"
        for _ in range(PAIRS)
    )
    + "]"
)
WRONG = (
    (Outcome.BUILD_FAILED, "compile_error", {"command": "cc -O2 -fPIC -shared solution.c", "code": 1}, 34),
    (
        Outcome.WRONG_ANSWER,
        "wrong_value",
        {"tensor": "y", "index": "[0, 7]", "expected": 0.125, "got": 0.25, "wrong": 3, "elements": 1021},
        42,
    ),
    (Outcome.RUNTIME_ERROR, "crashed", {"where": "check", "signal": "SIGSEGV"}, 12),
    (Outcome.TIME_LIMIT, "call_time_limit", {"seconds": 2}, 8),
    (Outcome.REJECTED, "no_entry_file", {"allowed": "solution.c, solution.py"}, 3),
    (Outcome.SUSPICIOUS, "faster_than_possible", {}, 1),
)
LOG_PASSED = "cc -O2 -fPIC -shared solution.c -o entry.so\n"
LOG_FAILED = (
    "cc -O2 -fPIC -shared solution.c -o entry.so\nsolution.c: In function 'kernel':\n"
    "solution.c:17:9: error: expected ';' before 'return'\n   17 |         return;\n      |         ^~~~~~\n"
)


@dataclass(frozen=True)
class Said:
    outcome: str
    reason: str
    args: str  # JSON
    cases: str  # JSON
    log: str = LOG_PASSED


@dataclass(frozen=True)
class Timed:
    """A case's or a verdict's ratio with its interval."""

    ratio: float
    low: float
    high: float

    @property
    def speed(self) -> str:
        if self.low > 1 + MARGIN:
            return "faster"
        if self.high < 1 - MARGIN:
            return "slower"
        return "same" if self.high / self.low < 1 + 4 * MARGIN else "inconclusive"


class Judge:
    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._noise = [math.exp(rng.gauss(0, 0.012)) for _ in range(NOISE + 2 * PAIRS * SAMPLES)]
        self._right: dict[int, str] = {}

    def right(self, task: Made) -> Said:
        args = json.dumps({"cases": len(task.checks)})
        return Said(Outcome.PASSED, "all_cases_right", args, self._cases(task))

    def measured(self) -> Said:
        return Said(Outcome.PASSED, "measured", json.dumps({"pairs": PAIRS}), "[]")

    def wrong(self, task: Made) -> Said:
        outcome, reason, args, _weight = self._rng.choices(WRONG, [row[3] for row in WRONG])[0]
        case = self._rng.choice(task.checks)
        told = [{"case": name, "ok": name != case, "seconds": 2e-3, "detail": {}} for name in task.checks]
        built = outcome not in (Outcome.BUILD_FAILED, Outcome.REJECTED)
        log = LOG_FAILED if outcome == Outcome.BUILD_FAILED else LOG_PASSED
        return Said(
            outcome, reason, json.dumps({"case": case, **args}), json.dumps(told if built else []), log
        )

    def timed(self, ratio: float) -> Timed:
        """Some timings are noisier than others."""
        half = 0.004 + 0.01 * self._rng.random() ** 3
        seen = ratio * math.exp(self._rng.gauss(0, half / 2))
        return Timed(seen, seen * math.exp(-half), seen * math.exp(half))

    def samples(self, baseline: float, candidate: float) -> str:
        """JSON of all pairs, seconds a call."""
        at = self._rng.randrange(NOISE)
        noise = self._noise[at : at + 2 * PAIRS * SAMPLES]
        sides = ((baseline,) * SAMPLES + (candidate,) * SAMPLES) * PAIRS
        return TEMPLATE % tuple(map(float.__mul__, noise, sides))

    def _cases(self, task: Made) -> str:
        if task.key not in self._right:
            told = [
                {"case": name, "ok": True, "seconds": 2e-3, "detail": {"worst": 3.1e-7}}
                for name in task.checks
            ]
            self._right[task.key] = json.dumps(told)
        return self._right[task.key]
