"""Writes about people: usernames, tokens."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from hub.accounts.models import ApiToken, User
from hub.core import clock
from hub.core.errors import BadInput
from hub.core.ids import USERNAME, new_token, token_digest

# Names that would read as a part of git's or the site's own namespace, or as somebody with a role.
RESERVED = frozenset(
    {"main", "head", "heads", "tags", "refs", "for", "merge", "admin", "root", "git", "api"}
    | {"touchstone", "mentor", "maintainer"}
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
    if User.objects.filter(username=username).exists():
        raise BadInput(_("The username “%(name)s” is taken: choose another.") % {"name": username})
    return username


def create_token(user: User, name: str, days: int | None = 90) -> tuple[ApiToken, str]:
    """Make a personal token. The second value is its clear text: shown once, stored nowhere.

    Raises:
        BadInput: no name, that of another live token, a lifetime out of range, or too many tokens.
    """
    name = name.strip()[:60]
    if not name:
        raise BadInput(_("Give the token a name, such as the machine that will use it."))
    if days is not None and not 1 <= days <= TOKEN_DAYS_MOST:
        raise BadInput(
            _("A lifetime of %(days)s days is not possible: choose 1 to %(most)s.")
            % {"days": days, "most": TOKEN_DAYS_MOST}
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
        hint=clear[:8],
        created_at=now,
        expires_at=now + timedelta(days=days) if days is not None else None,
    )
    return token, clear


def revoke_token(user: User, token_id: int) -> bool:
    """Revoke one's own token; False if there is no such live token."""
    own = ApiToken.objects.filter(pk=token_id, user=user, revoked_at=None)
    return own.update(revoked_at=clock.now()) == 1
