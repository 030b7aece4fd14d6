"""Forms that somebody else's page sends, fields that no form has, rows of others, ways out of the site."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import transaction
from django.db.models import Model
from django.http import HttpResponse

from hub.accounts.models import ApiToken, User
from hub.catalog.models import SavedFilter
from hub.claims.models import Claim
from hub.community.models import Post
from hub.notify.models import Notification
from hub.pulls.models import Comment, PullRequest
from hub.rewards.models import Reward
from tests.hub.security.matrix import MATRIX, NO_SUCH_METHOD
from tests.hub.security.test_access import quiet
from tests.hub.security.world import World, addresses

__all__ = ["quiet"]
pytestmark = pytest.mark.usefixtures("quiet")

SIGNED = ("web:unsubscribe",)  # mail programs send it (RFC 8058); the link itself is signed
BY_TOKEN = "api:"  # a worker's token is in a header, which no form can send
OUTSIDE = ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)")
WAYS = ("next", "back", "url", "redirect", "return")
FLAGS = ("is_staff", "is_superuser", "is_maintainer", "is_mentor", "is_operator", "is_house", "is_demo")
# Columns of rows that a form makes or changes, as somebody could guess them.
EXTRA = {
    **dict.fromkeys(FLAGS, "on"),
    **dict.fromkeys(("id", "pk", "user", "user_id", "author", "author_id", "owner", "by", "by_id"), "1"),
    **{"state": "merged", "points": "9999", "role": "maintainer", "scope": "all", "verified": "on"},
}


def posted(world: World) -> Iterator[tuple[str, str]]:
    """View and path of everything that takes a form."""
    for address in addresses():
        row = MATRIX.get(address.view)
        if row is not None and row.post != NO_SUCH_METHOD and not address.view.startswith(BY_TOKEN):
            yield address.view, world.address(address)


def sent(world: World, role: str, more: dict[str, str]) -> Iterator[tuple[str, HttpResponse]]:
    """Each form as this person sends it, with these fields besides; what it did is undone afterwards."""
    for view, path in posted(world):
        client = world.client(role)
        with transaction.atomic():
            yield view, client.post(path, {**MATRIX[view].data, **more})
            transaction.set_rollback(True)


@pytest.mark.slow
def test_no_form_is_taken_without_its_token(world: World) -> None:
    client = world.client("maintainer", enforce_csrf_checks=True)
    paths = dict(posted(world))
    assert len(paths) > 50
    assert {view for view, path in paths.items() if client.post(path).status_code != 403} == {*SIGNED}


@pytest.mark.slow
@pytest.mark.parametrize("role", ["stranger", "author"])
def test_no_form_leads_out_of_the_site(world: World, role: str) -> None:
    for way in OUTSIDE:
        for view, answer in sent(world, role, dict.fromkeys(WAYS, way)):
            assert stays(answer), (view, way, answer.headers["location"])


@pytest.mark.slow
def test_no_page_leads_out_of_the_site(world: World) -> None:
    for way in OUTSIDE:
        asked = urlencode(dict.fromkeys(WAYS, way))
        for address in addresses():
            if address.view.startswith(("admin", BY_TOKEN)) or address.view == "web:pull_events":
                continue
            answer = world.client("author").get(f"{world.address(address)}?{asked}")
            assert stays(answer), (address.view, way, answer.headers["location"])


def stays(answer: HttpResponse) -> bool:
    to = urlsplit(answer.headers.get("location", "/").replace("\\", "/"))
    return to.netloc in ("", "testserver") and to.scheme in ("", "http")


@pytest.mark.slow
@pytest.mark.parametrize("role", ["stranger", "contributor", "author", "other mentor"])
def test_fields_that_no_form_has_change_nothing(world: World, role: str) -> None:
    before = {**rights(), "rewards": Reward.objects.count()}
    states = set(PullRequest.objects.values_list("pk", "state"))
    for view, answer in sent(world, role, EXTRA):
        assert answer.status_code < 500, view
        assert {**rights(), "rewards": Reward.objects.count()} == before, view
        gone = states - set(PullRequest.objects.values_list("pk", "state"))
        assert not gone or view in ("web:pull_close", "web:pull_reopen"), view


def test_signing_up_with_rights_gives_none(world: World) -> None:
    secret = "basalt-and-green-tea"
    form = {"username": "mallory", "email": "mallory@example.org", "password": secret, "password1": secret}
    world.client("stranger").post("/signup/", {**form, "password2": secret, **EXTRA})
    made = User.objects.get(username="mallory")
    assert [flag for flag in FLAGS if getattr(made, flag)] == []


def rights() -> dict[str, Any]:
    rows = User.objects.values_list("username", *FLAGS)
    return {name: tuple(flags) for name, *flags in rows if any(flags)}


OF_ALICE: dict[str, type[Model]] = {
    "web:token_revoke": ApiToken,
    "web:search_forget": SavedFilter,
    "web:claim_release": Claim,
    "web:claim_extend": Claim,
    "web:claim_withdraw": Claim,
    "web:claim_answer": Claim,
    "web:post_hide": Post,
    "web:pull_close": PullRequest,
    "web:pull_reopen": PullRequest,
    "web:pull_merge": PullRequest,
    "web:thread_resolve": Comment,
    "web:notification_open": Notification,
}


@pytest.mark.slow
@pytest.mark.parametrize("role", ["contributor", "other"])
def test_rows_of_others_stay_as_they_are(world: World, role: str) -> None:
    for view, path in posted(world):
        if view in OF_ALICE:
            before = list(OF_ALICE[view]._default_manager.order_by("pk").values())
            world.client(role).post(path, MATRIX[view].data)
            assert list(OF_ALICE[view]._default_manager.order_by("pk").values()) == before, view
