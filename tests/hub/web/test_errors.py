"""What went wrong is said on a page of the site, in the reader's language, with a way on."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client, RequestFactory
from django.utils import translation

from hub.web import errors
from tests.hub.web.markup import problems


def test_an_unknown_address_says_nothing_of_the_router(db: None) -> None:
    answer = Client().get("/no/such/place/")
    page = answer.content.decode()
    assert answer.status_code == 404
    assert "Nothing here" in page
    assert "tried" not in page
    assert problems(page) == []


def test_a_refusals_sentence_is_shown_and_escaped(db: None) -> None:
    request = RequestFactory().get("/")
    request.user = None  # type: ignore[assignment]
    page = errors.forbidden(request, PermissionDenied("<b>Not yours</b>")).content.decode()
    assert "&lt;b&gt;Not yours&lt;/b&gt;" in page


@pytest.mark.parametrize(
    ("raised", "said"), [(errors.Sentence("Gone since May."), True), ("path: regex", False)]
)
def test_only_a_sentence_of_ours_is_shown_on_404(db: None, raised: str, said: bool) -> None:
    request = RequestFactory().get("/")
    request.user = None  # type: ignore[assignment]
    assert (str(raised) in errors.not_found(request, Http404(raised)).content.decode()) == said


def test_a_request_that_cannot_be_read_is_answered(db: None) -> None:
    answer = Client().get("/", headers={"host": "somebody-elses.example"})
    assert answer.status_code == 400
    assert "This request cannot be read" in answer.content.decode()


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Something broke on our side"), ("zh-hans", "我们这边出了故障")]
)
def test_the_last_page_needs_nothing_that_could_be_broken(language: str, said: str) -> None:
    with translation.override(language):  # and no database: this test asks for none
        answer = errors.broken(RequestFactory().get("/"))
    page = answer.content.decode()
    assert answer.status_code == 500
    assert said in page
    assert problems(page) == []
