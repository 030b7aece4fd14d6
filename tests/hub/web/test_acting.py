"""What every form has in common: a refusal is a sentence, and what was written comes back with it."""

from __future__ import annotations

import pytest

from hub.repos.git import GitFailed
from hub.web import claims
from tests.hub.web.conftest import Town, Visitor
from tests.hub.web.markup import problems

WRITTEN = "Not yet: <b>read</b> the statement\nonce more."


def test_words_of_a_refused_form_come_back_with_the_reason(town: Town) -> None:
    mentor, path = Visitor(town.people.mei), f"/claims/{town.proposal.pk}/answer/"
    page = {"next": "/desk/", "text": WRITTEN, "accept": "0"}
    mentor.send(path, page)
    shown = mentor.send(path, page)
    assert "is-error" in shown
    assert "What you wrote" in shown
    assert "Not yet: &lt;b&gt;read&lt;/b&gt; the statement\nonce more.</textarea>" in shown
    assert problems(shown) == []
    assert "What you wrote" not in mentor.get("/desk/"), "it is said once"


def test_they_come_back_where_our_repository_fails_too(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_arguments: object, **_named: object) -> None:
        raise GitFailed("no room")

    monkeypatch.setattr(claims.speaking, "answer", fails)
    page = {"next": "/desk/", "text": "Welcome.", "accept": "1"}
    shown = Visitor(town.people.mei).send(f"/claims/{town.proposal.pk}/answer/", page)
    assert "Our git repository failed" in shown
    assert "Welcome.</textarea>" in shown


def test_a_refusal_without_words_is_its_sentence_alone(town: Town) -> None:
    page = {"next": "/desk/", "text": " ", "accept": "0"}
    shown = Visitor(town.people.mei).send(f"/claims/{town.proposal.pk}/answer/", page)
    assert "is-error" in shown
    assert "What you wrote" not in shown
