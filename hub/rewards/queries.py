"""Points are always summed from the ledger, never stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from django.db.models import QuerySet, Sum

from hub.accounts.models import User
from hub.core.prepared import prepared
from hub.rewards.models import Certificate, Reward

Sharer = TypeVar("Sharer")  # a person, or whatever else has a share


def points_of(user: User) -> int:
    return sum(_sums(user.pk))


@prepared
def _sums(user: int) -> QuerySet[Reward, int]:
    """One number; none where there is no line."""
    sums = Reward.objects.filter(user=user).order_by().values("user").annotate(total=Sum("points"))
    totals: QuerySet[Reward, int] = sums.values_list("total", flat=True)
    return totals


def split(points: int, shares: Mapping[Sharer, int]) -> dict[Sharer, int]:
    """Whole points by shares of a hundred: together exactly `points`, none further than one from its share.

    What rounding leaves goes to the largest remainders, among equal ones to whoever comes first.
    """
    exact = {user: points * percent for user, percent in shares.items()}
    whole = {user: hundredths // 100 for user, hundredths in exact.items()}
    by_remainder = sorted(exact, key=lambda user: -(exact[user] % 100))
    for user in by_remainder[: points - sum(whole.values())]:
        whole[user] += 1
    return whole


def ledger_of(user: User) -> QuerySet[Reward]:
    return Reward.objects.filter(user=user).select_related("pull__task")


def standing(most: int = 10) -> QuerySet[User]:
    """People with points, best first; each has `points`."""
    return (
        User.objects.filter(is_house=False)
        .annotate(points=Sum("rewards__points"))
        .filter(points__gt=0)
        .order_by("-points", "username")[:most]
    )


def certificates_of(user: User) -> QuerySet[Certificate]:
    """Valid and revoked, newest first."""
    return Certificate.objects.filter(user=user)
