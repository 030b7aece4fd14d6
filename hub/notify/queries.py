"""Reads about notifications."""

from __future__ import annotations

from collections.abc import Iterable

from allauth.account.models import EmailAddress
from django.db.models import F, Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.notify.models import Delivery, Hook, Notification, Wishes
from hub.pulls.queries import is_mentor_of

LOG_LINES = 10  # deliveries that are shown of each webhook


def notifications_of(user: User) -> QuerySet[Notification]:
    """What the person is told in the site, newest first."""
    return Notification.objects.filter(user=user, in_site=True)


def wishes_of(user: User) -> Wishes:
    """How the person wants to be told; a row that is not stored if they never said."""
    return Wishes.objects.filter(user=user).first() or Wishes(user=user)


def reachable(people: Iterable[User]) -> set[int]:
    """Who of these can be written to: has an address, and one that is not still to be confirmed."""
    found = {user.pk for user in people if user.email}
    doubtful = EmailAddress.objects.filter(user__in=found, verified=False, email__iexact=F("user__email"))
    return found - set(doubtful.values_list("user", flat=True))


def hooks_of(user: User) -> QuerySet[Hook]:
    """Webhooks of the person and of the tasks that they mentor, each with `log`: its last deliveries."""
    own = Q(user=user) | Q(task__mentors=user) | Q(task__isnull=False, made_by=user)
    log = Prefetch("deliveries", Delivery.objects.order_by("-made_at")[:LOG_LINES], to_attr="log")
    return Hook.objects.filter(own).distinct().select_related("task").prefetch_related(log)


def why_not_hook(hook: Hook, user: User) -> str | None:
    """Why this person does not manage the webhook, as a sentence; None if they do."""
    if hook.task is not None and is_mentor_of(hook.task, user):
        return None
    if hook.user_id == user.pk:
        return None
    return _("This webhook belongs to somebody else.")
