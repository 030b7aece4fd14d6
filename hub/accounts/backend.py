"""Who may log in by password, and whose session goes on. Not in charge of tokens (`queries.py`)."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend

from hub.accounts.models import User
from hub.accounts.queries import may_enter, with_unread


class OpenAccounts(AuthenticationBackend):
    """Django asks this at each log-in and again for each request of a session."""

    def user_can_authenticate(self, user: Any) -> bool:
        return may_enter(user)

    def get_user(self, user_id: Any) -> User | None:
        """The person of a session, with the number that the bell of every page shows."""
        return next(filter(may_enter, with_unread(user_id)), None)
