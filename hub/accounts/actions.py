"""Writes about people: usernames, tokens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from hub.accounts.models import REJECTS, ApiToken, Part, Scope, User
from hub.core import clock
from hub.core.errors import BadInput
from hub.core.ids import USERNAME, new_token, token_digest

# Names that would read as a part of git's or the site's own namespace, or as somebody with a role.
RESERVED = frozenset(
    {"main", "head", "heads", "tags", "refs", "for", "merge", "admin", "root", "git", "api"}
    | {"touchstone", REJECTS, "mentor", "maintainer"}
)
TOKEN_DAYS_MOST = 365
TOKENS_MOST = 20


def fit_username(username: str) -> str:
    """The name, if a newcomer may take it.

    Raises:
        BadInput: the name is taken, reserved or malformed.
    """
    if not USERNAME.fullmatch(username) or username in RESERVED:
        raise BadInput(
            _(
                "The username “%(name)s” cannot be used: take 2 to 32 small letters, digits and hyphens, "
                "beginning with a letter or digit."
            )
            % {"name": username}
        )
    if User.objects.filter(Q(username=username) | Q(git_name=username)).exists():
        raise BadInput(_("The username “%(name)s” is taken: choose another.") % {"name": username})
    return username


def create_token(
    user: User, name: str, days: int | None = 90, scope: str = Scope.GIT_PUSH
) -> tuple[ApiToken, str]:
    """Make a personal token. The second value is its clear text: shown once, stored nowhere.

    Raises:
        BadInput: no name, that of another live token, a lifetime or scope that is none, or too many tokens.
    """
    name = name.strip()[:60]
    if not name:
        raise BadInput(_("Give the token a name, such as the machine that will use it."))
    if days is not None and not 1 <= days <= TOKEN_DAYS_MOST:
        raise BadInput(
            _("A lifetime of %(days)s days is not possible: choose 1 to %(most)s.")
            % {"days": days, "most": TOKEN_DAYS_MOST}
        )
    if scope not in Scope:
        raise BadInput(
            _("A token for “%(scope)s” is not known: choose %(known)s.")
            % {"scope": scope, "known": ", ".join(Scope.values)}
        )
    now = clock.now()
    live = user.tokens.filter(revoked_at=None)
    if live.exclude(expires_at__lte=now).filter(name=name).exists():  # as when the answer is loaded again
        raise BadInput(
            _("You have a token named “%(name)s” already: choose another name, or revoke that one first.")
            % {"name": name}
        )
    if live.count() >= TOKENS_MOST:
        raise BadInput(_("You have %(most)s tokens: revoke one first.") % {"most": TOKENS_MOST})
    clear = new_token("ts")
    token = ApiToken.objects.create(
        user=user,
        name=name,
        digest=token_digest(clear),
        scopes=[Scope.API] if scope == Scope.API else Scope.values[: Scope.values.index(scope) + 1],
        hint=clear[:8],
        created_at=now,
        expires_at=now + timedelta(days=days) if days is not None else None,
    )
    return token, clear


def choose_hidden(user: User, parts: Iterable[str]) -> None:
    """Keep these parts of one's profile to oneself, and show all others.

    Raises:
        BadInput: something that is no part of a profile.
    """
    chosen = set(parts)
    if unknown := sorted(chosen - set(Part.values)):
        raise BadInput(
            _("“%(name)s” is no part of a profile: choose among %(parts)s.")
            % {"name": unknown[0], "parts": ", ".join(Part.values)}
        )
    User.objects.filter(pk=user.pk).update(hidden=[part.value for part in Part if part in chosen])


def revoke_token(user: User, token_id: int) -> bool:
    """Revoke one's own token; False if there is no such live token."""
    own = ApiToken.objects.filter(pk=token_id, user=user, revoked_at=None)
    return own.update(revoked_at=clock.now()) == 1
