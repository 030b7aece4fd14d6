"""Writes about claims. Each is one state move or one insert that a named constraint guards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog.models import Task
from hub.claims import queries, rules, steps, together
from hub.claims.models import Claim
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow

PROPOSED = (Claim.State.REQUESTED,)
WINDING = ("last_activity_at", "pushed_at", "extended_at")  # a claim that moved meanwhile has not lapsed


def claim(task: Task, user: User, proposal: str = "") -> Claim:
    """Claim a task: at once under `open` and `exclusive`, as a request under `proposal`.

    Raises:
        NotNow: no slot, too many claims, cooling down, or a live claim exists.
        BadInput: a proposal is needed and this one is too short or too long.
    """
    with transaction.atomic():
        if task.policy != Task.Policy.OPEN:  # these are counted, so a person makes one after the other
            User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if (why := queries.why_not_claim(task, user)) is not None:
            raise NotNow(why)
        if task.policy == Task.Policy.PROPOSAL:
            return _request(task, user, steps.text(proposal))
        return _activate_new(task, user)


def answer(claim: Claim, mentor: User, *, accept: bool, text: str = "") -> Claim:
    """Accept or refuse a proposal.

    Raises:
        NotAllowed: not a mentor, or one's own proposal.
        BadInput: a refusal without a reason.
        NotNow: answered or withdrawn meanwhile, or no slot is free.
    """
    if not queries.may_answer(claim, mentor):
        raise NotAllowed(_("Only a mentor or maintainer answers a proposal, and never their own."))
    text = steps.text(text)[: rules.NOTE_LONGEST]
    if not accept and not text:
        raise BadInput(_("Say why: a refusal without a reason helps nobody."))
    given: dict[str, Any] = {"answer": text, "answered_by": mentor}
    if not accept:
        steps.move(claim, Claim.State.REFUSED, mentor, ended_at=clock.now(), **given)
        return claim
    for slot in queries.free_slots(claim.task):
        try:
            with transaction.atomic():
                steps.move(
                    claim, Claim.State.ACTIVE, mentor, PROPOSED, slot=slot, active_since=clock.now(), **given
                )
            return claim
        except IntegrityError:  # claim_one_active_per_slot: somebody was first, try the next
            continue
    raise NotNow(_("All %(slots)s slots of this task are taken.") % {"slots": claim.task.slots})


def withdraw(claim: Claim, user: User) -> None:
    """Take one's own unanswered proposal back."""
    steps.own(claim, user)
    steps.move(claim, Claim.State.WITHDRAWN, user, PROPOSED, ended_at=clock.now())


def release(claim: Claim, user: User, hand_over: str = "") -> None:
    """Give one's active claim up, with a note for whoever comes next. No penalty.

    Who shares it keeps it: the first of them holds the slot from then on.
    """
    steps.own(claim, user)
    note = steps.text(hand_over)[: rules.NOTE_LONGEST]
    with transaction.atomic():
        steps.move(claim, Claim.State.RELEASED, user, ended_at=clock.now(), hand_over=note)
        together.pass_on(claim)


def offer(claim: Claim, user: User, username: str, hand_over: str = "") -> None:
    """Offer one's active claim to somebody, with a note for them. It stays one's own until they take it.

    Raises:
        NotAllowed: somebody else's claim.
        BadInput: there is nobody of that name who could take it.
        NotNow: it is over, offered already, cannot be handed on yet, or they cannot hold it.
    """
    steps.own(claim, user)
    receiver = steps.somebody_else(username, user)
    if (why := queries.why_not_offer(claim)) is not None:
        raise NotNow(why)
    if queries.why_not_hold(claim.task, receiver) is not None:
        words = _("%(name)s cannot hold a claim on this task now; they read why on its page.")
        raise NotNow(words % {"name": receiver.username})
    fresh = Claim.objects.filter(pk=claim.pk, state=Claim.State.ACTIVE, offered_to=None)
    with transaction.atomic():
        if fresh.update(offered_to=receiver, hand_over=steps.text(hand_over)[: rules.NOTE_LONGEST]) != 1:
            raise NotNow(_("This claim is offered to somebody already, or over: reload the page."))
        record(user, "claim.offered", claim, to=receiver.username)
    claim.refresh_from_db()


def end_offer(claim: Claim, user: User) -> None:
    """The holder keeps the claim after all, or who was to have it declines."""
    if user.pk not in (claim.user_id, claim.offered_to_id):
        raise NotAllowed(_("This claim is not offered to you."))
    offered = Claim.objects.filter(pk=claim.pk, state=Claim.State.ACTIVE, offered_to__isnull=False)
    with transaction.atomic():
        if offered.filter(offered_to=claim.offered_to_id).update(offered_to=None, hand_over="") != 1:
            raise NotNow(_("This claim is not on offer by now; nothing was changed."))
        record(user, "claim.kept" if user.pk == claim.user_id else "claim.declined", claim)


def take_over(claim: Claim, user: User) -> Claim:
    """Take the claim that one was offered: a claim of one's own on its slot, whose clock begins anew.

    Raises:
        NotAllowed: it was not offered to this person.
        NotNow: it is over or taken back, or they cannot hold it.
    """
    if claim.offered_to_id != user.pk:
        raise NotAllowed(_("This claim is not offered to you."))
    now = clock.now()
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)  # their claims are counted
        if (why := queries.why_not_hold(claim.task, user)) is not None:
            raise NotNow(why)
        if not Claim.moves.move(
            claim,
            Claim.State.SUPERSEDED,
            only_from=(Claim.State.ACTIVE,),
            unchanged=("offered_to_id",),
            ended_at=now,
        ):
            raise NotNow(_("This claim is not on offer by now; nothing was changed."))
        record(user, "claim.superseded", claim)
        columns: dict[str, Any] = {"slot": claim.slot, "active_since": now, "taken_from": claim}
        taken = steps.insert(claim.task, user, state=Claim.State.ACTIVE, **columns)
        together.follow(claim, taken)
    return taken


def extend(claim: Claim, user: User) -> None:
    """Lengthen one's active claim once; of those who share it anybody may."""
    steps.own(claim, user)
    fresh = Claim.objects.filter(pk=claim.shared_with_id or claim.pk, state=Claim.State.ACTIVE)
    with transaction.atomic():
        if fresh.filter(extended_at=None).update(extended_at=clock.now()) != 1:
            raise NotNow(_("A claim can be extended once only; ask your mentor for more time."))
        record(user, "claim.extended", claim)
    claim.refresh_from_db()


def note_activity(task: Task, user: User, *, pushed: bool = False) -> None:
    """A push or a pull request event winds the clock of the claim, for all who share it.

    The first push to an open task claims it.
    """
    now = clock.now()
    if pushed and task.policy == Task.Policy.OPEN and queries.live_claim(task, user) is None:
        _activate_new(task, user)
    active = queries.active_claim(task, user)
    if active is not None:
        whole = together.whole(active)
        whole.update(last_activity_at=now)
        if pushed:
            whole.filter(pushed_at=None).update(pushed_at=now)


def fulfil(task: Task, user: User) -> dict[User, int]:
    """The work was merged: the claim, if there is one, has done its duty.

    Returns:
        Who has which share of the points, in percent: 100 in all.
    """
    active = queries.active_claim(task, user)
    if active is None:
        return {user: 100}
    with transaction.atomic():
        holder = Claim.objects.select_for_update(no_key=True).get(pk=active.shared_with_id or active.pk)
        shares = queries.shares(holder)
        if Claim.moves.move(holder, Claim.State.FULFILLED, ended_at=clock.now()):
            record(None, "claim.fulfilled", holder)
            together.end(holder)
    return shares


def expire_due(
    stands_still: Callable[[Claim], bool], closing: Callable[[Claim], object] = lambda _: None
) -> int:
    """Close claims whose time is over, except those whose clock stands still (not the contributor's turn).

    `closing` is done with each, in the same transaction.
    """
    closed = 0
    for lapsed in queries.lapsed_claims():
        if stands_still(lapsed):
            continue
        with transaction.atomic():
            if Claim.moves.move(lapsed, Claim.State.EXPIRED, unchanged=WINDING, ended_at=clock.now()):
                record(None, "claim.expired", lapsed)
                together.end(lapsed)
                closing(lapsed)
                closed += 1
    return closed


def _request(task: Task, user: User, proposal: str) -> Claim:
    if not rules.PROPOSAL_SHORTEST <= len(proposal) <= rules.PROPOSAL_LONGEST:
        raise BadInput(
            _("Your proposal has %(length)s characters; write between %(least)s and %(most)s.")
            % {
                "length": len(proposal),
                "least": rules.PROPOSAL_SHORTEST,
                "most": rules.PROPOSAL_LONGEST,
            }
        )
    return steps.insert(task, user, state=Claim.State.REQUESTED, proposal=proposal)


def _activate_new(task: Task, user: User) -> Claim:
    now = clock.now()
    if task.policy == Task.Policy.OPEN:
        return steps.insert(task, user, state=Claim.State.ACTIVE, active_since=now)
    for slot in queries.free_slots(task):
        try:
            return steps.insert(task, user, state=Claim.State.ACTIVE, active_since=now, slot=slot)
        except NotNow:
            if queries.live_claim(task, user) is not None:
                raise
    raise NotNow(_("All %(slots)s slots of this task are taken.") % {"slots": task.slots})
