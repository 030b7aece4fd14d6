"""Whose work a pull request is besides its author's: of all who hold the claim on its task together.

Of open work the active claims say it, of merged work the ledger, which lies in an app above this one and is
read through its relation. Not in charge of claims (`hub/claims/together.py`) nor of who is paid how much.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import F, Q, QuerySet

from hub.accounts.models import User
from hub.claims.models import Claim
from hub.claims.queries import beside, claims_of, held_together
from hub.core.prepared import prepared
from hub.pulls.models import PullRequest

MERGE = "merge"  # the kind of a payment for merged work


def work_of(user: User) -> Q:
    """Pull requests that are this person's work: as the author, or by a share in the claim on the task."""
    return Q(author=user) | Q(pk__in=[*shared_merged(user), *open_with(claims_of(user))])


def merged_with(user: User) -> Q:
    """As `work_of`, where open work does not matter."""
    return of(user.pk, shared_merged(user))


def of(author: int, shared: list[int]) -> Q:
    """`shared`: what `shared_merged` tells; of a prepared query a key of nothing where that is nothing."""
    return Q(author=author) | Q(pk__in=shared)


def shared_merged(user: User) -> list[int]:
    """What others wrote and this person was paid a share of."""
    return _paid_for(user.pk)


@prepared
def _paid_for(user: int) -> QuerySet[PullRequest, int]:
    rows = PullRequest.objects.filter(rewards__user=user, rewards__kind=MERGE).exclude(author=user)
    return rows.order_by().values_list("pk", flat=True)


def others(pulls: Iterable[PullRequest]) -> dict[int, list[User]]:
    """Who shares these pull requests with their authors, by key; asks only where a task can be shared."""
    shared = [pull for pull in pulls if pull.task.together > 1]
    merged = [pull for pull in shared if pull.state == PullRequest.State.MERGED]
    under_way = [pull for pull in shared if pull.state == PullRequest.State.OPEN]
    found = _paid(merged) if merged else {}
    held = held_together(pull.task_id for pull in under_way) if under_way else {}
    return found | {pull.pk: held.get((pull.task_id, pull.author_id), []) for pull in under_way}


def open_with(held: Iterable[Claim]) -> list[int]:
    """What those have open with whom a person holds one of these claims."""
    if not (with_whom := beside(held)):
        return []
    rows = PullRequest.objects.filter(state=PullRequest.State.OPEN).order_by()
    rows = rows.filter(
        task__in={task for task, _user in with_whom}, author__in={other for _task, other in with_whom}
    )
    return [key for key, *whose in rows.values_list("pk", "task", "author") if tuple(whose) in with_whom]


def _paid(merged: list[PullRequest]) -> dict[int, list[User]]:
    """All who were paid for each of these but its author."""
    authors = {pull.pk: pull.author_id for pull in merged}
    found = defaultdict[int, list[User]](list)
    rows = User.objects.filter(rewards__pull__in=merged, rewards__kind=MERGE)
    for user in rows.annotate(of=F("rewards__pull")).order_by("rewards"):
        if user.pk != authors[user.of]:
            found[user.of].append(user)
    return found
