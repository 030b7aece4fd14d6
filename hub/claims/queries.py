"""Reads about claims: who holds what, who may push, what the clock says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db.models import Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.catalog import roles
from hub.catalog.models import Programme, Task
from hub.claims import rules
from hub.claims.models import Claim
from hub.core import clock as time
from hub.core.prepared import prepared

LIVE = ("requested", "active")


@dataclass(frozen=True)
class Clock:
    """When an active claim is warned about and lapses; None where that does not apply."""

    first_push_due: datetime | None
    idle_warning: datetime | None
    idle_release: datetime | None

    @property
    def lapses_at(self) -> datetime | None:
        return self.first_push_due or self.idle_release


def live_claim(task: Task, user: User) -> Claim | None:
    """The person's requested or active claim on the task."""
    return Claim.objects.filter(task=task, user=user, state__in=LIVE).first()


def active_claim(task: Task, user: User) -> Claim | None:
    return Claim.objects.filter(task=task, user=user, state=Claim.State.ACTIVE).first()


def sharing(holder: Claim) -> QuerySet[Claim]:
    """Claims that share the slot of this one, and open invitations to; in the order they came."""
    rows = Claim.objects.filter(shared_with=holder, state__in=(Claim.State.ACTIVE, Claim.State.INVITED))
    return rows.select_related("user").order_by("id")


def shares(holder: Claim, *, invited: bool = False) -> dict[User, int]:
    """Percent of the points by person, the holder first: 100 in all. Invitations count where asked."""
    given = {
        row.user: row.share or 0 for row in sharing(holder) if invited or row.state == Claim.State.ACTIVE
    }
    return {holder.user: 100 - sum(given.values()), **given}


def people_of(claim: Claim) -> list[User]:
    """Everybody who holds an active claim together, the holder first."""
    return list(shares(claim))


def share_a_claim(task: Task, one: User, other: User) -> bool:
    """Whether the two hold a claim on the task together, or did when it was fulfilled."""
    if task.together == 1:
        return False
    counts = (Claim.State.ACTIVE, Claim.State.FULFILLED)
    rows = Claim.objects.filter(task=task, user__in=(one, other), state__in=counts)
    slots: dict[int, set[int]] = {}
    for key, shared, user in rows.values_list("pk", "shared_with", "user"):
        slots.setdefault(shared or key, set()).add(user)
    return any(len(people) == 2 for people in slots.values())


def beside(own: Iterable[Claim]) -> set[tuple[int, int]]:
    """Whoever holds an active one of these claims of a person with them: the keys of its task and of theirs.

    Asks only where a task can be shared.
    """
    active = [row for row in own if row.state == Claim.State.ACTIVE and row.task.together > 1]
    if not active:
        return set()
    slots = {row.shared_with_id or row.pk for row in active}
    rows = Claim.objects.filter(Q(pk__in=slots) | Q(shared_with__in=slots), state=Claim.State.ACTIVE)
    return set(rows.exclude(pk__in=[row.pk for row in active]).values_list("task", "user"))


def held_together(tasks: Iterable[int]) -> dict[tuple[int, int], list[User]]:
    """By the keys of one of these tasks and of a person: who holds a claim on it together with them."""
    slots = defaultdict[int, list[Claim]](list)
    rows = Claim.objects.filter(task__in=set(tasks), state=Claim.State.ACTIVE).select_related("user")
    for claim in rows.order_by("id"):
        slots[claim.shared_with_id or claim.pk].append(claim)
    return {
        (claim.task_id, claim.user_id): [other.user for other in held if other is not claim]
        for held in slots.values()
        for claim in held
    }


def why_not_share(claim: Claim, others: int | None = None) -> str | None:
    """Why nobody can be invited to an active claim now, as a sentence; None if somebody can.

    `others`: how many share it or are invited, if that is known.
    """
    if claim.slot is None:
        return _("Only whoever holds the slot of a task invites others to share it.")
    number = sharing(claim).count() if others is None else others
    if number + 1 >= claim.task.together:
        return _("At most %(most)s people hold a slot of this task together.") % {"most": claim.task.together}
    return None


def claims_of(user: User) -> QuerySet[Claim]:
    return Claim.objects.filter(user=user).select_related("task", "shared_with__user")


@prepared
def live_claims(user: int) -> QuerySet[Claim]:
    """The requested and active claims of the person with this key."""
    return Claim.objects.filter(user=user, state__in=LIVE).select_related("task", "shared_with__user")


@prepared
def to_answer(user: int) -> QuerySet[Claim]:
    """Active claims that others would hand over to this person, and open invitations to share one."""
    offered, invited = Q(offered_to=user, state=Claim.State.ACTIVE), Q(user=user, state=Claim.State.INVITED)
    return (
        Claim.objects.filter(offered | invited)
        .select_related("task", "user", "shared_with__user")
        .order_by("id")
    )


def working_on(task: Task) -> QuerySet[Claim]:
    """Active claims on a task, oldest first."""
    return present_on(task).filter(state=Claim.State.ACTIVE)


def present_on(task: Task | int) -> QuerySet[Claim]:
    """Active claims on a task and open invitations to share one, oldest first."""
    present = Claim.objects.filter(task=task, state__in=(Claim.State.ACTIVE, Claim.State.INVITED))
    return present.select_related("user", "offered_to", "shared_with__user").order_by("id")


def first_present_on(task: Task, number: int) -> list[Claim]:
    return _first_present(number)(task.pk)


@cache
def _first_present(number: int) -> Callable[[int], list[Claim]]:
    @prepared
    def rows(task: int) -> QuerySet[Claim]:
        return present_on(task)[:number]

    return rows


def working_counts(tasks: Iterable[Task]) -> Counter[int]:
    """How many work on each of these tasks, by its key."""
    active = Claim.objects.filter(task__in=tasks, state=Claim.State.ACTIVE)
    return Counter(active.order_by().values_list("task_id", flat=True))


def slots_left(task: Task, taken: int | None = None) -> int | None:
    """Free slots; None when the task is open to everybody at once. `taken` if the caller has counted."""
    if task.policy == Task.Policy.OPEN:
        return None
    if taken is None:
        taken = task.claims.filter(state=Claim.State.ACTIVE, shared_with=None).count()
    return max(0, task.slots - taken)


def free_slots(task: Task) -> list[int]:
    taken = set(task.claims.filter(state=Claim.State.ACTIVE).values_list("slot", flat=True))
    return [slot for slot in range(1, task.slots + 1) if slot not in taken]


def may_push(task: Task, user: User) -> bool:
    return not why_not_push(task, user)


def why_not_push(task: Task, user: User) -> str:
    """Why git must refuse this person's push, as a sentence for the terminal; empty if it need not."""
    if task.state != Task.State.PUBLISHED:
        return f"The task {task.slug} is retired and takes no more work."
    if task.policy == Task.Policy.OPEN or user.is_house:
        return ""
    claim = live_claim(task, user)
    if claim is None:
        return f"The task {task.slug} needs a claim before you push."
    if claim.state == Claim.State.REQUESTED:
        return f"Your proposal for {task.slug} waits for a mentor's answer; push when it is accepted."
    return ""


@dataclass(frozen=True)
class Own:
    """A person's claims, as far as they matter for one task: read in one query."""

    task: Task
    rows: tuple[Claim, ...]  # newest first

    @property
    def here(self) -> list[Claim]:
        return [claim for claim in self.rows if claim.task_id == self.task.pk]

    @property
    def live(self) -> Claim | None:
        """The requested or active claim on the task."""
        return next((claim for claim in self.here if claim.state in LIVE), None)

    @property
    def invitation(self) -> Claim | None:
        """The newest open invitation to share a claim on the task."""
        return next((claim for claim in self.here if claim.state == Claim.State.INVITED), None)

    @property
    def last_refusal(self) -> Claim | None:
        """The last claim on the task, if it was refused."""
        last = next(iter(self.here), None)
        return last if last is not None and last.state == Claim.State.REFUSED else None

    @property
    def held(self) -> int:
        """Claims on slots that count together with one on this task: of its programme, if that has a limit
        of its own; else of all tasks without such a programme."""
        limited = _limiting(self.task)
        return sum(
            row.state in LIVE and row.task.policy != Task.Policy.OPEN and _limiting(row.task) == limited
            for row in self.rows
        )

    @property
    def allowed(self) -> int:
        """How many claims on slots this person may hold: fewer for a while after several lapsed."""
        now = time.now()
        ends = [row.ended_at for row in self.rows if row.state == Claim.State.EXPIRED and row.ended_at]
        lapsed = sorted(end for end in ends if end > now - rules.EXPIRIES_WITHIN)
        penalised = len(lapsed) >= rules.EXPIRIES_MOST and lapsed[-1] > now - rules.EXPIRIES_PENALTY
        programme = _limiting(self.task)
        most = programme.claims_at_once if programme else rules.ACTIVE_MOST
        return 1 if penalised else most or rules.ACTIVE_MOST

    @property
    def cooling_until(self) -> datetime | None:
        """When the person may claim the task again that they gave up lately."""
        given_up = (Claim.State.RELEASED, Claim.State.EXPIRED, Claim.State.SUPERSEDED)
        ends = [row.ended_at for row in self.here if row.state in given_up and row.ended_at]
        until = max(ends) + rules.COOL_DOWN if ends else None
        return until if until is not None and until > time.now() else None


def own_claims(task: Task, user: User) -> Own:
    return Own(task, tuple(_own_claims(task.pk, user.pk, time.now() - rules.EXPIRIES_WITHIN)))


@prepared
def _own_claims(task: int, user: int, since: datetime) -> QuerySet[Claim]:
    lapsed = Q(state=Claim.State.EXPIRED, ended_at__gt=since)
    rows = Claim.objects.filter(Q(task=task) | Q(state__in=LIVE) | lapsed, user=user)
    return rows.select_related("task__programme", "answered_by", "shared_with__user")


def _limiting(task: Task) -> Programme | None:
    """The programme that says how many of its claims one person may hold."""
    found = task.programme
    return found if found is not None and found.claims_at_once is not None else None


def _why_closed(task: Task) -> str | None:
    """Why a task of a programme cannot be claimed just now."""
    programme, now = task.programme, time.now()
    if programme is None:
        return None
    begins, ends = programme.starts_at, programme.ends_at
    if begins is not None and begins > now:
        words = _("This task belongs to “%(name)s”, which begins on %(date)s: claim it then.")
        return words % {"name": programme.title, "date": programme.tell(begins)}
    if ends is not None and ends <= now:
        words = _("“%(name)s” ended on %(date)s: nothing is claimed in it any more.")
        return words % {"name": programme.title, "date": programme.tell(ends)}
    return None


def why_not_claim(task: Task, user: User, own: Own | None = None, taken: int | None = None) -> str | None:
    """Why this person cannot claim the task now, as a translated sentence; None if they can.

    `own` claims and the slots that are `taken`, if the caller has read them.
    """
    if (why := why_not_hold(task, user, own)) is not None:
        return why
    if task.policy == Task.Policy.EXCLUSIVE and not slots_left(task, taken):
        return _(
            "All %(slots)s slots are taken: watch this page, a slot is free the minute a claim ends."
        ) % {"slots": task.slots}
    return None


def why_not_hold(task: Task, user: User, own: Own | None = None) -> str | None:
    """Why this person cannot hold a claim on the task even if a slot is free; None if they can."""
    own = own or own_claims(task, user)
    if task.state != Task.State.PUBLISHED:
        return _("This task is retired.")
    if own.live is not None:
        return _("You have a claim on this task already.")
    if task.policy == Task.Policy.OPEN:
        return None
    if (why := _why_closed(task)) is not None:
        return why
    if (until := own.cooling_until) is not None:
        return _("You gave this task up lately: you can claim it again on %(date)s.") % {
            "date": date_format(until, "DATE_FORMAT")
        }
    if own.held >= own.allowed:
        return _("You hold %(held)s of %(most)s claims: finish or release one first.") % {
            "held": own.held,
            "most": own.allowed,
        }
    return None


def why_not_offer(claim: Claim) -> str | None:
    """Why an active claim cannot be handed over to anybody now, as a sentence; None if it can."""
    if claim.shared_with_id is not None:
        return _("You share this claim: whoever holds its slot can hand it over.")
    if claim.slot is None:
        return _("This task is open: whoever likes claims it, so there is nothing to hand over.")
    if claim.taken_from_id is not None and claim.pushed_at is None:
        return _("You took this task over yourself: push something before you hand it on.")
    return None


def open_proposals(mentor: User, tasks: QuerySet[Task] | None = None) -> list[Claim]:
    """Proposals that this person may answer, on these tasks or on all, longest waiting first."""
    answers_all = mentor.is_maintainer or mentor.is_mentor
    if answers_all and tasks is None:
        return _every_proposal(mentor.pk)
    waiting = _proposals(mentor.pk)
    waiting = waiting if answers_all else waiting.filter(roles.mentored_by(mentor)).distinct()
    return list(waiting if tasks is None else waiting.filter(task__in=tasks.values("pk")))


def _proposals(mentor: int) -> QuerySet[Claim]:
    waiting = Claim.objects.filter(state=Claim.State.REQUESTED).exclude(user=mentor)
    return waiting.select_related("task", "user").order_by("requested_at")


_every_proposal = prepared(_proposals)


def may_answer(claim: Claim, user: User) -> bool:
    """Mentors and maintainers answer proposals, never their own."""
    if claim.user_id == user.pk:
        return False
    return user.is_mentor or roles.mentors(claim.task, user)


def clock(claim: Claim) -> Clock:
    """When the claim lapses if nothing happens. Only pushes and pull request events wind the clock."""
    claim = claim.shared_with or claim
    if claim.state != Claim.State.ACTIVE or claim.slot is None or claim.active_since is None:
        return Clock(None, None, None)
    extra = rules.EXTENSION if claim.extended_at else rules.EXTENSION * 0
    if claim.pushed_at is None:
        return Clock(claim.active_since + rules.FIRST_PUSH + extra, None, None)
    since = claim.last_activity_at or claim.pushed_at
    return Clock(None, since + rules.IDLE_WARNING + extra, since + rules.IDLE_RELEASE + extra)


def lapsed_claims() -> list[Claim]:
    """Active claims whose time is over; whether the clock stands still just now is `flow.py`'s to know."""
    now = time.now()
    held = Claim.objects.filter(state=Claim.State.ACTIVE, slot__isnull=False).select_related("task", "user")
    return [claim for claim in held if (end := clock(claim).lapses_at) is not None and end <= now]
