"""Writes about verdicts that exist: rulings, appeals, re-judge sets.

Not in charge of queueing jobs nor of what follows from a decision (`hub/rejudging.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.bench.models import Job, Verdict
from hub.catalog import roles
from hub.catalog.models import Task, TaskRevision
from hub.core import clock
from hub.core.constraints import broken
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls.models import PatchSet
from hub.pulls.standing import HOLD
from hub.rulings import queries
from hub.rulings.models import Rejudge, RejudgeItem, Ruling

REASON_LONGEST = 4_000  # characters


# Rulings


def hold(verdict: Verdict, like: PatchSet, share: float, *, same_artefact: bool) -> bool:
    """Hold a verdict back until a person has looked at it; False if something was said about it before."""
    try:
        with transaction.atomic():
            ruling = Ruling.objects.create(
                verdict=verdict,
                kind=HOLD,
                like=like,
                share=share,
                same_artefact=same_artefact,
                at=clock.now(),
            )
            record(None, "verdict.held", verdict, ruling=ruling.pk, like=like.pk)
    except IntegrityError as error:
        if not broken(error, Ruling, "ruling_one_first_per_verdict"):
            raise
        return False
    return True


def rule(verdict: Verdict, by: User, kind: str, reason: str) -> Ruling:
    """Clear a verdict that is held or suspicious, or uphold it. May be said anew later; the last word counts.

    Raises:
        NotAllowed: no maintainer, or their own work.
        BadInput: no reason given, or nothing that can be ruled so.
        NotNow: somebody else ruled meanwhile, or it counts so already.
    """
    if why := queries.why_not_rule(verdict, by):
        raise NotAllowed(why)
    reason = _reason(reason)
    last = queries.last_ruling(verdict)
    if kind not in (Ruling.Kind.CLEAR, Ruling.Kind.UPHOLD):
        raise BadInput(_("“%(kind)s” is no ruling: give clear or uphold.") % {"kind": kind})
    if last is None and not queries.is_suspicious(verdict):
        raise BadInput(_("This verdict is not held for review: there is nothing to decide."))
    if last is not None and last.kind == kind:
        raise NotNow(_("That has been decided already."))
    try:
        with transaction.atomic():
            ruling = Ruling.objects.create(
                verdict=verdict, kind=kind, by=by, reason=reason, follows=last, at=clock.now()
            )
            record(by, f"verdict.{ruling.get_kind_display()}", verdict, ruling=ruling.pk)
    except IntegrityError as error:
        names = ("ruling_one_first_per_verdict", "ruling_followed_once")
        if not any(broken(error, Ruling, name) for name in names):
            raise
        raise NotNow(_("Somebody else decided meanwhile: look again.")) from error
    return ruling


# Re-judge sets


def open_one(verdict: Verdict, by: User, why: str, *, appeal: bool) -> Rejudge:
    """Begin to run one verdict again by the rules that it was made by.

    Raises:
        NotAllowed, NotNow, BadInput: with the reason.
    """
    refused = queries.why_not_appeal(verdict, by) if appeal else queries.why_not_rule(verdict, by)
    if refused:
        own = by.pk == verdict.job.patch_set.pull.author_id
        raise (NotNow if appeal and own else NotAllowed)(refused)
    scope = Rejudge.Scope.APPEAL if appeal else Rejudge.Scope.VERDICT
    job = verdict.job
    try:
        return _open(scope, job.patch_set.pull.task, job.revision, [verdict], by, why, about=verdict)
    except IntegrityError as error:
        if not broken(error, Rejudge, "rejudge_appealed_once"):
            raise
        raise NotNow(_("This verdict was appealed before; a verdict is appealed once.")) from error


def open_task(task: Task, verdicts: Iterable[Verdict], by: User, why: str) -> Rejudge:
    """Begin to run verdicts of a task again by its current rules.

    Raises:
        NotAllowed: no maintainer.
        NotNow: there is nothing to run again, or a set of this task waits for its decision.
        BadInput: no reason given.
    """
    if not roles.maintains(task, by):
        raise NotAllowed(_("Only a maintainer decides that."))
    olds = list(verdicts)
    if not olds or task.current is None:
        raise NotNow(_("There is nothing to judge again: every verdict is by the current rules."))
    try:
        return _open(Rejudge.Scope.TASK, task, task.current, olds, by, why)
    except IntegrityError as error:
        if not broken(error, Rejudge, "rejudge_one_live_per_task"):
            raise
        raise NotNow(_("A set of this task is under way already: apply or discard it first.")) from error


def _open(
    scope: str,
    task: Task,
    revision: TaskRevision,
    olds: list[Verdict],
    by: User,
    why: str,
    about: Verdict | None = None,
) -> Rejudge:
    with transaction.atomic():
        made = Rejudge.objects.create(
            scope=scope, task=task, revision=revision, about=about, by=by, why=_reason(why), at=clock.now()
        )
        RejudgeItem.objects.bulk_create(RejudgeItem(rejudge=made, old=old) for old in olds)
        record(by, "rejudge.asked", made, scope=scope, verdicts=len(olds), task=task.slug)
    return made


def link(item: RejudgeItem, job: Job) -> None:
    """Note which job is run beside the old verdict."""
    RejudgeItem.objects.filter(pk=item.pk, job=None).update(job=job)


def make_ready(rejudge: Rejudge) -> bool:
    return Rejudge.moves.move(rejudge, Rejudge.State.READY, ready_at=clock.now())


def apply(rejudge: Rejudge, by: User, decision: str, changes: int) -> list[RejudgeItem]:
    """Let the new verdicts count in place of the old ones, all at once; those that there are.

    `changes` is how many the maintainer was shown: nobody applies what they did not look at.

    Raises:
        NotAllowed, NotNow, BadInput: with the reason; nothing was changed.
    """
    _may_decide(rejudge, by)
    decision = _reason(decision)
    with transaction.atomic():
        row = Rejudge.objects.select_for_update(no_key=True).get(pk=rejudge.pk)
        items = [item for item in queries.items_of(row) if _verdict_of(item) is not None]
        if row.state == Rejudge.State.RUNNING:
            raise NotNow(_("Not every verdict has been run again yet."))
        if changes != len(items):
            raise BadInput(
                _("%(number)s verdicts would be replaced, not %(given)s: give the number in the table.")
                % {"number": len(items), "given": changes}
            )
        if Verdict.objects.filter(queries.replaced(), pk__in=[item.old_id for item in items]).exists():
            raise NotNow(_("Another set replaced one of these verdicts meanwhile: discard this one."))
        _decide(row, Rejudge.State.APPLIED, by, decision)
        for item in items:
            record(by, "verdict.replaced", item.old, by_verdict=item.job.verdict.pk, rejudge=row.pk)  # type: ignore[union-attr]
        record(by, "rejudge.applied", row, verdicts=len(items))
    return items


def discard(rejudge: Rejudge, by: User, decision: str) -> list[Job]:
    """Leave everything as it is; the jobs of the set that nobody waits for any more.

    Raises:
        NotAllowed, NotNow, BadInput: with the reason.
    """
    _may_decide(rejudge, by)
    decision = _reason(decision)
    with transaction.atomic():
        _decide(rejudge, Rejudge.State.DISCARDED, by, decision)
        record(by, "rejudge.discarded", rejudge)
    return list(Job.objects.filter(rejudged__rejudge=rejudge, state__in=Job.moves.live))


def _decide(rejudge: Rejudge, state: str, by: User, decision: str) -> None:
    columns: dict[str, Any] = {"decided_by": by, "decided_at": clock.now(), "decision": decision}
    if not Rejudge.moves.move(rejudge, state, **columns):
        rejudge.refresh_from_db()
        raise NotNow(_("This set is %(state)s by now.") % {"state": rejudge.get_state_display()})


def _may_decide(rejudge: Rejudge, by: User) -> None:
    if not roles.maintains(rejudge.task, by):
        raise NotAllowed(_("Only a maintainer decides that."))
    if rejudge.about is not None and rejudge.about.job.patch_set.pull.author_id == by.pk:
        raise NotAllowed(_("This is your own work: somebody else looks at it."))


def _verdict_of(item: RejudgeItem) -> Verdict | None:
    return getattr(item.job, "verdict", None) if item.job else None


def _reason(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\x00", "").strip()
    if not text:
        raise BadInput(_("Give a reason: it is kept with the decision."))
    if len(text) > REASON_LONGEST:
        raise BadInput(
            _("That is %(length)s characters; at most %(most)s fit.")
            % {"length": len(text), "most": REASON_LONGEST}
        )
    return text
