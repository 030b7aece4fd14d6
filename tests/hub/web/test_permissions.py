"""Who may send which form. A stranger logs in first; the wrong person gets 403 and nothing changes."""

from __future__ import annotations

import pytest
from django.test import Client

from hub.claims.models import Claim
from tests.hub.web.conftest import Town, Visitor

EVERYBODY = ("alice", "bob", "mei", "max")
LOGIN, REFUSED, DONE = "to the log-in", 403, 302


def paths(town: Town) -> dict[str, tuple[str, dict[str, str]]]:
    return {
        "claim": (f"/tasks/{town.single.slug}/claim/", {}),
        "release": (f"/claims/{town.claim.pk}/release/", {"hand_over": "note"}),
        "extend": (f"/claims/{town.claim.pk}/extend/", {}),
        "withdraw": (f"/claims/{town.proposal.pk}/withdraw/", {}),
        "answer": (f"/claims/{town.proposal.pk}/answer/", {"accept": "1", "text": "Go on"}),
        "read a lesson": (f"/learn/{town.lesson.course.slug}/{town.lesson.slug}/read/", {}),
        "make a token": ("/settings/tokens/create/", {"name": "x", "days": "30"}),
        "revoke": (f"/settings/tokens/{town.token.pk}/revoke/", {}),
    }


# What each gets; the claim is alice's, the proposal bob's. 302 with a refusal in words counts as answered.
MATRIX = {
    "claim": {"alice": DONE, "bob": DONE, "mei": DONE, "max": DONE},
    "release": {"alice": DONE, "bob": REFUSED, "mei": REFUSED, "max": REFUSED},
    "extend": {"alice": DONE, "bob": REFUSED, "mei": REFUSED, "max": REFUSED},
    "withdraw": {"alice": REFUSED, "bob": DONE, "mei": REFUSED, "max": REFUSED},
    "answer": {"alice": REFUSED, "bob": REFUSED, "mei": DONE, "max": DONE},
    "read a lesson": {"alice": DONE, "bob": DONE, "mei": DONE, "max": DONE},
    "make a token": {"alice": 200, "bob": 200, "mei": 200, "max": 200},
    "revoke": {"alice": DONE, "bob": DONE, "mei": DONE, "max": DONE},
}


@pytest.mark.parametrize("name", EVERYBODY)
def test_each_form_takes_the_right_people(town: Town, name: str) -> None:
    visitor = Visitor(getattr(town.people, name))
    order = ("answer", "withdraw", "extend", "claim", "release", "read a lesson", "make a token", "revoke")
    got = {}
    for what in order:
        path, data = paths(town)[what]
        got[what] = visitor.post(path, data).status_code
    assert got == {what: MATRIX[what][name] for what in order}


def test_a_stranger_logs_in_and_comes_back_to_the_page_of_the_form(town: Town) -> None:
    for path, data in paths(town).values():
        answer = Visitor(None).post(path, data, headers={"referer": "http://testserver/tasks/row-softmax/"})
        assert answer.headers["location"] == "/login/?next=http%3A%2F%2Ftestserver%2Ftasks%2Frow-softmax%2F"


def test_another_persons_claim_stays_as_it_is(town: Town) -> None:
    page = Visitor(town.people.bob).send(f"/claims/{town.claim.pk}/release/", status=403)
    assert "alice&#x27;s claim, not yours" in page
    town.claim.refresh_from_db()
    assert town.claim.state == Claim.State.ACTIVE


def test_another_persons_token_stays_alive(town: Town) -> None:
    page = Visitor(town.people.bob).send(f"/settings/tokens/{town.token.pk}/revoke/")
    assert "There is no such token of yours any more." in page
    town.token.refresh_from_db()
    assert town.token.revoked_at is None


def test_a_form_without_its_csrf_token_is_refused_with_a_cure(town: Town) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(town.people.alice)
    answer = client.post(f"/claims/{town.claim.pk}/release/")
    assert answer.status_code == 403
    assert "Reload the page and send it again." in answer.content.decode()
