"""Reads about people and their tokens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from hub.accounts.models import ApiToken, Scope, User
from hub.core import clock
from hub.core.ids import token_digest
from hub.core.prepared import prepared

USED_RESOLUTION = timedelta(minutes=1)  # `last_used_at` is written no more often than this


def may_enter(user: User) -> bool:
    """Whether the account is open. A demo account's password is public: outside demo mode it is closed."""
    return user.is_active and (settings.DEMO or not user.is_demo)


@prepared
def with_unread(key: int) -> QuerySet[User]:
    """A person with `unread`: how much they were told that they have not read; and with `is_appointed`:
    whether they have a role for some SIG or task. The apps that keep these lie above this one; read with the
    person, they cost no query of their own."""
    new = Q(notifications__in_site=True, notifications__read_at=None)
    number = User.objects.filter(new, pk=OuterRef("pk")).order_by().values("pk").annotate(n=Count("pk"))
    appointed = User.objects.filter(
        pk=OuterRef("pk"), appointments__at__isnull=False, appointments__ended_at=None
    )
    people = User.objects.annotate(
        is_appointed=Exists(appointed), unread=Coalesce(Subquery(number.values("n")), 0)
    )
    return people.filter(pk=key)


def user_by_token(clear: str, scope: str = Scope.GIT_READ) -> User | None:
    """The person a token belongs to; None if it is unknown, expired, revoked or for something else, or the
    account is closed."""
    now = clock.now()
    live = ApiToken.objects.filter(digest=token_digest(clear), revoked_at=None).filter(
        Q(expires_at=None) | Q(expires_at__gt=now)
    )
    token = live.select_related("user").first()
    if token is None or scope not in token.scopes or not may_enter(token.user):
        return None
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - USED_RESOLUTION)
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token.user


def token_fault(clear: str, scope: str = Scope.GIT_READ) -> str:
    """Why a token is refused, as a sentence for the terminal (English; git shows it as it is)."""
    token = ApiToken.objects.filter(digest=token_digest(clear)).first()
    if token is None:
        return "This token is unknown."
    if token.revoked_at is not None:
        return f"The token “{token.name}” was revoked on {token.revoked_at:%Y-%m-%d}."
    if token.expires_at is not None and token.expires_at <= clock.now():
        return f"The token “{token.name}” expired on {token.expires_at:%Y-%m-%d}."
    if scope not in token.scopes:
        return f"The token “{token.name}” may not be used for this: it lacks {scope}."
    return f"The account of the token “{token.name}” is closed."


def tokens_of(user: User) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(user=user, revoked_at=None)


def mentors_among(usernames: Iterable[str]) -> QuerySet[User]:
    """Those people who hold a mentor's or maintainer's role. A name alone gives nobody a right: whoever
    signs up first under a name that a task folder mentions is a stranger."""
    role = Q(is_mentor=True) | Q(is_maintainer=True)
    return User.objects.filter(role, is_active=True, username__in=usernames)
