"""A small town: people with claims, pull requests, verdicts and points; and a way to look as each of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from hub import flow
from hub.accounts.actions import create_token
from hub.accounts.models import ApiToken, User
from hub.catalog.models import Task
from hub.claims.actions import claim
from hub.claims.models import Claim
from hub.learning.actions import publish_course
from hub.learning.models import Course, Lesson
from hub.pulls.models import PullRequest
from tasks.spec import load_course
from tests import people
from tests.hub.conftest import TASKS, new_task
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story

LANGUAGES = ("en", "zh-hans")
PROPOSAL = "First the plain loops, then blocks that fit the cache, then the vector units, measured each time."


@dataclass
class Visitor:
    """A browser of one person; None is a stranger."""

    who: User | None
    language: str = "en"

    def __post_init__(self) -> None:
        self.client = Client(headers={"accept-language": self.language})
        if self.who is not None:
            self.client.force_login(self.who)

    def get(self, path: str, status: int = 200, **more: Any) -> str:
        return self._text(self.client.get(path, **more), status, path)

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> HttpResponse:
        return self.client.post(path, data or {}, **more)

    def send(self, path: str, data: dict[str, Any] | None = None, status: int = 200) -> str:
        """POST and follow the redirect, as a browser does."""
        return self._text(self.client.post(path, data or {}, follow=True), status, path)

    def _text(self, answer: HttpResponse, status: int, path: str) -> str:
        assert answer.status_code == status, f"{path}: {answer.status_code}, not {status}"
        return answer.content.decode().replace("\xa0", " ")


@dataclass
class Town:
    story: Story
    people: people.Cast
    merged: PullRequest  # alice's, with points
    failing: PullRequest  # bob's
    proposal: Claim  # bob's, on `guarded`
    claim: Claim  # alice's, on `single`
    guarded: Task
    single: Task
    token: ApiToken  # alice's
    lesson: Lesson  # without an exercise

    @property
    def task(self) -> Task:
        return self.story.task

    def pages(self) -> list[str]:
        slug = self.task.slug
        return [
            "/",
            "/login/",
            "/signup/",
            "/tasks/",
            "/tasks/?text=nothing-like-this",
            f"/tasks/{slug}/",
            f"/tasks/{slug}/revisions/",
            f"/tasks/{self.guarded.slug}/",
            f"/tasks/{self.single.slug}/",
            "/boards/",
            f"/boards/{slug}/{HARDWARE}/",
            f"/boards/{self.single.slug}/cpu-x86/",
            "/learn/",
            "/programmes/",
            f"/learn/{self.lesson.course.slug}/",
            f"/learn/{self.lesson.course.slug}/{self.lesson.slug}/",
            "/people/alice/",
            "/people/bob/",
            "/people/mei/",
        ]


@pytest.fixture
def visitor() -> Callable[..., Visitor]:
    return Visitor


def reading_course() -> Course:
    """The built-in course without its exercises, which need repositories."""
    spec = load_course(TASKS / "courses" / "first-operator")
    kept = tuple(lesson for lesson in spec.lessons if not lesson.exercise)
    return publish_course(dataclasses.replace(spec, lessons=kept))


@played_once
def town(story: Story, cast: people.Cast) -> Town:
    single = new_task("row-softmax", policy="exclusive", slots=1)
    guarded = new_task("layer-norm-gelu", policy="proposal", slots=1)
    merged = story.approved(cast.alice, by=cast.mei)
    flow.merge(merged, cast.max)
    story.run_all()
    patch_set = story.push(cast.bob, "slow")
    story.run(story.live()[0], "wrong_answer")
    token, _clear = create_token(cast.alice, "laptop")
    return Town(
        story=story,
        people=cast,
        merged=merged,
        failing=patch_set.pull,
        proposal=claim(guarded, cast.bob, PROPOSAL),
        claim=claim(single, cast.alice),
        guarded=guarded,
        single=single,
        token=token,
        lesson=reading_course().lessons.get(slug="threads"),
    )


def measure(story: Story, cast: people.Cast, **ratios: float) -> Story:
    """Give each of these people a timed entry with that ratio."""
    story.worker()
    for name, ratio in ratios.items():
        story.push(getattr(cast, name))
        story.run_all(ratio)
    return story
