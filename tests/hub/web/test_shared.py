"""Strangers are given one copy of a page for some seconds; nobody gets another's token or name with it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import pytest_django
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hub.web.kept import ACTED_COOKIE, KEPT
from tests.hub.story import HARDWARE
from tests.hub.web.conftest import Town, Visitor

TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@pytest.fixture(autouse=True)
def copies(settings: pytest_django.Settings) -> Iterator[None]:
    settings.KEEP_COPIES = True
    KEPT.clear()
    yield
    KEPT.clear()


def test_a_second_stranger_gets_the_same_page_with_a_token_of_their_own(town: Town) -> None:
    first = Visitor(None).get("/")
    stranger = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    with CaptureQueriesContext(connection) as made:
        second = stranger.get("/").content.decode()
    assert not made.captured_queries
    (mine,), (theirs,) = set(TOKEN.findall(first)), set(TOKEN.findall(second))
    assert mine != theirs
    assert TOKEN.sub("", first) == TOKEN.sub("", second).replace("\xa0", " ")
    form = {"theme": "dark", "next": "/", "csrfmiddlewaretoken": theirs}
    assert stranger.post("/settings/theme/", form).status_code == 302
    assert 'data-theme="dark"' in stranger.get("/").content.decode()


def test_language_and_whoever_is_known_have_pages_of_their_own(town: Town) -> None:
    stranger = Visitor(None).get("/tasks/")
    assert Visitor(None, "zh-hans").get("/tasks/") != stranger
    assert town.people.alice.username in Visitor(town.people.alice).get("/tasks/")
    assert "Log in" in Visitor(None).get("/tasks/")


def test_what_somebody_did_is_seen_by_them_at_once(town: Town) -> None:
    page, mei = f"/people/{town.people.alice.username}/", Visitor(town.people.mei)
    assert Visitor(None).get(page)
    name = {"display_name": "Alice of the Mirrors"}
    type(town.people.alice).objects.filter(pk=town.people.alice.pk).update(**name)
    assert "Alice of the Mirrors" not in Visitor(None).get(page)
    mei.post("/notifications/read/")
    logged_out = Visitor(None)
    logged_out.client.cookies[ACTED_COOKIE] = mei.client.cookies[ACTED_COOKIE].value
    assert "Alice of the Mirrors" in logged_out.get(page)
    assert "Alice of the Mirrors" in Visitor(None).get(page)


def test_a_copy_of_a_page_with_a_plot_may_show_it(town: Town) -> None:
    path = f"/boards/{town.task.slug}/{HARDWARE}/"
    policies = {Client().get(path).headers["content-security-policy"] for _ in range(2)}
    assert len(policies) == 1
    assert "unsafe-inline" in policies.pop()
