"""The demo's people and example solutions, as the site, `seed_demo` and `make demo` use them.

Their passwords are public, so nothing here may run on a hub that strangers reach: `seed_demo` refuses unless
DEMO=1, and in demo mode every page says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from hub import flow
from hub.accounts.models import User
from hub.accounts.queries import mentors_among
from hub.bench.queries import classes_for
from hub.catalog.models import Task
from hub.catalog.queries import files_of, published_tasks, spec_of
from hub.core.refs import MAIN
from hub.repos import git
from tasks.spec import LANGUAGES

HOUSE = "touchstone"


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
    User.objects.get_or_create(
        username=HOUSE,
        defaults={"display_name": "Touchstone 试金石", "is_house": True, "is_active": False, "password": "!"},
    )
    for task in published_tasks():
        task.mentors.set(mentors_among(spec_of(task.current).mentors))


def push_examples() -> int:
    """Put each task's accepted examples on branches of the house account; how many were new.

    Those for cards only once some machine has one: else they would wait on the first page that people see.
    """
    house = User.objects.get(username=HOUSE)
    return sum(_push_examples_of(task, house) for task in published_tasks())


def _push_examples_of(task: Task, house: User) -> int:
    spec, files = spec_of(task.current), files_of(task.current)
    branches = git.branches(task.slug)
    pushed = 0
    for example in spec.examples:
        ref = f"refs/heads/{HOUSE}/{example.name}"
        on_card = LANGUAGES[example.language].device == "gpu"
        if example.verdict != "passed" or ref in branches or (on_card and not classes_for(task, "gpu")):
            continue
        content = {f"solutions/{HOUSE}/{name}": data for name, data in example.files_of(files).items()}
        git.commit_files(
            task.slug,
            ref,
            content,
            author=house,
            message=f"{example.about.en}\n",
            parent=branches[MAIN],
        )
        pushed += 1
    if pushed:
        flow.branches_moved(task.repository)
    return pushed
