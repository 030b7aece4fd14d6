"""Tokens on their page: shown once, listed without their text, revoked."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from hub.accounts.models import ApiToken
from hub.accounts.queries import user_by_token
from hub.core import clock
from tests import people
from tests.hub.web.conftest import Visitor

CLEAR = re.compile(r"ts_[A-Za-z0-9_-]{43}")


def make(visitor: Visitor, **data: str) -> str:
    return visitor.send("/settings/tokens/create/", {"name": "laptop", "days": "90", **data})


def test_a_token_works_and_is_shown_this_once(cast: people.Cast) -> None:
    alice = Visitor(cast.alice)
    found = CLEAR.search(make(alice))
    assert found is not None
    assert user_by_token(found.group()) == cast.alice
    later = alice.get("/settings/tokens/")
    assert CLEAR.search(later) is None
    assert f"<code>{found.group()[:8]}…</code>" in later


def test_loading_the_answer_again_makes_no_second_token(cast: people.Cast) -> None:
    alice = Visitor(cast.alice)
    make(alice)
    again = alice.post("/settings/tokens/create/", {"name": "laptop", "days": "90"})
    assert again.status_code == 422
    assert "You have a token named “laptop” already" in again.content.decode()
    assert ApiToken.objects.count() == 1


def test_the_answer_with_a_token_is_never_kept_by_a_cache(cast: people.Cast) -> None:
    answer = Visitor(cast.alice).post("/settings/tokens/create/", {"name": "laptop", "days": "30"})
    assert "no-store" in answer.headers["cache-control"]


def test_a_revoked_token_is_gone_from_the_page_and_from_git(cast: people.Cast) -> None:
    alice = Visitor(cast.alice)
    clear = CLEAR.search(make(alice)).group()  # type: ignore[union-attr]
    page = alice.send(f"/settings/tokens/{ApiToken.objects.get().pk}/revoke/")
    assert "The token is revoked" in page
    assert "No token yet" in page
    assert user_by_token(clear) is None


def test_an_expired_token_is_marked(cast: people.Cast) -> None:
    alice = Visitor(cast.alice)
    make(alice)
    ApiToken.objects.update(expires_at=clock.now() - timedelta(days=1))
    assert ">expired</span>" in alice.get("/settings/tokens/")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "   "}, "This field is required."),
        ({"days": "3650"}, "3650 is not one of the available choices."),
        ({"days": "never"}, "never is not one of the available choices."),
    ],
)
def test_a_form_that_does_not_fit_is_shown_again(cast: people.Cast, data: dict[str, str], said: str) -> None:
    page = Visitor(cast.alice).send(
        "/settings/tokens/create/", {"name": "laptop", "days": "90", **data}, status=422
    )
    assert said in page
    assert not ApiToken.objects.exists()


def test_nobody_collects_tokens_without_end(cast: people.Cast) -> None:
    alice = Visitor(cast.alice)
    for number in range(20):
        make(alice, name=f"machine {number}")
    page = alice.send("/settings/tokens/create/", {"name": "one more", "days": "30"}, status=422)
    assert "You have 20 tokens: revoke one first." in page


def test_a_stranger_has_no_tokens_page(db: None) -> None:
    answer = Visitor(None).client.get("/settings/tokens/")
    assert answer.headers["location"] == "/login/?next=/settings/tokens/"
