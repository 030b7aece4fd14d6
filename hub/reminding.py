"""What a clock tells people: a claim that is about to end, work and proposals that have waited for long.

Not in charge of the clocks of claims (`hub/claims`) nor of whose turn it is (`hub/pulls/stages.py`).

Theory of operation
- Run once an hour. A key names the wait and the step (that it began then, and has lasted three days), so that
  each step of each wait is told once, whoever runs this how often.
- Mentors owe the first answer within three working days. Then they are nudged; after five the other mentors
  of the SIG are offered it, after ten its leads hear. Contributors are nudged after 7, 14 and 21 days.
- After 28 days a conversation has timed out: that is booked for the side that was silent, and everybody in it
  hears of it once. Nothing is closed: whoever comes back goes on where it stopped.
- While others are to move, nobody is reminded of a claim: its clock stands still.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from hub import telling
from hub.accounts.models import User
from hub.audit.actions import record
from hub.audit.queries import events_about
from hub.catalog.models import Task
from hub.claims import queries as claims
from hub.claims import rules
from hub.claims.models import Claim
from hub.core import clock
from hub.core.guard import each
from hub.notify.actions import News, tell
from hub.notify.kinds import Kind
from hub.notify.models import Notification
from hub.pulls import queries as pulls
from hub.pulls.models import PullRequest
from hub.pulls.queries import Facts, Who

ANSWER_DUE, OFFERED, ESCALATED = 3, 5, 10  # working days that somebody has waited for a mentor
STEPS = ((ANSWER_DUE, telling.mentors_of), (OFFERED, telling.mentors_beside), (ESCALATED, telling.leads_of))
CONTRIBUTOR_NUDGED = (timedelta(days=7), timedelta(days=14), timedelta(days=21))
TIMED_OUT = timedelta(days=28)  # of silence on one side
BEFORE_THE_END = rules.FIRST_PUSH - rules.FIRST_PUSH_WARNING  # the last reminder of a claim
BATCH = 200

Known = frozenset[str]  # keys of nudges that somebody was given before


def remind() -> int:
    """Tell what is due to be told; how many people heard something."""
    known = frozenset(Notification.objects.filter(kind=Kind.NUDGE).values_list("key", flat=True))
    held = Claim.objects.filter(state=Claim.State.ACTIVE, slot__isnull=False)
    waiting = Claim.objects.filter(state=Claim.State.REQUESTED)
    told = each(held.select_related("task__programme", "user"), _of_its_end)
    told += each(waiting.select_related("task", "user"), lambda claim: _of_a_proposal(claim, known))
    return told + each(_waits(), lambda facts: _of_a_wait(facts, known))


def others_are_to_move(claim: Claim) -> bool:
    """Whether a mentor or the judge has what one of those who hold the claim made."""
    return any(
        pulls.turn_of(facts).who in (Who.MENTOR, Who.JUDGE)
        for user in claims.people_of(claim)
        for facts in pulls.facts_of(pulls.open_pulls_of(claim.task, user)).values()
    )


# Claims


def _of_its_end(claim: Claim) -> bool:
    due = _reminder(claim)
    if due is None:
        return False
    what, until = due
    key = f"{what}:{claim.pk}:{until:%Y-%m-%d}"
    if Notification.objects.filter(user=claim.user, key=key).exists() or others_are_to_move(claim):
        return False
    words = {"until": until.isoformat(), **telling.of_task(claim.task)}
    people = claims.people_of(claim)
    return bool(tell(people, News(what, key, f"/tasks/{claim.task.slug}/", words, claim.task)))


def _reminder(claim: Claim) -> tuple[str, datetime] | None:
    """What the claim's clock says now, and when the claim ends."""
    now, ends = clock.now(), claims.clock(claim)
    if ends.lapses_at is None or now >= ends.lapses_at:
        return None
    if now >= ends.lapses_at - BEFORE_THE_END:
        return ("reminder.last" if ends.idle_release else "reminder.first_push"), ends.lapses_at
    if ends.idle_warning is not None and now >= ends.idle_warning:
        return "reminder.idle", ends.lapses_at
    return None


# Whoever owes an answer


def _of_a_proposal(claim: Claim, known: Known) -> int:
    words = {"by": claim.user.username, **telling.of_task(claim.task)}
    path, key = f"/tasks/{claim.task.slug}/", f"proposal:{claim.pk}"
    return _nudge("nudge.proposal", claim.requested_at, key, path, words, claim.task, known, but=claim.user)


def _waits() -> Iterator[Facts]:
    """Open pull requests whose last push is old enough for somebody to have waited long."""
    before = clock.now() - timedelta(days=ANSWER_DUE)
    pushed = pulls.current_patch_sets().filter(pushed_at__lt=before, pull__state=PullRequest.State.OPEN)
    keys = list(pushed.exclude(pull__author__is_house=True).values_list("pull", flat=True))
    for start in range(0, len(keys), BATCH):
        yield from pulls.facts_of(pulls.pulls().filter(pk__in=keys[start : start + BATCH])).values()


def _of_a_wait(facts: Facts, known: Known) -> int:
    pull, turn = facts.pull, pulls.turn_of(facts)
    if pull.task.kind == Task.Kind.EXERCISE:
        return 0
    words = {"pull": pull.pk, "by": pull.author.username, **telling.of_task(pull.task)}
    path, key = f"/pulls/{pull.pk}/", f"pull:{pull.pk}"
    if turn.who in (Who.MENTOR, Who.CONTRIBUTOR) and turn.since + TIMED_OUT <= clock.now():
        return _time_out(facts, words)
    if turn.who is Who.MENTOR:
        return _nudge("nudge.review", turn.since, key, path, words, pull.task, known, but=pull.author)
    if turn.who is not Who.CONTRIBUTOR:
        return 0
    lasted = [step for step in CONTRIBUTOR_NUDGED if turn.since + step <= clock.now()]
    if not lasted or (key := f"nudge:{key}:{turn.since:%Y-%m-%d}:{lasted[-1].days}") in known:
        return 0
    words |= {"since": turn.since.isoformat()}
    return tell([pull.author], News("nudge.contributor", key, path, words))


def _time_out(facts: Facts, words: dict[str, Any]) -> int:
    """Book once which side was silent for too long, and tell author, reviewers and mentors."""
    pull, turn = facts.pull, pulls.turn_of(facts)
    verb, since = f"pull.timed_out_{turn.who}", turn.since.isoformat()
    if events_about(pull).filter(verb=verb, data__since=since).exists():
        return 0
    people = [
        pull.author,
        *telling.mentors_of(pull.task),
        *User.objects.filter(reviews__patch_set__pull=pull),
    ]
    what, key = f"nudge.timed_out_{turn.who}", f"timed-out:{turn.who}:{pull.pk}:{turn.since:%Y-%m-%d}"
    with transaction.atomic():
        record(None, verb, pull, since=since)
        return tell(people, News(what, key, f"/pulls/{pull.pk}/", words | {"since": since}, pull.task))


def _nudge(
    what: str,
    since: datetime,
    about: str,
    path: str,
    words: dict[str, Any],
    task: Task,
    known: Known,
    *,
    but: User,
) -> int:
    """Tell those whose step has come."""
    now = clock.now()
    words = {"since": since.isoformat(), **words}
    told = 0
    for days, people in STEPS:
        key = f"nudge:{about}:{since:%Y-%m-%d}:{days}"
        if key not in known and clock.working_days_after(since, days) <= now:
            told += tell(people(task), News(what, key, path, words, task), but=but)
    return told
