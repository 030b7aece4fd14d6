"""Is it right? One fresh guest, every check case on hidden inputs, every element of every output.

Not in charge of the comparison rule (`tasks.compare`) nor of speed (`timing.py`, which uses `need_right` for
every timed output).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_runner.channel import Channel, Limit
from bench_runner.contract import CaseResult, Phase
from bench_runner.devices.base import Array
from bench_runner.failure import Failed
from bench_runner.guests import Side
from bench_runner.pool import Item, Oracle
from bench_runner.progress import Progress
from tasks.compare import Expectation
from tasks.spec import Case

# Calls a case, each with an input of its own: a replayed answer is wrong the second time. The second call is
# at the addresses of the first, the third elsewhere.
TIMES = 3


@dataclass(frozen=True)
class Checked:
    cases: list[CaseResult]
    failure: Failed | None  # the first
    log: bytes


class WrongAnswer(Failed):
    """An output element out of tolerance; `detail` holds the figures for the page."""

    def __init__(self, reason: str, detail: dict[str, Any], **args: Any) -> None:
        super().__init__(reason, **args)
        self.detail = detail


def run(side: Side, oracle: Oracle, progress: Progress) -> Checked:
    """All check cases in one guest. A wrong case does not stop the others; a dead guest does."""
    checking = _Checking(side, oracle, progress)
    side.start()
    try:
        checking.all_cases()
    finally:
        log = side.stop(politely=checking.alive)
    return Checked(checking.results, checking.failure, log)


def need_right(channel: Channel, case: Case, item: Item, outputs: dict[str, Array]) -> None:
    """Compare every element of the outputs of the last call.

    Raises:
        WrongAnswer: with the worst element, or the first that was never written.
    """
    for name, expected in item.expected.items():
        if not expected.accepts(outputs[name]):
            raise _wrong(channel, case, name, expected, outputs[name])


class _Checking:
    def __init__(self, side: Side, oracle: Oracle, progress: Progress) -> None:
        self.side, self.oracle, self.progress = side, oracle, progress
        self.cases = oracle.task.cases_for("check")
        self.limits = oracle.task.limits
        self.results: list[CaseResult] = []
        self.failure: Failed | None = None
        self.alive = True

    def all_cases(self) -> None:
        try:
            self.side.load()
        except Failed as failure:
            self.failure, self.alive = failure, False
        self.deadline = time.perf_counter() + self.limits.check_seconds
        for case in self.cases:
            self.results.append(self._case(case) if self.alive else _not_run(case))
            self._say(self.results[-1])

    def _case(self, case: Case) -> CaseResult:
        seconds, detail = 0.0, {"worst": 0.0}
        for number in range(1, TIMES + 1):
            self.side.channel.where = f"case {case.id}, call {number}"
            item = self.oracle.item(case)
            try:
                if number == 1:
                    self.side.bind(case)
                seconds, outputs = self.side.call(item.inputs, self._limit(case), same_place=number == 2)
                need_right(self.side.channel, case, item, outputs)
            except WrongAnswer as wrong:
                self.failure = self.failure or wrong
                return CaseResult(case.id, False, seconds, wrong.detail)
            except Failed as failure:
                failure.forget_frames()  # as the director does with the first; only that one reaches it
                self.failure, self.alive = self.failure or failure, False
                return CaseResult(case.id, False, 0.0, {"reason": failure.reason, **failure.reason_args})
            errors = [expected.worst(outputs[name]) for name, expected in item.expected.items()]
            detail["worst"] = max(detail["worst"], *errors)
        return CaseResult(case.id, True, seconds, detail)

    def _limit(self, case: Case) -> Limit:
        left = max(self.deadline - time.perf_counter(), 0.001)
        if left < self.limits.call_seconds:
            return Limit(left, "check_time_limit", {"case": case.id, "seconds": self.limits.check_seconds})
        where = self.side.channel.where
        return Limit(
            self.limits.call_seconds, "call_time_limit", {"where": where, "seconds": self.limits.call_seconds}
        )

    def _say(self, result: CaseResult) -> None:
        self.progress.say(
            Phase.CHECKING, case=result.case, ok=result.ok, done=len(self.results), total=len(self.cases),
            note=result.detail,
        )  # fmt: skip


def _not_run(case: Case) -> CaseResult:
    return CaseResult(case.id, False, 0.0, {"not_run": True})


def _wrong(channel: Channel, case: Case, name: str, expected: Expectation, output: Array) -> WrongAnswer:
    detail = {"tensor": name, **expected.explain(output)}
    untouched = channel.unwritten(output)
    if untouched.any():
        at = np.unravel_index(int(np.argmax(untouched)), untouched.shape)
        detail |= {
            "reason": "unwritten",
            "index": [int(i) for i in at],
            "expected": _plain(float(expected.oracle[at])),
            "got": "unwritten",
            "wrong": int(np.count_nonzero(untouched)),
        }
    else:
        detail["reason"] = "wrong_value" if isinstance(detail["got"], float) else "not_finite"
    words = {key: detail[key] for key in ("tensor", "index", "expected", "got", "wrong")}
    return WrongAnswer(detail["reason"], detail, case=case.id, elements=detail["of"], **words)


def _plain(number: float) -> float | str:
    """JSON knows neither NaN nor infinity."""
    return number if np.isfinite(number) else str(number)
