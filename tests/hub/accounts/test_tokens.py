"""Personal tokens: shown once, stored hashed, refused with the reason."""

from __future__ import annotations

import base64
from datetime import timedelta
from functools import partial

import pytest
from django.core.cache import cache

from hub.accounts import actions, queries
from hub.accounts.models import ApiToken, User
from hub.core import clock
from hub.core.errors import BadInput
from hub.repos import door
from hub.repos.access import Unidentified, identify
from tests import people


def test_a_token_opens_the_door_for_its_owner_and_is_stored_hashed(cast):
    token, clear = actions.create_token(cast.alice, "laptop")
    assert queries.user_by_token(clear) == cast.alice
    assert clear not in str(ApiToken.objects.values().get(pk=token.pk))


def test_an_unknown_token_opens_nothing(cast):
    assert queries.user_by_token("ts_made-up") is None
    assert queries.token_fault("ts_made-up") == "This token is unknown."


def test_an_expired_token_says_since_when(cast, monkeypatch):
    _, clear = actions.create_token(cast.alice, "laptop", days=1)
    moment = clock.now() + timedelta(days=2)
    monkeypatch.setattr(clock, "now", lambda: moment)
    assert queries.user_by_token(clear) is None
    assert "“laptop” expired on" in queries.token_fault(clear)


def test_a_revoked_token_says_so(cast):
    token, clear = actions.create_token(cast.alice, "laptop")
    assert actions.revoke_token(cast.alice, token.pk)
    assert queries.user_by_token(clear) is None
    assert "was revoked on" in queries.token_fault(clear)


def test_nobody_revokes_another_persons_token(cast):
    token, clear = actions.create_token(cast.alice, "laptop")
    assert not actions.revoke_token(cast.bob, token.pk)
    assert queries.user_by_token(clear) == cast.alice


def test_a_closed_account_opens_nothing(cast):
    _, clear = actions.create_token(cast.alice, "laptop")
    cast.alice.is_active = False
    cast.alice.save()
    assert queries.user_by_token(clear) is None
    assert "is closed" in queries.token_fault(clear)


def test_a_demo_account_is_closed_outside_demo_mode(cast, client, settings):
    User.objects.filter(pk=cast.alice.pk).update(is_demo=True)
    _, clear = actions.create_token(cast.alice, "laptop")
    settings.DEMO = True
    assert client.login(username="alice", password=people.PASSWORD)
    assert queries.user_by_token(clear) == cast.alice
    settings.DEMO = False  # the same data folder, started with DEMO=0
    assert client.get("/desk/").status_code == 302, "her session ended"
    assert not client.login(username="alice", password=people.PASSWORD)
    assert queries.user_by_token(clear) is None
    assert "is closed" in queries.token_fault(clear)


@pytest.mark.parametrize(
    ("name", "days", "words"),
    [("", 30, "Give the token a name"), ("x", 0, "0 days"), ("x", 366, "366 days")],
)
def test_a_token_without_a_name_or_with_an_odd_lifetime_is_refused(cast, name, days, words):
    with pytest.raises(BadInput, match=words):
        actions.create_token(cast.alice, name, days)


@pytest.mark.parametrize(
    "name", ["A", "Alice", "a", "-a", "al ice", "main", "mentor", "爱丽丝", "a" * 33, "../x"]
)
def test_a_username_that_cannot_be_a_branch_is_refused(db, name):
    with pytest.raises(BadInput, match="cannot be used"):
        actions.fit_username(name)


def test_a_taken_name_is_refused(cast):
    with pytest.raises(BadInput, match="is taken"):
        actions.fit_username("alice")


def basic(clear):
    return "Basic " + base64.b64encode(f"alice:{clear}".encode()).decode()


def test_a_token_for_reading_does_not_push(cast):
    _, clear = actions.create_token(cast.alice, "laptop", scope="git:read")
    assert identify(basic(clear)) == cast.alice
    with pytest.raises(Unidentified, match="“laptop” may not be used for this: it lacks git:push"):
        identify(basic(clear), "git:push")


def test_a_token_for_something_unknown_is_not_made(cast):
    with pytest.raises(BadInput, match="“root” is not known"):
        actions.create_token(cast.alice, "laptop", scope="root")


def test_an_address_that_sends_wrong_tokens_is_made_to_wait(cast, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    _, clear = actions.create_token(cast.alice, "laptop")
    asks = partial(door.Request, "halve", "info/refs", door.WRITE, "GET")
    for _ in range(door.WRONG_TOKENS.most):
        with pytest.raises(door.Turned, match="unknown"):
            door.person_of(asks({"authorization": basic("ts_a-guess")}, "10.0.0.1"))
    with pytest.raises(door.Turned, match="Too many wrong tokens"):
        door.person_of(asks({"authorization": basic(clear)}, "10.0.0.1"))
    assert door.person_of(asks({"authorization": basic(clear)}, "10.0.0.2")) == cast.alice
    cache.clear()
