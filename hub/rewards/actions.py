"""Writes to the ledger of points. A key makes each payment happen once, whoever asks how often."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from hub.accounts.models import User
from hub.audit.actions import record
from hub.core import clock
from hub.pulls.models import PullRequest
from hub.rewards.models import Evaluation, Reward


def book(user: User, kind: str, points: int, pull: PullRequest | None, key: str) -> bool:
    """Pay `points` once under `key`; False if that was already paid or the account is the house's."""
    if user.is_house or points == 0:
        return False
    try:
        with transaction.atomic():
            reward = Reward.objects.create(
                user=user, kind=kind, points=points, pull=pull, dedupe_key=key, at=clock.now()
            )
            record(None, "reward.booked", reward, user=user.username, points=points, key=key)
    except IntegrityError:  # reward_paid_once: the key was paid before
        return False
    return True


def reverse(reward: Reward, by: User, why: str) -> bool:
    """Take a payment back by a row of its own; False if it was reversed before."""
    try:
        with transaction.atomic():
            row = Reward.objects.create(
                user=reward.user,
                kind=Reward.Kind.REVERSAL,
                points=-reward.points,
                pull=reward.pull,
                reverses=reward,
                dedupe_key=f"reversal:{reward.pk}",
                at=clock.now(),
            )
            record(by, "reward.reversed", row, why=why)
    except IntegrityError:  # reversed before: one-to-one and key are unique
        return False
    return True


def note_evaluation(rules: str, awarded: int) -> Evaluation:
    """Everybody was looked at by these rules."""
    row = Evaluation.objects.create(rules=rules, awarded=awarded, at=clock.now())
    record(None, "badges.evaluated", row, awarded=awarded)
    return row
