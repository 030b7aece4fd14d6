"""The demo's people and example solutions, as the site, `seed_demo` and `make demo` use them.

Their passwords are public, so nothing here may run on a hub that strangers reach: `seed_demo` refuses unless
DEMO=1, and in demo mode every page says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from hub import publishing
from hub.accounts.models import User
from hub.accounts.queries import mentors_among
from hub.catalog.models import Task
from hub.catalog.queries import published_tasks, spec_of


@dataclass(frozen=True)
class Person:
    username: str
    password: str
    display_name: str
    role: Any  # lazy text
    rights: dict[str, bool] = field(default_factory=dict)


PEOPLE = (
    Person("alice", "alice-demo-2026", "Alice 艾丽", _("contributor")),
    Person("bob", "bob-demo-2026", "Bob 博文", _("contributor")),
    Person("mentor", "mentor-demo-2026", "Mei 梅导师", _("mentor"), {"is_mentor": True}),
    Person(
        "maintainer",
        "maintainer-demo-2026",
        "Max 马维护",
        _("maintainer"),
        {"is_maintainer": True, "is_staff": True, "is_superuser": True},
    ),
)


def make_people() -> None:
    """Create those demo people who do not exist, and the house account that owns the examples."""
    for person in PEOPLE:
        if User.objects.filter(username=person.username).exists():
            continue
        User.objects.create_user(
            person.username,
            password=person.password,
            display_name=person.display_name,
            is_demo=True,
            **person.rights,
        )
    publishing.house()
    for task in _bundled():
        task.mentors.set(mentors_among(spec_of(task.current).mentors))


def push_examples() -> int:
    """Have each task's accepted examples judged; how many were new."""
    return sum(publishing.push_examples(task) for task in _bundled())


def _bundled() -> QuerySet[Task]:
    """Those one can push to: a made-up community's have no repository, and mentors of their own."""
    return published_tasks().filter(repository__isnull=False)
