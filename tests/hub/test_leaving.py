"""Deleting an account: what says who somebody was is gone, what others rely on stays, no sum changes."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core import serializers

from hub.accounts.actions import create_token, fit_username
from hub.accounts.models import User
from hub.claims.actions import claim
from hub.claims.models import Claim
from hub.core.errors import BadInput, NotAllowed
from hub.leaving import leave
from hub.pulls.models import PullRequest
from hub.rewards.models import Reward
from hub.rewards.queries import points_of
from tests import people
from tests.hub.conftest import new_task
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.hub.web.conftest import Visitor


@played_once
def rich(story: Story, cast: people.Cast) -> PullRequest:
    """alice merged something, has another pull request open and a claim."""
    merged = story.merged(cast.alice, cast.mei, cast.max, topic="done").patch_set.pull
    story.push(cast.alice, "second")
    return merged


@pytest.mark.slow
def test_the_ledger_keeps_its_sum_and_nothing_keeps_the_name(
    rich: PullRequest, cast: people.Cast, story: Story
) -> None:
    alice = cast.alice
    User.objects.filter(pk=alice.pk).update(display_name="Alice Li", email="alice@example.org", bio="Hi")
    EmailAddress.objects.create(user=alice, email="alice@example.org", primary=True, verified=True)
    create_token(alice, "laptop")
    held = claim(new_task("row-softmax", policy="exclusive", slots=1), alice)
    before, rows = points_of(alice), Reward.objects.count()
    alice.refresh_from_db()

    left = leave(alice, "alice")

    assert (points_of(left), Reward.objects.count()) == (before, rows)
    assert before > 0
    assert Claim.objects.get(pk=held.pk).state == "released"
    assert {pull.state for pull in PullRequest.objects.filter(author=left)} == {"merged", "closed"}
    kept = serializers.serialize("json", User.objects.filter(pk=left.pk))
    assert not any(word in kept for word in ("Alice Li", "alice@example.org", '"Hi"'))
    assert left.username.startswith("former-")
    assert not left.is_active
    assert EmailAddress.objects.count() == 0
    assert left.tokens.count() == 0
    page = Visitor(None).get(f"/pulls/{rich.pk}/")
    assert left.username in page
    assert f"/people/{left.username}/" in page


@pytest.mark.slow
def test_their_branch_is_still_found_and_their_name_is_nobody_elses(
    rich: PullRequest, cast: people.Cast
) -> None:
    leave(cast.alice, "alice")
    assert PullRequest.objects.get(pk=rich.pk).ref == "refs/heads/alice/done"
    with pytest.raises(BadInput, match="is taken"):
        fit_username("alice")


def test_deleting_takes_the_password_again_and_the_name(cast: people.Cast) -> None:
    with pytest.raises(BadInput, match="Type your username, bob"):
        leave(cast.bob, "alice")
    here, there = Visitor(None), Visitor(None)
    for visitor in (here, there):
        visitor.post("/login/", {"login": "bob", "password": people.PASSWORD})
    confirm = here.post("/settings/delete/", {"username": "bob"}).headers["location"]
    assert confirm.startswith("/reauthenticate/")
    assert User.objects.filter(username="bob").exists()
    assert "Your account is deleted." in here.send(confirm, {"password": people.PASSWORD})
    assert there.client.get("/settings/").status_code == 302, "logged out there as well"
    assert not any("_auth_user_id" in session.get_decoded() for session in Session.objects.all())


@pytest.mark.parametrize("column", ["is_demo", "is_house"])
def test_an_account_that_everybody_shares_stays(cast: people.Cast, column: str) -> None:
    setattr(cast.alice, column, True)
    with pytest.raises(NotAllowed, match="belongs to everybody"):
        leave(cast.alice, "alice")


def test_the_only_maintainer_stays(cast: people.Cast) -> None:
    with pytest.raises(NotAllowed, match="only maintainer"):
        leave(cast.max, "max")


@pytest.mark.parametrize(
    ("part", "path"), [("points", "/people/bob/points/"), ("work", "/people/bob/contributions/")]
)
def test_what_somebody_keeps_private_only_they_see(cast: people.Cast, part: str, path: str) -> None:
    bob = Visitor(cast.bob)
    bob.send("/settings/privacy/", {"hidden": [part]})
    bob.get(path)
    assert "keeps this part private" in Visitor(cast.alice).get(path, status=403)
    bob.send("/settings/privacy/", {})
    Visitor(None).get(path)
