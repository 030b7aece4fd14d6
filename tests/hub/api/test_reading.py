"""The JSON API that people's programs read: by token alone, as its owner sees it, so many a minute."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from hub.accounts.actions import create_token
from hub.accounts.models import Scope, User
from hub.accounts.queries import user_by_token
from hub.api import reading
from hub.catalog.models import Task
from hub.core.limits import Limit
from hub.rulings import actions as rulings
from tests.hub.programmes.conftest import new_programme
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story
from tests.people import Cast


@played_once
def told(story: Story, cast: Cast) -> Story:
    """Alice's work is merged; Bob's is wrong."""
    story.worker()
    story.merged(cast.alice, cast.mei, cast.max)
    story.push(cast.bob)
    story.run(story.live()[0], "wrong_answer")
    return story


def get(user: User, path: str, scope: str = Scope.API) -> tuple[int, dict[str, Any]]:
    token = user.tokens.filter(name=scope).delete() and create_token(user, scope, scope=scope)[1]
    answer = Client().get(f"/api/v1/{path}", headers={"authorization": f"Bearer {token}"})
    assert answer.headers["Content-Type"] == "application/json"
    return answer.status_code, answer.json()


def test_tasks_and_their_boards_are_read_from_address_to_address(told: Story, cast: Cast) -> None:
    _status, found = get(cast.bob, "tasks")
    row = next(row for row in found["tasks"] if row["slug"] == "vector-add")
    assert row["title"]["zh"] == told.task.title_zh
    assert found["next"] is None
    _status, one = get(cast.bob, "tasks/vector-add")
    assert one["revision"] == told.task.current.digest
    path = one["boards"][HARDWARE].removeprefix(f"{settings.SITE_URL}/api/v1/")
    _status, board = get(cast.bob, path)
    (entry,) = board["entries"]
    assert (entry["rank"], entry["username"], entry["confirmed"]) == (1, "alice", True)
    assert entry["low"] < entry["ratio"] < entry["high"]


def test_everybody_reads_their_own_verdicts_alone(told: Story, cast: Cast) -> None:
    _status, found = get(cast.bob, "verdicts")
    assert [(row["kind"], row["outcome"]) for row in found["verdicts"]] == [("check", "wrong_answer")]
    _status, own = get(cast.alice, "verdicts")
    assert own["verdicts"][-1]["commit"] == told.task.pulls.get(author=cast.alice).patch_sets.get().head_sha
    assert {row["outcome"] for row in own["verdicts"]} == {"passed"}
    assert get(cast.mei, "verdicts")[1] == {"verdicts": [], "next": None}


def test_of_what_is_held_it_says_no_more_than_that(told: Story, cast: Cast) -> None:
    verdict = told.task.pulls.get(author=cast.alice).patch_sets.get().jobs.get(kind="rank").verdict
    rulings.hold(verdict, told.task.pulls.get(author=cast.bob).patch_sets.get(), 0.9, same_artefact=False)
    _status, found = get(cast.alice, "verdicts")
    row = next(row for row in found["verdicts"] if row["kind"] == "rank")
    assert (row["outcome"], row["reason"], row["ratio"]) == ("suspicious", None, None)


def test_standings_and_oneself(told: Story, cast: Cast) -> None:
    new_programme(cast, [told.task], starts_at=-9, ends_at=9)
    assert [one["slug"] for one in get(cast.bob, "programmes")[1]["programmes"]] == ["spring"]
    _status, found = get(cast.bob, "programmes/spring/standing")
    people = [(line["rank"], line["people"]) for line in found["lines"]]
    assert people == [(1, ["alice"]), (2, ["mei"])]  # who reviewed it
    assert get(cast.alice, "me")[1]["points"] == told.task.points


def test_while_a_contest_hides_entries_it_tells_each_their_own(told: Story, cast: Cast) -> None:
    new_programme(
        cast, [told.task], kind="contest", policy="open", hides_entries=True, starts_at=-9, ends_at=9
    )
    path = f"tasks/vector-add/boards/{HARDWARE}"
    assert get(cast.bob, path)[1]["entries"] == []
    own = get(cast.alice, path)[1]
    assert [(entry["rank"], entry["username"]) for entry in own["entries"]] == [(None, "alice")]
    assert get(cast.bob, "programmes/spring/standing")[1]["hidden"] is True
    assert get(cast.max, path)[1]["hidden"] is False


@pytest.mark.parametrize("scope", [Scope.GIT_READ, Scope.GIT_PUSH])
def test_a_token_opens_git_or_the_api_and_not_both(db: None, cast: Cast, scope: str) -> None:
    status, said = get(cast.alice, "me", scope)
    assert (status, "lacks api" in said["error"]) == (401, True)
    clear = create_token(cast.alice, "program", scope=Scope.API)[1]
    assert user_by_token(clear, scope) is None


def test_without_a_token_a_session_opens_nothing(db: None, cast: Cast) -> None:
    client = Client()
    client.force_login(cast.alice)
    answer = client.get("/api/v1/me")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    revoked, clear = create_token(cast.alice, "old", scope=Scope.API)
    revoked.revoked_at = timezone.now()
    revoked.save()
    answer = client.get("/api/v1/me", headers={"authorization": f"Bearer {clear}"})
    assert (answer.status_code, "was revoked" in answer.json()["error"]) == (401, True)


def test_it_reads_only_and_says_what_is_not_there(db: None, cast: Cast, make_task: Any) -> None:
    answer = Client().post("/api/v1/tasks")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    Task.objects.filter(pk=make_task().pk).update(state="retired")
    for path in ("tasks/none", "tasks/vector-add", "programmes/none/standing", "tasks/none/boards/x"):
        assert get(cast.alice, path)[0] == 404


def test_so_many_in_a_minute(db: None, cast: Cast, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    monkeypatch.setattr(reading, "A_MINUTE", Limit("api-test", most=2, seconds=3600))
    assert [get(cast.alice, "me")[0] for _ in range(3)] == [200, 200, 429]
    assert get(cast.bob, "me")[0] == 200


def test_lists_come_a_page_at_a_time(told: Story, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "A_PAGE", 1)
    seen, path = [], "verdicts"
    while path:
        _status, found = get(cast.alice, path)
        seen += found["verdicts"]
        path = (found["next"] or "").removeprefix(f"{settings.SITE_URL}/api/v1/")
    assert len(seen) == 4  # check, rank, confirmation, merge


def test_each_answer_takes_few_queries(told: Story, cast: Cast, django_assert_max_num_queries: Any) -> None:
    token = create_token(cast.alice, "program", scope=Scope.API)[1]
    for path in ("me", "tasks", "tasks/vector-add", f"tasks/vector-add/boards/{HARDWARE}", "verdicts"):
        with django_assert_max_num_queries(15):
            Client().get(f"/api/v1/{path}", headers={"authorization": f"Bearer {token}"})
