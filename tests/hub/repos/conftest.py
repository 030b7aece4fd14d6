"""A git door with rules that a test can set, over one small task."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_django

from hub.accounts.actions import create_token
from hub.accounts.models import User
from hub.catalog.models import Task
from hub.core import clock
from hub.repos import git
from hub.repos.access import Policy
from hub.repos.actions import note_pushes, open_repository
from hub.repos.door import Door
from hub.repos.models import Repository
from tests import people
from tests.live import Clone, serving

SLUG = "halve"
FILES = {"README.md": b"Halve every number.\n", "starter/c/solution.c": b"int x;\n"}


def make_task(slug: str = SLUG) -> Task:
    return Task.objects.create(
        uuid=uuid.uuid4(), slug=slug, title_en="Halve", title_zh="减半", summary_en="-", summary_zh="-",
        kind="operator", level=1, points=10, sig="kernels", policy="open", created_at=clock.now(),
    )  # fmt: skip


@dataclass
class Rules:
    """What the door under test is told; a test changes it as it likes."""

    max_files: int = 5
    max_bytes: int = 20_000
    refusal: str = ""
    ended: dict[str, str] = field(default_factory=dict)
    branches_most: int = 3
    hidden: bool = False
    absorbed: list[str] = field(default_factory=list)  # slug of each call of on_push

    def policy_of(self, repository: Repository, user: User) -> Policy:
        return Policy(
            task=repository.task.slug,
            username=user.username,
            allowed=(f"solutions/{user.username}/*",),
            max_files=self.max_files,
            max_bytes=self.max_bytes,
            refusal=self.refusal,
            ended=self.ended,
            branches_most=self.branches_most,
        )

    def on_push(self, repository: Repository) -> None:
        note_pushes(repository)
        self.absorbed.append(repository.task.slug)


@dataclass
class Place:
    """The served door with one task and the cast."""

    url: str
    rules: Rules
    cast: people.Cast
    folder: Path
    open_door: Callable[[int], None]
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, username: str) -> str:
        if username not in self.tokens:
            self.tokens[username] = create_token(User.objects.get(username=username), "test")[1]
        return self.tokens[username]

    def clone(self, username: str = "alice", name: str = "") -> Clone:
        folder = self.folder / (name or username)
        return Clone.of(self.url, SLUG, folder, username, self.token(username))

    def reader(self, name: str = "reader") -> Clone:
        return Clone.of(self.url, SLUG, self.folder / name)

    def branches(self) -> dict[str, str]:
        return git.branches(SLUG)


class _Switch:
    """Served for the whole session; each test puts its own door behind it."""

    door: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.door(scope, receive, send)


@pytest.fixture(scope="session")
def _switch() -> Iterator[tuple[_Switch, str]]:
    switch = _Switch()
    with serving(switch) as url:
        yield switch, url


@pytest.fixture
def place(
    _switch: tuple[_Switch, str],
    transactional_db: None,
    settings: pytest_django.Settings,
    tmp_path: Path,
) -> Place:
    switch, url = _switch
    settings.SITE_URL = url
    rules = Rules()

    def open_door(places: int) -> None:
        switch.door = Door(rules.policy_of, rules.on_push, lambda _: rules.hidden, places=places)

    open_door(16)
    cast = people.create()
    open_repository(make_task(), FILES, "Start")
    return Place(url, rules, cast, tmp_path, open_door)
