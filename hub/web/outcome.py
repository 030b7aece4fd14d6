"""What came out of a patch set's jobs, ready to be shown: one report per hardware class.

Not in charge of the words themselves (`bench_runner/messages.py`) nor of the live run (`run.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from bench_runner.contract import JobKind, Outcome
from bench_runner.messages import REASONS, Words
from hub.bench.models import Measurement, Verdict
from hub.catalog.queries import spec_of
from hub.pulls.models import PatchSet
from hub.web.labels import DETAILS, LONGEST_VALUE, STEPS, facts_of, is_number, shown_value
from hub.web.plain import plain_line, plain_text
from hub.web.stone import Stone, draw
from tasks.spec import Task as Spec

TIMED = (JobKind.RANK, JobKind.CONFIRM)

LEAST_BUSY_CORES = 0.1  # less is not worth a word
NOT_RUN = "not_run"  # detail of a case that was not reached any more
REASON = "reason"  # detail that the verdict's words tell already


@dataclass(frozen=True)
class CheckRow:
    """A check case: what was compared and, if it was wrong, where and by how much."""

    case: str
    dims: str
    ok: bool
    seconds: float
    worst: float | None
    details: list[tuple[object, str]]
    was_run: bool = True


@dataclass(frozen=True)
class TimedRow:
    """A rank case. `ratio`, `low` and `high` let it be drawn on a stone like a board's entry."""

    case: str
    dims: str
    measurement: Measurement
    is_floor: bool  # below the task's case floor
    confirmed: bool = True

    @property
    def ratio(self) -> float:
        return self.measurement.ratio

    @property
    def low(self) -> float:
        return self.measurement.low

    @property
    def high(self) -> float:
        return self.measurement.high


@dataclass(frozen=True)
class Report:
    """What one hardware class says of a patch set; `verdict` is the one that tells most."""

    hardware_class: str
    verdict: Verdict
    words: Words
    checked: list[CheckRow]
    timed: list[TimedRow]
    confirmed: bool
    target: float | None

    @property
    def stone(self) -> Stone:
        return draw(self.timed)

    @property
    def passed(self) -> bool:
        return self.verdict.outcome == Outcome.PASSED

    @property
    def tone(self) -> str:
        if self.passed:
            return "good"
        return "warn" if self.verdict.outcome == Outcome.SUSPICIOUS else "bad"

    @property
    def fewest_pairs(self) -> int:
        return min((len(row.measurement.pairs) for row in self.timed), default=0)

    @property
    def busy_cores(self) -> float:
        """How many cores other programs kept busy at worst, if that made pairs be timed anew; else 0.

        A pair is timed anew for stolen time as well: then the others here may have been idle.
        """
        told = self.verdict.environment
        others = told.get("others_cores")
        busy = float(others) if told.get("repeated_pairs") and is_number(others) else 0.0
        return busy if busy >= LEAST_BUSY_CORES else 0.0

    @property
    def right(self) -> int:
        return sum(row.ok for row in self.checked)

    @property
    def log(self) -> str:
        return plain_text(self.verdict.log)

    @property
    def environment(self) -> list[tuple[object, str]]:
        return facts_of(self.verdict.environment)

    @property
    def seconds(self) -> list[tuple[object, float]]:
        known = self.verdict.seconds.items()
        return [
            (STEPS.get(name, plain_line(name)), float(value)) for name, value in known if is_number(value)
        ]


def reports(patch_set: PatchSet, merge: bool = False) -> list[Report]:
    """One report per hardware class that has judged the patch set; `merge`: of its merge commits instead."""
    rows = Verdict.objects.filter(job__patch_set=patch_set, job__merge_attempt__isnull=not merge)
    verdicts = list(
        rows.select_related("job__revision__task").prefetch_related("measurements").order_by("at")
    )
    classes = sorted({verdict.job.hardware_class for verdict in verdicts})
    return [_report(name, [v for v in verdicts if v.job.hardware_class == name]) for name in classes]


def telling(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that decides: the last failure, else the slower of the timings, else the check.

    The board shows the slower run too: a second throw of the dice must not help.
    """
    every = list(verdicts)
    failed = [v for v in every if v.outcome != Outcome.PASSED]
    timed = [v for v in every if v.job.kind in TIMED and v.ratio is not None]
    if failed:
        return failed[-1]
    return min(timed, key=lambda v: v.ratio or 0) if timed else every[-1] if every else None


def words_of(verdict: Verdict) -> Words:
    """What, why and what next, in the reader's language; arguments of strangers made plain."""
    reason = REASONS.get(verdict.reason)
    if reason is None:  # a newer worker knows more reasons than this site
        return Words(plain_line(verdict.reason.replace("_", " ")), "", _("See the log and the tables below."))
    args = {name: _plain_value(value) for name, value in verdict.reason_args.items()}
    return reason.words(get_language() or "en", args)


def _report(hardware_class: str, verdicts: list[Verdict]) -> Report:
    shown = telling(verdicts)
    assert shown is not None  # noqa: S101 -- a class is listed because it has a verdict
    spec = spec_of(shown.job.revision)
    check = next((v for v in reversed(verdicts) if v.cases), None)
    kinds = {v.job.kind for v in verdicts if v.outcome == Outcome.PASSED}
    return Report(
        hardware_class,
        shown,
        words_of(shown),
        checked=[_check_row(spec, case) for case in check.cases] if check else [],
        timed=[_timed_row(spec, shown, m) for m in shown.measurements.all()],
        confirmed={JobKind.RANK, JobKind.CONFIRM} <= kinds,
        target=spec.speed.target if spec.cases_for("rank") else None,
    )


def _check_row(spec: Spec, case: dict[str, Any]) -> CheckRow:
    detail = dict(case.get("detail") or {})
    detail.pop(REASON, None)
    was_run = not detail.pop(NOT_RUN, False)
    worst = detail.pop("worst", None)
    name, ok = str(case.get("case", "")), bool(case.get("ok"))
    shown = [(DETAILS.get(key, plain_line(key)), shown_value(value)) for key, value in detail.items()]
    return CheckRow(
        plain_line(name),
        _dims(spec, name),
        ok=ok,
        seconds=float(case.get("seconds") or 0),
        worst=float(worst) if is_number(worst) else None,
        details=[] if ok else shown,
        was_run=was_run,
    )


def _timed_row(spec: Spec, verdict: Verdict, measurement: Measurement) -> TimedRow:
    name = plain_line(measurement.case)
    return TimedRow(name, _dims(spec, measurement.case), measurement, measurement.case == verdict.floor_case)


def _dims(spec: Spec, name: str) -> str:
    case = next((case for case in spec.cases if case.id == name), None)
    return " × ".join(f"{key} {value}" for key, value in case.dims.items()) if case else ""


def _plain_value(value: Any) -> Any:
    """A reason's argument: numbers stay, for the table of words to round them; text loses its tricks."""
    if isinstance(value, list):
        return [_plain_value(item) for item in value]
    return value if isinstance(value, int | float) else plain_line(value)[:LONGEST_VALUE]
