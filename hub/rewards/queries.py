"""Points are always summed from the ledger, never stored."""

from __future__ import annotations

from django.db.models import QuerySet, Sum

from hub.accounts.models import User
from hub.rewards.models import Certificate, Reward


def points_of(user: User) -> int:
    return Reward.objects.filter(user=user).aggregate(total=Sum("points"))["total"] or 0


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
