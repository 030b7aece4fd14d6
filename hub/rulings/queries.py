"""Reads about rulings: what is held back, what was decided, what a re-judge set would change.

Not in charge of what counts (`hub/pulls/standing.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from bench_runner.contract import JobKind, Outcome
from hub.accounts.models import User
from hub.bench.models import Job, Verdict
from hub.catalog import roles
from hub.catalog.models import Task
from hub.core import clock
from hub.core.prepared import prepared
from hub.pulls import queries as pull_facts
from hub.pulls.models import PullRequest
from hub.pulls.standing import APPLIED, CLEAR, HOLD, UPHOLD, counts, stands_as
from hub.rulings.models import Rejudge, RejudgeItem, Ruling

FALLEN_SHOWN = timedelta(days=30)
DECIDED_SHOWN = 30
OVERTURNABLE = (Outcome.PASSED, Outcome.SUSPICIOUS)
UNLISTED = ("cases", "environment", "log", "seconds", "assembly", "figures")  # of a verdict, in no list
LISTED = (
    "outcome", "reason", "reason_args", "at", "job__kind", "job__hardware_class",
    "job__patch_set__pull__task__title_en", "job__patch_set__pull__task__title_zh",
    "job__patch_set__pull__author__username", "job__patch_set__pull__author__display_name",
)  # fmt: skip


# Verdicts


def replaced() -> Exists:
    """Of verdicts: in whose place another one counts."""
    return Exists(
        RejudgeItem.objects.filter(old=OuterRef("pk"), rejudge__state=APPLIED, job__verdict__isnull=False)
    )


def standing_verdicts() -> QuerySet[Verdict]:
    """Verdicts that count, each with `ruling`: the last word about it, or None; without the task's files."""
    last = Ruling.objects.filter(verdict=OuterRef("pk")).order_by("-pk").values("kind")[:1]
    rows = Verdict.objects.filter(counts("job__")).filter(~replaced()).annotate(ruling=Subquery(last))
    rows = rows.select_related("job__patch_set__pull__task", "job__patch_set__pull__author", "job__revision")
    return rows.defer("job__revision__files")


def held() -> QuerySet[Verdict]:
    """What waits for a decision, longest waiting first."""
    rows = standing_verdicts().filter(_undecided() | Q(ruling=HOLD))
    # The few that may be it are looked up first: asked of every verdict it takes many seconds.
    suspicious = Verdict.objects.filter(outcome=Outcome.SUSPICIOUS).order_by().values_list("pk", flat=True)
    return rows.filter(pk__in=list(suspicious.union(_ruled(HOLD)))).order_by("at", "pk")


def held_keys(user: User, most: int) -> list[int]:
    """The keys of the `most` that wait longest, of what `why_not_see` lets this person see of `held`."""
    return _held_keys(user, most, _on_hold())


def numbers(user: User, most: int) -> tuple[int, int]:
    """How many `held_keys` there are, and how many sets wait for a maintainer."""
    rows = _on_hold_and_ready()
    on_hold = [key for what, key in rows if what == HOLD]
    return len(_held_keys(user, most, on_hold)), len(rows) - len(on_hold)


def _held_keys(user: User, most: int, on_hold: list[int]) -> list[int]:
    """Each of the two ways has an index to go by; asked for either way at once every verdict is read."""
    if user.is_mentor or user.is_maintainer:
        undecided, among = _first_held(user.is_maintainer, most)
        found = [*undecided(user.pk, clock.now()), *among(user.pk, clock.now(), on_hold)]
    else:
        rows = _others(user.pk).filter(job__patch_set__pull__in=_mentored_by(user))
        ways = (rows.filter(_undecided()), rows.filter(Q(ruling=HOLD), pk__in=on_hold))
        found = [pair for way in ways for pair in _longest(way, most)]
    return [key for _at, key in sorted(found)][:most]


@cache
def _first_held(sees_hidden: bool, most: int) -> tuple[Callable[..., list[Any]], Callable[..., list[Any]]]:
    def seen(user: int, now: datetime) -> QuerySet[Verdict]:
        hidden = {} if sees_hidden else {"job__patch_set__pull__task__in": roles.hidden_from(user, now)}
        return _others(user).exclude(**hidden) if hidden else _others(user)

    @prepared
    def undecided(user: int, now: datetime) -> QuerySet[Verdict, Any]:
        return _longest(seen(user, now).filter(_undecided()), most)

    @prepared
    def among(user: int, now: datetime, on_hold: list[int]) -> QuerySet[Verdict, Any]:
        return _longest(seen(user, now).filter(Q(ruling=HOLD), pk__in=on_hold), most)

    return undecided, among


def _others(user: int) -> QuerySet[Verdict]:
    return standing_verdicts().exclude(job__patch_set__pull__author=user)


def _longest(rows: QuerySet[Verdict], most: int) -> QuerySet[Verdict, Any]:
    return rows.order_by("at", "pk").values_list("at", "pk")[:most]


@prepared
def _on_hold() -> QuerySet[Ruling, int]:
    return _ruled(HOLD)


@prepared
def _on_hold_and_ready() -> QuerySet[Ruling, tuple[str, int]]:
    """Both at once, each with what it is: the desk tells two small numbers in one query."""
    rulings = Ruling.objects.filter(kind=HOLD).order_by().values_list("kind", "verdict")
    sets = Rejudge.objects.filter(state=Rejudge.State.READY).order_by().values_list("state", "pk")
    return rulings.union(sets)


def _undecided() -> Q:
    """Suspicious, and nobody has said anything about it. Asked so that planners guess how many these are."""
    return Q(~Exists(Ruling.objects.filter(verdict=OuterRef("pk"))), outcome=Outcome.SUSPICIOUS)


@prepared
def listed(keys: list[int]) -> QuerySet[Verdict]:
    """These `held_keys` as a list shows them, longest waiting first."""
    rows = Verdict.objects.filter(pk__in=keys).order_by("at", "pk")
    return rows.select_related("job__patch_set__pull__task", "job__patch_set__pull__author").only(*LISTED)


def doubted() -> QuerySet[Verdict]:
    """What people still doubt or decided against, whatever another run says: copies above all."""
    against = Q(ruling__in=(HOLD, UPHOLD))
    return standing_verdicts().filter(against, pk__in=list(_ruled(HOLD, UPHOLD)))


def _seen_by(user: User, rows: QuerySet[Verdict]) -> QuerySet[Verdict]:
    """Of these what `may_see` lets this person see, for a list."""
    if not (user.is_mentor or user.is_maintainer):
        rows = rows.filter(job__patch_set__pull__in=_mentored_by(user))
    elif not user.is_maintainer:
        rows = rows.exclude(job__patch_set__pull__task__in=roles.hidden_from(user.pk, clock.now()))
    return rows.defer(*UNLISTED)


def _mentored_by(user: User) -> QuerySet[PullRequest, Any]:
    return PullRequest.objects.filter(roles.mentored_by(user)).order_by().values("pk")


def _ruled(*kinds: str) -> QuerySet[Any, Any]:
    return Ruling.objects.filter(kind__in=kinds).order_by().values_list("verdict", flat=True)


def was_cleared(author: User, pull: PullRequest) -> bool:
    """Whether a maintainer found that this author's likeness to that pull request is none of a copy."""
    cleared = Q(ruling=CLEAR, rulings__like__pull=pull, job__patch_set__pull__author=author)
    return standing_verdicts().filter(cleared).exists()


def decided() -> list[Ruling]:
    """The last decisions of people, newest first."""
    # Which they are is asked first: where there are none, a planner begins at the wrong end of the joins.
    return _decided(_last_decided())


@prepared
def _last_decided() -> QuerySet[Ruling, int]:
    return Ruling.objects.exclude(kind=HOLD).order_by("-pk").values_list("pk", flat=True)[:DECIDED_SHOWN]


@prepared
def _decided(keys: list[int]) -> QuerySet[Ruling]:
    rows = Ruling.objects.filter(pk__in=keys).order_by("-pk")
    rows = rows.select_related("verdict__job__patch_set__pull__task__programme", "by")
    rows = rows.select_related("verdict__job__patch_set__pull__author")
    return rows.defer(*(f"verdict__{name}" for name in UNLISTED))


def fallen_keys() -> list[int]:
    """The keys of what did not pass when confirmed lately. All confirmations of this time are looked at."""
    rows = Verdict.objects.filter(
        job__kind=JobKind.CONFIRM, job__ended_at__gt=clock.now() - FALLEN_SHOWN
    ).exclude(outcome__in=OVERTURNABLE)
    return list(rows.order_by().values_list("pk", flat=True))


def fallen(user: User, keys: list[int]) -> QuerySet[Verdict]:
    """Of these `fallen_keys` what counts and this person sees: each took an entry off a board."""
    rows = standing_verdicts().filter(pk__in=keys) if keys else Verdict.objects.none()
    return _seen_by(user, rows).order_by("-job__ended_at")


def rulings_of(verdict: Verdict) -> QuerySet[Ruling]:
    return Ruling.objects.filter(verdict=verdict).select_related("by", "like__pull__author")


def rulings_about(verdicts: Iterable[Verdict]) -> dict[int, list[Ruling]]:
    """The rulings about each of these verdicts, oldest first, by the verdict's key; no query without any."""
    found: dict[int, list[Ruling]] = defaultdict(list)
    if keys := [verdict.pk for verdict in verdicts]:
        for ruling in Ruling.objects.filter(verdict__in=keys).select_related("by").order_by("pk"):
            found[ruling.verdict_id].append(ruling)
    return found


def last_ruling(verdict: Verdict) -> Ruling | None:
    return rulings_of(verdict).last()


def outcome_of(verdict: Verdict) -> str:
    """What the verdict counts as."""
    last = last_ruling(verdict)
    return str(stands_as(verdict.outcome, last.kind if last else None))


def is_suspicious(verdict: Verdict) -> bool:
    return outcome_of(verdict) == Outcome.SUSPICIOUS


# Who may


def may_see(task: Task, user: User) -> bool:
    """Evidence is for mentors and maintainers."""
    return bool(user.is_authenticated and (user.is_mentor or pull_facts.is_mentor_of(task, user)))


def why_not_see(verdict: Verdict, user: User) -> str | None:
    pull = verdict.job.patch_set.pull
    if not may_see(pull.task, user):
        return _("Only mentors and maintainers read the evidence about a verdict.")
    if pull.author_id == user.pk:
        return _("This is your own work: somebody else looks at it.")
    return pull_facts.why_not_see(pull, user)


def why_not_rule(verdict: Verdict, user: User) -> str | None:
    """Why this person does not decide about the verdict, as a sentence; None if they may."""
    if not roles.maintains(verdict.job.patch_set.pull.task, user):
        return _("Only a maintainer decides that.")
    return why_not_see(verdict, user)


def why_not_appeal(verdict: Verdict, user: User) -> str | None:
    """Why this person cannot appeal now, as a sentence; None if they can."""
    if user.pk != verdict.job.patch_set.pull.author_id:
        return _("Only the author appeals.")
    if not is_suspicious(verdict):
        return _("Only a verdict that is held for review can be appealed.")
    if Rejudge.objects.filter(about=verdict, scope=Rejudge.Scope.APPEAL).exists():
        return _("This verdict was appealed before; a verdict is appealed once.")
    return None


# Re-judge sets


def rejudges() -> QuerySet[Rejudge]:
    return Rejudge.objects.select_related("task__programme", "revision", "by", "decided_by", "about")


@prepared
def appealed(verdicts: list[int]) -> QuerySet[Rejudge, int | None]:
    """The keys of those of these verdicts that were appealed."""
    rows = Rejudge.objects.filter(about__pk__in=verdicts, scope=Rejudge.Scope.APPEAL)
    return rows.values_list("about", flat=True)


def rejudges_about(verdicts: Iterable[Verdict]) -> dict[int, list[Rejudge]]:
    """The sets in which each of these verdicts is old or new, oldest first, by the verdict's key.

    No query without any.
    """
    found: dict[int, list[Rejudge]] = defaultdict(list)
    keys = {verdict.pk for verdict in verdicts}
    if not keys:
        return found
    items = RejudgeItem.objects.filter(Q(old__in=keys) | Q(job__verdict__in=keys)).order_by("rejudge")
    for item in items.select_related("rejudge__by", "rejudge__decided_by", "job__verdict"):
        new = getattr(item.job, "verdict", None)
        for key in keys & {item.old_id, new.pk if new else 0}:
            found[key].append(item.rejudge)
    return found


def items_of(rejudge: Rejudge) -> QuerySet[RejudgeItem]:
    rows = rejudge.items.select_related(
        "old__job__patch_set__pull__author", "old__job__patch_set__pull__task", "old__job__revision", "job"
    )
    return rows.select_related("job__verdict").order_by(
        "old__job__patch_set__pull", "old__job__patch_set__number", "old__at"
    )


def unfinished() -> QuerySet[Rejudge]:
    """Sets whose jobs are still to be queued or have not all ended."""
    return Rejudge.objects.filter(state=Rejudge.State.RUNNING)


def is_trial(job: Job) -> bool:
    """Whether the job belongs to a set that nobody has applied: nothing follows from it by itself."""
    return RejudgeItem.objects.filter(job=job).exclude(rejudge__state=APPLIED).exists()
