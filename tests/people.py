"""The cast. Every view is tried as each of them.

alice and bob contribute, mei mentors, max maintains the tasks.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.accounts.models import User

PASSWORD = "green-tea-and-granite"


@dataclass(frozen=True)
class Cast:
    alice: User
    bob: User
    mei: User
    max: User


def create() -> Cast:
    def person(username: str, **roles: bool) -> User:
        return User.objects.create_user(username=username, password=PASSWORD, **roles)

    return Cast(
        alice=person("alice"),
        bob=person("bob"),
        mei=person("mei", is_mentor=True),
        max=person("max", is_maintainer=True),
    )
