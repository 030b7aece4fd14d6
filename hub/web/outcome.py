"""What came out of a patch set's jobs, ready to be shown: one report per hardware class.

Not in charge of the words themselves (`bench_runner/messages.py`) nor of the live run (`run.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import (
    Case,
    Exists,
    F,
    JSONField,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
    prefetch_related_objects,
)
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from bench_runner.contract import Outcome
from bench_runner.messages import REASONS, Words
from hub.bench.models import Measurement, Verdict
from hub.boards.runs import TIMED, Candidate
from hub.catalog.queries import spec_of
from hub.core.prepared import prepared
from hub.pulls.models import PatchSet
from hub.pulls.standing import stands_as
from hub.rulings.models import Rejudge, RejudgeItem, Ruling
from hub.rulings.queries import rejudges_about, rulings_about, standing_verdicts
from hub.web.labels import DETAILS, LONGEST_VALUE, STEPS, facts_of, is_number, shown_value
from hub.web.plain import plain_line, plain_text
from hub.web.stone import Stone, draw
from tasks.spec import Task as Spec

LEAST_BUSY_CORES = 0.1  # less is not worth a word
LONG: tuple[tuple[str, object, Any], ...] = (
    ("log", "", TextField()),
    ("cases", [], JSONField()),
    ("environment", {}, JSONField()),
    ("assembly", None, JSONField()),
)
SECONDS = ("seconds", "floor")  # arguments of reasons that may be millionths
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
    outcome: str  # what the verdict stands as
    rulings: list[Ruling]  # of people, oldest first
    rejudges: list[Rejudge]  # appeals and the like about this verdict, oldest first
    assembly: dict[str, Any] | None  # contract.Assembly of the last check, where the task offers it

    @property
    def stone(self) -> Stone:
        return draw(self.timed)

    @property
    def passed(self) -> bool:
        return self.outcome == Outcome.PASSED

    @property
    def tone(self) -> str:
        if self.passed:
            return "good"
        return "warn" if self.outcome == Outcome.SUSPICIOUS else "bad"

    @property
    def is_upheld(self) -> bool:
        return bool(self.rulings) and self.rulings[-1].kind == Ruling.Kind.UPHOLD

    @property
    def may_appeal(self) -> bool:
        """Whether the author still can."""
        return all(one.scope != Rejudge.Scope.APPEAL for one in self.rejudges)

    @property
    def was_looked_at(self) -> bool:
        return bool(self.rulings or self.rejudges)

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
    def assembly_text(self) -> str:
        return plain_text((self.assembly or {}).get("text", ""))

    @property
    def environment(self) -> list[tuple[object, str]]:
        return facts_of(self.verdict.environment)

    @property
    def seconds(self) -> list[tuple[object, float]]:
        known = self.verdict.seconds.items()
        return [
            (STEPS.get(name, plain_line(name)), float(value)) for name, value in known if is_number(value)
        ]


def told(patch_sets: Iterable[PatchSet], chosen: PatchSet) -> list[Any]:
    """The verdicts on these patch sets that stand, oldest first; what is long of the chosen one alone.

    One query for what came out now and for the history: pages have few to spare.
    """
    verdicts: list[Any] = _told([row.pk for row in patch_sets], chosen.pk)
    for verdict in verdicts:
        for name, *_empty in LONG:
            setattr(verdict, name, getattr(verdict, f"own_{name}"))
    return verdicts


@prepared
def _told(patch_sets: list[int], chosen: int) -> QuerySet[Verdict]:
    own = Q(job__patch_set=chosen)
    long = {
        f"own_{name}": Case(When(own, then=F(name)), default=Value(empty, field), output_field=field)
        for name, empty, field in LONG
    }
    items = RejudgeItem.objects.filter(Q(old=OuterRef("pk")) | Q(job=OuterRef("job")))
    rows = standing_verdicts().filter(job__patch_set__pk__in=patch_sets).annotate(was_rejudged=Exists(items))
    return rows.defer(*(name for name, *_ in LONG)).annotate(**long).order_by("at")


def reports(told: Iterable[Any], patch_set: PatchSet) -> tuple[list[Report], list[Report]]:
    """One report per hardware class that has judged the patch set; then the same of its merge commits."""
    verdicts = [verdict for verdict in told if verdict.job.patch_set_id == patch_set.pk]
    prefetch_related_objects([v for v in verdicts if v.ratio is not None], "measurements")
    looks = Looks(
        rulings_about(v for v in verdicts if v.ruling is not None),
        rejudges_about(v for v in verdicts if v.was_rejudged),
    )
    of_merges = [v for v in verdicts if v.job.merge_attempt_id is not None]
    own = [v for v in verdicts if v.job.merge_attempt_id is None]
    return _reports(own, looks), _reports(of_merges, looks)


@dataclass(frozen=True)
class Looks:
    """What people decided and asked for since, by the verdict's key, oldest first."""

    rulings: dict[int, list[Ruling]]
    rejudges: dict[int, list[Rejudge]]


def _reports(verdicts: list[Verdict], looks: Looks) -> list[Report]:
    classes = sorted({verdict.job.hardware_class for verdict in verdicts})
    return [_report(name, [v for v in verdicts if v.job.hardware_class == name], looks) for name in classes]


def telling(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that decides: what did not pass and was not passed since, else the timing that the board
    shows (`hub/boards/runs.py`), else the check. Each has its `ruling`, as `standing_verdicts` gives them.
    """
    every = list(verdicts)
    last = {v.job.kind: v for v in every}
    failed = sorted((v for v in last.values() if not _stands(v)), key=lambda v: v.at)
    timed = _timed(every)
    if failed:
        return failed[-1]
    return Candidate(timed, None).shown if timed else every[-1] if every else None


def _timed(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    return tuple(v for v in verdicts if v.job.kind in TIMED and v.ratio is not None and _stands(v))


def _stands(verdict: Verdict) -> bool:
    return outcome_of(verdict) == Outcome.PASSED


def outcome_of(verdict: Verdict) -> str:
    """What a verdict with its `ruling` stands as."""
    return str(stands_as(verdict.outcome, verdict.ruling))  # type: ignore[attr-defined]  # annotated


def words_of(verdict: Verdict) -> Words:
    """What, why and what next, in the reader's language; arguments of strangers made plain.

    Of what is held back it says no more than that: the evidence is for those who decide.
    """
    ruling = verdict.ruling  # type: ignore[attr-defined]  # annotated
    if ruling == Ruling.Kind.HOLD:
        return Words(
            _("This result is held for review."),
            _("A maintainer looks at it before it counts. That says nothing about you or your work yet."),
            _("Nothing has to be done. It helps to write in the pull request how the work came about."),
        )
    if ruling == Ruling.Kind.UPHOLD:
        return Words(
            _("A maintainer looked at this result: it does not count."),
            _("The reason stands below."),
            _("Push another version, or answer in the pull request."),
        )
    if ruling == Ruling.Kind.CLEAR and verdict.outcome == Outcome.SUSPICIOUS:
        return Words(_("A maintainer looked at this result: it counts."), _("The reason stands below."), "")
    return judges_words(verdict)


def judges_words(verdict: Verdict) -> Words:
    """What the judge itself said, whatever was decided later."""
    reason = REASONS.get(verdict.reason)
    if reason is None:  # a newer worker knows more reasons than this site
        return Words(plain_line(verdict.reason.replace("_", " ")), "", _("See the log and the tables below."))
    args = {name: _plain_value(value) for name, value in verdict.reason_args.items()}
    args |= {name: _decimal(args[name]) for name in SECONDS if is_number(args.get(name))}
    return reason.words(get_language() or "en", args)


def _report(hardware_class: str, verdicts: list[Verdict], looks: Looks) -> Report:
    shown = telling(verdicts)
    assert shown is not None  # noqa: S101 -- a class is listed because it has a verdict
    spec = spec_of(shown.job.revision).on(hardware_class)
    check = next((v for v in reversed(verdicts) if v.cases), None)
    timed = _timed(verdicts)
    return Report(
        hardware_class,
        shown,
        words_of(shown),
        checked=[_check_row(spec, case) for case in check.cases] if check else [],
        timed=[_timed_row(spec, shown, m) for m in _measurements(shown)],
        confirmed=bool(timed) and Candidate(timed, None).confirmed and _stands(shown),
        target=spec.speed.target if spec.cases_for("rank") else None,
        outcome=outcome_of(shown),
        rulings=[ruling for ruling in looks.rulings.get(shown.pk, []) if ruling.by_id],
        rejudges=looks.rejudges.get(shown.pk, []),
        assembly=next((v.assembly for v in reversed(verdicts) if v.assembly), None),
    )


def _measurements(verdict: Verdict) -> Iterable[Measurement]:
    return () if verdict.ratio is None else verdict.measurements.all()


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


def _decimal(value: float) -> str:
    """Three digits that count, without an exponent: 0.0000012."""
    return f"{Decimal(f'{value:.3g}'):f}"


def _plain_value(value: Any) -> Any:
    """A reason's argument: numbers stay, for the table of words to round them; text loses its tricks."""
    if isinstance(value, list):
        return [_plain_value(item) for item in value]
    return value if isinstance(value, int | float) else plain_line(value)[:LONGEST_VALUE]
