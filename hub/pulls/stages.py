"""Where a pull request stands and whose turn it is: computed from facts, never stored.

Not in charge of the facts themselves. Runs (jobs and their verdicts) are read through the reverse relation of
PatchSet, because the app that owns them, bench, lies above this one.

Theory of operation. Only the current patch set counts: a new push leaves reviews, verdicts and merge attempts
behind. The stage of an open pull request is the first line that fits:

    stage              when                                                                whose turn
    merging            a merge attempt is being judged or landing                          judge
    checking           the check has not ended (or could not be queued yet)                judge
    platform_trouble   the last check was abandoned: our machines failed three times       judge
    failing            the last check, a last timing or the last merge attempt went wrong  contributor
    held               one of these looks suspicious and nobody has decided about it       mentor
    changes_requested  somebody's last word is "changes"                                   contributor
    approved           somebody's last word is "approve"                                   mentor (merge)
    draft              the head commit says that it is unfinished ("WIP: …")               contributor
    passed             it is an exercise, which is neither reviewed nor merged             nobody
    needs_review       none of these                                                       mentor

Timing does not hold up the review: it may wait long for rare hardware. But one that went wrong does. Which
run counts, and as what, is not decided here: `standing.py`.
"""

from __future__ import annotations

import enum
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from bench_runner.contract import JobKind, Outcome
from hub.catalog.models import Task
from hub.core.prepared import prepared
from hub.pulls.models import MergeAttempt, PatchSet, PullRequest, Review
from hub.pulls.standing import UPHOLD, counts, stands_as

UNFINISHED = re.compile(r"\s*[\[(]?(wip|draft)\b", re.IGNORECASE)
ABANDONED = "abandoned"  # state of a job; the model is bench's
CANCELLED = "cancelled"


class Stage(enum.StrEnum):
    DRAFT = "draft"
    CHECKING = "checking"
    FAILING = "failing"
    HELD = "held"
    PASSED = "passed"
    NEEDS_REVIEW = "needs_review"
    CHANGES_REQUESTED = "changes_requested"
    APPROVED = "approved"
    MERGING = "merging"
    MERGED = "merged"
    CLOSED = "closed"
    PLATFORM_TROUBLE = "platform_trouble"


class Who(enum.StrEnum):
    CONTRIBUTOR = "contributor"
    MENTOR = "mentor"
    JUDGE = "judge"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Turn:
    who: Who
    since: datetime
    sentence: str | Promise


class Run(NamedTuple):
    """A job as far as the stage depends on it. A desk makes hundreds of them."""

    kind: str
    hardware_class: str
    queued_at: datetime
    ended_at: datetime | None
    abandoned: bool
    outcome: str | None  # what its verdict stands as
    upheld: bool = False  # a maintainer decided that it is suspicious

    @property
    def went_wrong(self) -> bool:
        return self.outcome is not None and self.outcome != Outcome.PASSED

    @property
    def failed(self) -> bool:
        """A mentor may have it run again. About what is suspicious a maintainer decides."""
        return self.went_wrong and self.outcome != Outcome.SUSPICIOUS

    @property
    def is_held(self) -> bool:
        """Nobody has decided about it yet."""
        return self.outcome == Outcome.SUSPICIOUS and not self.upheld


@dataclass(frozen=True)
class Facts:
    """All that stage and turn are computed from."""

    pull: PullRequest
    patch_set: PatchSet | None
    runs: tuple[Run, ...] = ()  # the last of each kind and hardware class, cancelled ones left out
    reviews: tuple[Review, ...] = ()  # the last word of each reviewer that approves or asks for changes
    merge: MergeAttempt | None = None  # the last one

    @cached_property
    def check(self) -> Run | None:
        checks = [run for run in self.runs if run.kind == JobKind.CHECK]
        return max(checks, key=lambda run: run.queued_at, default=None)

    @cached_property
    def wrong(self) -> Run | None:
        """A run that did not pass, of those that say something about the contribution as it was pushed.

        One that failed for good comes before one that is only held back.
        """
        runs = [run for run in self.runs if run.kind in (JobKind.RANK, JobKind.CONFIRM)]
        wrong = [run for run in (self.check, *runs) if run and run.went_wrong]
        return next((run for run in wrong if not run.is_held), wrong[0] if wrong else None)

    @property
    def held(self) -> Run | None:
        """The run that is held back, if nothing failed for good."""
        return self.wrong if self.wrong and self.wrong.is_held else None

    @property
    def changes(self) -> Review | None:
        return next((said for said in self.reviews if said.kind == Review.Kind.CHANGES), None)

    @property
    def approval(self) -> Review | None:
        """The newest approval, unless somebody asks for changes."""
        given = [said for said in self.reviews if said.kind == Review.Kind.APPROVE]
        return given[-1] if given and self.changes is None else None


def current_patch_sets() -> QuerySet[PatchSet]:
    """The newest patch set of each pull request."""
    later = PatchSet.objects.filter(pull=OuterRef("pull"), number__gt=OuterRef("number"))
    return PatchSet.objects.filter(~Exists(later))


def stage(pull: PullRequest) -> Stage:
    return stage_of(facts(pull))


def whose_turn(pull: PullRequest) -> Turn:
    return turn_of(facts(pull))


def facts(pull: PullRequest) -> Facts:
    return facts_of([pull])[pull.pk]


def stage_of(facts: Facts) -> Stage:
    """The table above, line by line."""
    check, merge = facts.check, facts.merge
    if facts.pull.state != PullRequest.State.OPEN:
        return Stage(facts.pull.state)
    if merge and merge.state in MergeAttempt.moves.live:
        return Stage.MERGING
    if check is None or check.ended_at is None:
        return Stage.CHECKING
    if check.abandoned:
        return Stage.PLATFORM_TROUBLE
    unmerged = merge and merge.state in (MergeAttempt.State.REFUSED, MergeAttempt.State.CONFLICT)
    if facts.wrong or unmerged:
        return Stage.HELD if facts.held and not unmerged else Stage.FAILING
    if facts.pull.task.kind == Task.Kind.EXERCISE:
        return Stage.PASSED
    if facts.changes:
        return Stage.CHANGES_REQUESTED
    if facts.approval:
        return Stage.APPROVED
    if facts.patch_set and UNFINISHED.match(facts.patch_set.subject):
        return Stage.DRAFT
    return Stage.NEEDS_REVIEW


TURNS: dict[Stage, tuple[Who, Promise]] = {
    Stage.MERGING: (Who.JUDGE, _("The merge commit is being judged; main moves when it passes.")),
    Stage.CHECKING: (Who.JUDGE, _("The judge has this patch set.")),
    Stage.PLATFORM_TROUBLE: (
        Who.JUDGE,
        _("Our machines failed, not your work. It can be run again at no cost to you."),
    ),
    Stage.FAILING: (Who.CONTRIBUTOR, _("Something did not pass: read the verdict, then push again.")),
    Stage.HELD: (Who.MENTOR, _("A result is held for review: a maintainer looks at it and decides.")),
    Stage.CHANGES_REQUESTED: (Who.CONTRIBUTOR, _("A mentor asks for changes: answer with a push.")),
    Stage.APPROVED: (Who.MENTOR, _("Approved: a mentor of the task or a maintainer merges it.")),
    Stage.DRAFT: (
        Who.CONTRIBUTOR,
        _("Marked as unfinished; push a commit without “WIP” when it may be reviewed."),
    ),
    Stage.PASSED: (
        Who.NOBODY,
        _("It passed. An exercise is neither reviewed nor merged: go on with the lesson."),
    ),
    Stage.NEEDS_REVIEW: (Who.MENTOR, _("It passed its check and waits for a mentor's review.")),
    Stage.MERGED: (Who.NOBODY, _("Merged.")),
    Stage.CLOSED: (Who.NOBODY, _("Closed; it can be reopened.")),
}
AFTER_MERGE: dict[tuple[Stage, str], Promise] = {
    (Stage.FAILING, MergeAttempt.State.CONFLICT): _(
        "It conflicts with main: rebase your branch on main and push again."
    ),
    (Stage.FAILING, MergeAttempt.State.REFUSED): _(
        "Merged with main it does not pass: read the verdict on the merge commit, then push again."
    ),
    (Stage.APPROVED, MergeAttempt.State.OUTDATED): _(
        "Approved. Main moved while the merge was judged: merge again."
    ),
    (Stage.APPROVED, MergeAttempt.State.ABANDONED): _(
        "Approved. Our machines failed while the merge was judged: merge again."
    ),
}


def turn_of(facts: Facts, now: Stage | None = None) -> Turn:
    """Who is to move, since when, and what they are to do; `now` is the stage, where it is known."""
    now = now or stage_of(facts)
    who, sentence = TURNS[now]
    if facts.merge and facts.wrong is None:
        sentence = AFTER_MERGE.get((now, facts.merge.state), sentence)
    if facts.pull.author.is_house and who is not Who.JUDGE:
        who, sentence = Who.NOBODY, _("An example of the house: it is judged and shown, never merged.")
    return Turn(who, _since(now, facts), sentence)


def _since(now: Stage, facts: Facts) -> datetime:
    """When the stage began."""
    check, merge = facts.check, facts.merge
    pushed = facts.patch_set.pushed_at if facts.patch_set else facts.pull.opened_at
    begins: list[datetime | None] = [pushed]
    if now in (Stage.MERGED, Stage.CLOSED):
        begins.append(facts.pull.ended_at)
    if now is Stage.CHECKING:
        begins.append(check.queued_at if check else None)
    else:
        begins.append(check.ended_at if check else None)
    if now is Stage.MERGING and merge:
        begins.append(merge.at)
    if now in (Stage.FAILING, Stage.APPROVED) and merge:
        begins.append(merge.ended_at)
    if now in (Stage.FAILING, Stage.HELD) and facts.wrong:
        begins.append(facts.wrong.ended_at)
    if now is Stage.CHANGES_REQUESTED and facts.changes:
        begins.append(facts.changes.at)
    if now is Stage.APPROVED and facts.approval:
        begins.append(facts.approval.at)
    return max(begin for begin in begins if begin is not None)


def facts_of(pulls: Iterable[PullRequest]) -> dict[int, Facts]:
    """The facts about many pull requests, in four queries however many they are."""
    pulls = list(pulls)
    current = {row.pull_id: row for row in _heads([pull.pk for pull in pulls])}
    rows = list(current.values())
    keys = [row.pk for row in rows]
    runs, reviews = last_runs(judged(rows, RUN)), _last_words(keys)
    merges = {row.patch_set_id: row for row in _merges(keys)}
    found = {}
    for pull in pulls:
        patch_set = current.get(pull.pk)
        key = patch_set.pk if patch_set else 0
        found[pull.pk] = Facts(pull, patch_set, runs[key], reviews[key], merges.get(key))
    return found


@prepared
def _heads(pulls: list[int]) -> QuerySet[PatchSet]:
    return current_patch_sets().filter(pull__pk__in=pulls)


@prepared
def _merges(patch_sets: list[int]) -> QuerySet[MergeAttempt]:
    return MergeAttempt.objects.filter(patch_set__pk__in=patch_sets).order_by("id")


class Judged(NamedTuple):
    """A job that counts, with its verdict if it has one and what that stands as."""

    patch_set: int
    number: int  # of the patch set
    columns: dict[str, Any]  # of COLUMNS
    stands: str | None

    @property
    def run(self) -> Run:
        named = {name: self.columns[name] for name in ("kind", "hardware_class", "queued_at", "ended_at")}
        abandoned, upheld = self.columns["state"] == ABANDONED, self.columns["ruling"] == UPHOLD
        return Run(**named, abandoned=abandoned, outcome=self.stands, upheld=upheld)


COLUMNS = {
    "job": "jobs__pk",
    "kind": "jobs__kind",
    "hardware_class": "jobs__hardware_class",
    "queued_at": "jobs__queued_at",
    "ended_at": "jobs__ended_at",
    "state": "jobs__state",
    "verdict": "jobs__verdict__pk",
    "outcome": "jobs__verdict__outcome",
    "reason": "jobs__verdict__reason",
    "reason_args": "jobs__verdict__reason_args",
    "ratio": "jobs__verdict__ratio",
    "low": "jobs__verdict__low",
    "high": "jobs__verdict__high",
    "speed": "jobs__verdict__speed",
    "at": "jobs__verdict__at",
    "ruling": "jobs__verdict__rulings__kind",
}


RUN = ("job", "kind", "hardware_class", "queued_at", "ended_at", "state", "outcome", "ruling")  # of COLUMNS


def judged(patch_sets: Iterable[PatchSet], told: Iterable[str] = tuple(COLUMNS)) -> list[Judged]:
    """The jobs of these patch sets that count, cancelled ones left out, in the order they were queued.

    Each with these columns: all, or RUN where the stage alone is asked for.
    """
    found: dict[Any, Judged] = {}
    # A row for each ruling: the last one tells.
    for patch_set, number, *row in _judged(tuple(told))([row.pk for row in patch_sets]):
        columns = dict(zip(told, row, strict=True))
        stands = stands_as(columns["outcome"], columns["ruling"])
        if columns["state"] != CANCELLED:
            found[columns["job"]] = Judged(patch_set, number, columns, stands)
    return list(found.values())


@cache
def _judged(told: tuple[str, ...]) -> Callable[[list[int]], list[tuple[Any, ...]]]:
    @prepared
    def rows(patch_sets: list[int]) -> QuerySet[PatchSet, tuple[Any, ...]]:
        return (
            PatchSet.objects.filter(counts("jobs__"), pk__in=patch_sets, jobs__isnull=False)
            .order_by("jobs__queued_at", "jobs__pk", "jobs__verdict__rulings__pk")
            .values_list("pk", "number", *(COLUMNS[name] for name in told))
        )

    return rows


def last_runs(jobs: Iterable[Judged]) -> dict[int, tuple[Run, ...]]:
    """The last of each kind and hardware class, by patch set."""
    last: dict[int, dict[tuple[str, str], Run]] = defaultdict(dict)
    for job in jobs:
        last[job.patch_set][job.columns["kind"], job.columns["hardware_class"]] = job.run
    return defaultdict(tuple, {key: tuple(runs.values()) for key, runs in last.items()})


def last_words(said: Iterable[Review]) -> tuple[Review, ...]:
    """The last word of each reviewer who approves or asks for changes, in the order of these words."""
    last: dict[int, Review] = {}
    for review in said:
        if review.kind != Review.Kind.COMMENT:
            last.pop(review.reviewer_id, None)
            last[review.reviewer_id] = review
    return tuple(last.values())


def _last_words(patch_sets: list[int]) -> dict[int, tuple[Review, ...]]:
    said: dict[int, list[Review]] = defaultdict(list)
    for review in _said_of(patch_sets):
        said[review.patch_set_id].append(review)
    return defaultdict(tuple, {key: last_words(reviews) for key, reviews in said.items()})


@prepared
def _said_of(patch_sets: list[int]) -> QuerySet[Review]:
    rows = Review.objects.filter(patch_set__pk__in=patch_sets).order_by("id")
    return rows.only("patch_set", "kind", "at", "reviewer")
