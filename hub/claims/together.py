"""A claim that several people hold: one has the slot and invites others for a share of the points.

Theory of operation
- Each of them has a claim of their own, counted and shown like any other. That of whoever was invited names
  the claim whose slot it shares (`shared_with`) and their `share`, in percent; the holder has the rest.
  So the shares are always 100 in all, and nobody's share changes unless they agree: only the rest does.
- A push of any of them winds the clock of all. The claims end together, but for who leaves before.
- Everything that changes who shares a slot holds the row of the claim that has it.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.claims import queries, steps
from hub.claims.models import Claim
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow


def invite(claim: Claim, user: User, username: str, share: str) -> Claim:
    """Invite somebody to share one's claim for so many percent of its points.

    Raises:
        NotAllowed: somebody else's claim.
        BadInput: there is nobody of that name, or the share leaves somebody without a point.
        NotNow: the task has no room for more, or they cannot hold a claim on it.
    """
    steps.own(claim, user)
    invited = steps.somebody_else(username, user)
    with transaction.atomic():
        holder = _held(claim)
        if (why := queries.why_not_share(holder)) is not None:
            raise NotNow(why)
        if queries.why_not_hold(claim.task, invited) is not None:
            words = _("%(name)s cannot hold a claim on this task now; they read why on its page.")
            raise NotNow(words % {"name": invited.username})
        percent = _percent(share, holder)
        return steps.insert(
            claim.task, invited, by=user, state=Claim.State.INVITED, shared_with=holder, share=percent
        )


def join(invitation: Claim, user: User) -> None:
    """Share the claim that one was invited to.

    Raises:
        NotAllowed: somebody else was invited.
        NotNow: it was taken back or the claim is over, or they cannot hold it.
    """
    if invitation.user_id != user.pk or invitation.shared_with is None:
        raise NotAllowed(_("You are not invited to share this claim."))
    now = clock.now()
    try:
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=user.pk)  # their claims are counted
            holder = _held(invitation.shared_with)
            if (why := queries.why_not_hold(invitation.task, user)) is not None:
                raise NotNow(why)
            wound = {"pushed_at": holder.pushed_at, "last_activity_at": holder.last_activity_at}
            only = (Claim.State.INVITED,)
            steps.move(invitation, Claim.State.ACTIVE, user, only, active_since=now, **wound)
    except IntegrityError as error:  # claim_one_live_per_person
        raise NotNow(_("You have a claim on this task already.")) from error


def end_invitation(invitation: Claim, user: User) -> None:
    """Whoever is invited declines, or whoever invited them takes it back."""
    holder = invitation.shared_with
    if holder is None or user.pk not in (invitation.user_id, holder.user_id):
        raise NotAllowed(_("You are not invited to share this claim."))
    steps.move(invitation, Claim.State.WITHDRAWN, user, (Claim.State.INVITED,), ended_at=clock.now())


def whole(claim: Claim) -> QuerySet[Claim]:
    """The active claims on the slot of this one."""
    key = claim.shared_with_id or claim.pk
    return Claim.objects.filter(Q(pk=key) | Q(shared_with=key), state=Claim.State.ACTIVE)


def end(holder: Claim) -> None:
    """Its time is over or its work merged: so it is for all who share it; who did not answer need not."""
    for row in queries.sharing(holder):
        state = holder.state if row.state == Claim.State.ACTIVE else Claim.State.WITHDRAWN
        if Claim.moves.move(row, state, ended_at=holder.ended_at):
            record(None, f"claim.{state}", row)


def pass_on(holder: Claim) -> None:
    """The holder has given it up: the first who shares it holds it now, with what is left of the points."""
    heirs = [row for row in queries.sharing(holder) if row.state == Claim.State.ACTIVE]
    if not heirs:
        end(holder)
        return
    heir = heirs[0]
    same = {"slot": holder.slot, "extended_at": holder.extended_at}
    Claim.objects.filter(pk=heir.pk).update(shared_with=None, share=None, **same)
    follow(holder, heir)
    record(None, "claim.passed_on", heir)


def follow(before: Claim, holder: Claim) -> None:
    """Whoever shared one claim shares the other one from now on."""
    queries.sharing(before).update(shared_with=holder)


def _held(claim: Claim) -> Claim:
    """The claim with the slot, kept from ending meanwhile."""
    holder = Claim.objects.select_for_update(no_key=True).get(pk=claim.pk)
    if holder.state != Claim.State.ACTIVE:
        raise NotNow(
            _("This claim is %(state)s by now; nothing was changed.") % {"state": holder.get_state_display()}
        )
    return holder


def _percent(share: str, holder: Claim) -> int:
    """The share as a number that leaves everybody a point at least."""
    percent = int(share) if share.isdecimal() and len(share) < 4 else 0
    least = -(-100 // holder.task.points) if holder.task.points else 100
    left = queries.shares(holder, invited=True)[holder.user]
    if not least <= percent <= left - least:
        words = _("%(share)s is no share that can be given: %(least)s to %(most)s percent can.")
        raise BadInput(words % {"share": share or "–", "least": least, "most": left - least})
    return percent
