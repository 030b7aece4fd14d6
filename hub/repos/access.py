"""Who asks at the git door, and what this person may push: the policy that the pre-receive hook enforces.

Not in charge of looking up claims, pull requests or task revisions: `repos` lies below them, so whoever wires
the door gives it a function that knows (`hub/asgi.py`).
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from django.conf import settings

from hub.accounts.models import REJECTS, Scope, User
from hub.accounts.queries import token_fault, user_by_token
from hub.core.refs import MAIN
from hub.repos import git

BRANCHES_MOST = 20  # of one contributor on one task, merged and closed ones not counted
POLICY_BYTES_MOST = 100_000  # Linux takes 128 KiB in one environment variable
PERSONAL = "ts_"  # how a personal token begins


class Unidentified(Exception):
    """No valid token came with the request; the text says why and where to get one."""


class PolicyTooLong(Exception):
    """The policy does not fit into the hook's environment; the text is for the pusher."""


@dataclass(frozen=True)
class Policy:
    """What one person may push to one task's repository now."""

    task: str  # slug
    username: str
    allowed: tuple[str, ...]  # patterns of file names, with the username filled in
    max_files: int
    max_bytes: int
    refusal: str = ""  # why this person may push nothing at all, such as a missing claim
    ended: Mapping[str, str] = field(default_factory=dict)  # topic -> "closed" | "merged <sha>"
    branches_most: int = BRANCHES_MOST
    notice: Sequence[str] = ()  # why a push is kept and not judged at once …
    replaceable: Sequence[str] = ()  # … unless it goes to one of these topics, whose turn it takes over

    def to_json(self) -> str:
        text = json.dumps({**asdict(self), "site": settings.SITE_URL, "main": MAIN})
        if len(text) > POLICY_BYTES_MOST:
            raise PolicyTooLong(
                f"You have {len(self.ended)} finished pull requests on {self.task}, "
                "too many for the check of a push. Write to the maintainers."
            )
        return text


def allowed_for(username: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(pattern.replace("{username}", username) for pattern in patterns)


def outside(names: Iterable[str], allowed: tuple[str, ...]) -> list[str]:
    """Those names that no pattern allows; the hook asks the same of a push."""
    return [name for name in names if not any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed)]


def identify(authorization: str, scope: str = Scope.GIT_READ) -> User:
    """The person behind an Authorization header: any of username and token, or the token alone as username.

    Raises:
        Unidentified: the header or the token is not good, or not for this.
    """
    username, token = _credentials(authorization)
    user = user_by_token(token, scope)
    if user is None:
        raise Unidentified(f"{_fault(token, scope)} {_where()}")
    if username and username != user.username:
        raise Unidentified(
            f"This token belongs to {user.username}, and you gave the username {username}. "
            f"Use the username {user.username}, or a token of {username}. {_where()}"
        )
    return user


def hidden_refs(hidden: bool, username: str | None) -> list[tuple[str, str]]:
    """git's configuration of what a request sees: never our own refs nor examples that must not pass; in a
    contest, no others' branches.
    """
    rules = [("transfer.hideRefs", ref) for ref in (git.KEEP.rstrip("/"), f"refs/heads/{REJECTS}")]
    if hidden:
        seen = [MAIN] if username is None else [MAIN, f"refs/heads/{username}"]
        rules += [("transfer.hideRefs", "refs/heads"), *(("transfer.hideRefs", f"!{ref}") for ref in seen)]
    return rules


def _credentials(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        decoded = ""
    username, colon, password = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise Unidentified(f"git must log in with a username and a personal token (HTTP Basic). {_where()}")
    if username.startswith(PERSONAL):
        return "", username
    return username.lower(), password


def _fault(token: str, scope: str) -> str:
    if token.startswith(PERSONAL):
        return token_fault(token, scope)
    return "That is not a personal token. git does not take the password of the site, only a personal token."


def _where() -> str:
    return f"Make a token at {settings.SITE_URL}/settings/tokens/ and give it as the password."
