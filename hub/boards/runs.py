"""What stands behind a board's entries: every timed run of each artefact, and whether the runs agree.

Not in charge of ranks (`queries.py`), of which verdicts count (`hub/pulls/standing.py`) nor of asking for
another run (`hub/rejudging.py`).

Theory of operation
- Candidates are artefacts, not patch sets. What a contributor pushes again as the same bytes adds its runs to
  those that are there: another push is no other ticket in a lottery.
- A candidate shows its lower median run: the only one, the lower of two, the middle one of three. That run
  was really made and has its own interval; neither a lucky nor an unlucky one stays once there are more.
- It is confirmed when a run with fresh seeds (`confirm`) stands behind the one shown: the two intervals
  overlap, or the one shown is the first timing and the confirmation is faster still.
- It has fallen when the last check, timing or confirmation of these bytes did not pass, or any run of them
  stands as suspicious, which another run does not wipe away. It is on no board then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from django.db.models import Prefetch, Q

from bench_runner.contract import JobKind, Outcome
from hub.bench.models import Verdict
from hub.catalog.models import TaskRevision
from hub.pulls.models import PatchSet
from hub.pulls.standing import counts, last_rulings, stands_as
from hub.rulings.models import RejudgeItem
from hub.rulings.queries import replaced

TIMED = (JobKind.RANK, JobKind.CONFIRM)


@dataclass(frozen=True)
class Candidate:
    """One artefact of one contributor on one board."""

    runs: tuple[Verdict, ...]  # timed and passed, oldest first
    fallen: Verdict | None  # the run that takes it off the board
    check: Verdict | None = None  # the last one that passed

    @cached_property
    def shown(self) -> Verdict:
        """The lower median."""
        return sorted(self.runs, key=ratio_of)[(len(self.runs) - 1) // 2]

    @property
    def figures(self) -> dict[str, float]:
        """What was measured of it beside its times (`contract.FIGURES`)."""
        return {**(self.check.figures if self.check else {}), **self.shown.figures}

    @property
    def author_id(self) -> int:
        return self.shown.job.patch_set.pull.author_id

    @property
    def patch_set(self) -> PatchSet:
        """The newest one with this artefact."""
        return max((run.job.patch_set for run in self.runs), key=lambda row: row.pk)

    @property
    def patch_sets(self) -> set[int]:
        return {run.job.patch_set_id for run in self.runs}

    @cached_property
    def confirmed(self) -> bool:
        shown = self.shown
        return any(
            _stands_behind(other, shown)
            for other in self.runs
            if other is not shown and JobKind.CONFIRM in (other.job.kind, shown.job.kind)
        )

    @property
    def disputed(self) -> bool:
        """There is a second run and it says something else."""
        return not self.confirmed and any(run.job.kind == JobKind.CONFIRM for run in self.runs)

    @property
    def wants_confirmation(self) -> bool:
        """Not confirmed; if a confirmation failed, something was timed since."""
        if self.fallen is None:
            return not self.confirmed
        retried = self.fallen.job.kind == JobKind.CONFIRM and self.fallen.outcome != Outcome.SUSPICIOUS
        return retried and self.runs[-1].at > self.fallen.at


def candidates(revision: TaskRevision, hardware_class: str, as_if: int | None = None) -> list[Candidate]:
    """Every artefact that was timed by these rules; `as_if` supposes that this re-judge set were applied."""
    found = candidates_on([revision.pk], hardware_class, as_if)
    return found.get((revision.pk, hardware_class), [])


def candidates_on(
    revisions: Collection[int], hardware_class: str = "", as_if: int | None = None
) -> dict[tuple[int, str], list[Candidate]]:
    """The same for several revisions, by revision and hardware class, in three queries however many."""
    timed: dict[tuple[int, str], list[Verdict]] = defaultdict(list)
    checks: dict[int, list[Verdict]] = defaultdict(list)
    for verdict in _verdicts(revisions, hardware_class, as_if):
        job = verdict.job
        if job.kind == JobKind.CHECK:
            checks[job.revision_id].append(verdict)
        else:
            timed[job.revision_id, job.hardware_class].append(verdict)
    groups = {key: _by_artefact(rows, checks[key[0]]) for key, rows in timed.items()}
    rulings = last_rulings({run.job.patch_set for found in groups.values() for runs in found for run in runs})
    return {
        key: [made for runs in found if (made := _candidate(runs, rulings)) is not None]
        for key, found in groups.items()
    }


def as_of(found: Iterable[Candidate], until: datetime | None) -> list[Candidate]:
    """Those that were timed by then, with the runs of that time; all if `until` is None.

    What was found wrong since has fallen all the same.
    """
    if until is None:
        return list(found)
    then = (replace(one, runs=tuple(run for run in one.runs if run.at <= until)) for one in found)
    return [one for one in then if one.runs]


def ratio_of(verdict: Verdict) -> float:
    return verdict.ratio if verdict.ratio is not None else 0.0


def _verdicts(revisions: Collection[int], hardware_class: str, as_if: int | None) -> list[Verdict]:
    timed = Q(job__kind__in=TIMED, **({"job__hardware_class": hardware_class} if hardware_class else {}))
    rows = Verdict.objects.filter(
        timed | Q(job__kind=JobKind.CHECK), counts("job__", as_if=as_if), job__revision__in=revisions
    )
    rows = rows.filter(~replaced())
    if as_if:
        judged = RejudgeItem.objects.filter(rejudge=as_if, job__verdict__isnull=False)
        rows = rows.exclude(pk__in=judged.values("old"))
    # A patch set has several verdicts: reading it once for all of them halves the time of a large board.
    patch_sets = PatchSet.objects.select_related("pull__author", "pull__task")
    return list(
        rows.select_related("job")
        .prefetch_related(Prefetch("job__patch_set", patch_sets))
        .defer("log", "cases", "environment", "assembly")
        .order_by("at")
    )


def _by_artefact(timed: list[Verdict], checks: list[Verdict]) -> list[list[Verdict]]:
    """The runs of each artefact of each contributor, oldest first."""
    groups: dict[int, list[list[Verdict]]] = defaultdict(list)  # by author
    for runs in _by_patch_set(sorted([*timed, *checks], key=lambda run: run.at)):
        own, artefacts = groups[runs[0].job.patch_set.pull.author_id], _artefacts(runs)
        for group in own:
            if _artefacts(group) & artefacts:
                group.extend(runs)
                break
        else:
            own.append(runs)
    return [sorted(group, key=lambda run: run.at) for own in groups.values() for group in own]


def _by_patch_set(verdicts: list[Verdict]) -> list[list[Verdict]]:
    by_patch_set: dict[int, list[Verdict]] = {}
    for verdict in verdicts:
        by_patch_set.setdefault(verdict.job.patch_set_id, []).append(verdict)
    return list(by_patch_set.values())


def _artefacts(runs: list[Verdict]) -> set[str]:
    return {run.artefact_sha256 for run in runs if run.artefact_sha256}


def _candidate(runs: list[Verdict], rulings: dict[int, str]) -> Candidate | None:
    stands = {run.pk: stands_as(run.outcome, rulings.get(run.pk)) for run in runs}
    passed = {key for key, outcome in stands.items() if outcome == Outcome.PASSED}
    suspicious = {key for key, outcome in stands.items() if outcome == Outcome.SUSPICIOUS}
    timed = tuple(
        run
        for run in runs
        if run.pk in passed and run.job.kind in TIMED and run.ranked and run.ratio is not None
    )
    last = {run.job.kind: run for run in runs}
    wrong = [run for run in last.values() if run.pk not in passed]
    fallen = next(iter([*(run for run in runs if run.pk in suspicious), *wrong]), None)
    checks = [run for run in runs if run.pk in passed and run.job.kind == JobKind.CHECK]
    return Candidate(timed, fallen, checks[-1] if checks else None) if timed else None


def _stands_behind(other: Verdict, shown: Verdict) -> bool:
    overlap = (other.low or 0) <= (shown.high or 0) and (shown.low or 0) <= (other.high or 0)
    faster = other.job.kind == JobKind.CONFIRM and shown.job.kind == JobKind.RANK
    return overlap or (faster and ratio_of(other) >= ratio_of(shown))
