"""Copies: when one is given, when made anew, by whom; and that no part of a page knows who reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import pytest_django
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import RequestFactory

from hub.web import kept
from hub.web.kept import ACTED_COOKIE, EARLIEST, FRESH, GONE, MADE_ANEW, MOST, Kept, acted, part
from tests.hub.web.conftest import Town, Visitor

CHANGING = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"|<time.*?</time>|answered \d+ s ago')
MORE_PAGES = (
    "/pulls/",
    "/pulls/?stage=open",
    "/queue/",
    "/workers/",
    "/sigs/",
    "/events/",
    "/mentors/",
    "/badges/",
)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: pytest_django.Settings) -> Clock:
    settings.KEEP_COPIES = True
    made = Clock()
    monkeypatch.setattr(kept, "time", made)
    return made


@pytest.fixture
def copies(settings: pytest_django.Settings) -> Iterator[None]:
    settings.KEEP_COPIES = True
    kept.KEPT.clear()
    yield
    kept.KEPT.clear()


def test_a_copy_is_given_while_it_is_fresh_then_once_more_while_the_next_one_is_made(clock: Clock) -> None:
    copies, values = Kept(), iter(range(9))
    assert copies.get("key", lambda: next(values)) == 0
    clock.now += EARLIEST * FRESH - 1
    assert copies.get("key", lambda: next(values)) == 0
    clock.now += (1 - EARLIEST) * FRESH + 2
    assert copies.get("key", lambda: next(values)) == 0
    copies._renewer.shutdown(wait=True)
    assert copies.get("key", lambda: next(values)) == 1
    clock.now += GONE
    assert copies.get("key", lambda: next(values)) == 2


def test_copies_of_one_moment_are_made_anew_at_different_ones(clock: Clock) -> None:
    copies, again = Kept(), set()
    for key in range(100):
        copies.get(key, lambda: 0)
    clock.now += (1 + EARLIEST) / 2 * FRESH
    for key in range(100):
        copies.get(key, lambda key=key: again.add(key))
    copies._renewer.shutdown(wait=True)
    assert 20 < len(again) < 80  # fifty, give or take six standard deviations


def test_for_what_is_kept_longer_nobody_waits_either_when_it_is_no_longer_fresh(clock: Clock) -> None:
    copies, long, values = Kept(), 10 * FRESH, iter(range(9))
    assert copies.get("key", lambda: next(values), fresh=long) == 0
    clock.now += long + MADE_ANEW - 1
    assert copies.get("key", lambda: next(values), fresh=long) == 0
    copies._renewer.shutdown(wait=True)
    assert copies.get("key", lambda: next(values), fresh=long) == 1


def test_whoever_has_acted_gets_no_copy_of_before_and_the_others_get_theirs(clock: Clock) -> None:
    copies = Kept()
    copies.get("key", lambda: "before")
    clock.now += 1
    deed = clock.now
    clock.now += 1
    assert copies.get("key", lambda: "not asked") == "before"
    assert copies.get("key", lambda: "after", since=deed) == "after"
    assert copies.get("key", lambda: "not asked") == copies.get("key", lambda: "no", since=deed) == "after"


def test_what_is_missing_is_made_once_for_all_who_ask_meanwhile(clock: Clock) -> None:
    copies, begun, go_on, made = Kept(), Event(), Event(), []

    def slowly() -> str:
        begun.set()
        go_on.wait(10)
        made.append("once")
        return "value"

    with ThreadPoolExecutor(3) as readers:
        first = readers.submit(copies.get, "key", slowly)
        begun.wait(10)
        others = [readers.submit(copies.get, "key", slowly) for _ in range(2)]
        go_on.set()
        assert {answer.result(10) for answer in (first, *others)} == {"value"}
    assert made == ["once"]


def test_an_error_is_not_kept_and_what_is_not_worth_it_neither(clock: Clock) -> None:
    copies = Kept()

    def fails() -> str:
        raise LookupError("gone")

    with pytest.raises(LookupError):
        copies.get("key", fails)
    assert copies.get("key", lambda: "poor", worth=lambda value: value != "poor") == "poor"
    assert copies.get("key", lambda: "good") == "good"
    clock.now += FRESH + 1
    assert copies.get("key", fails) == "good"
    copies._renewer.shutdown(wait=True)
    assert copies.get("key", lambda: "anew") == "anew"


def test_there_are_never_more_copies_than_most(clock: Clock) -> None:
    copies = Kept()
    for number in range(MOST + 2):
        copies.get(number, lambda: "value")
    assert len(copies._copies) == MOST
    assert copies.get(0, lambda: "anew") == "anew"


def _asked(cookie: str = "") -> HttpRequest:
    request = RequestFactory().get("/", headers={"cookie": f"{ACTED_COOKIE}={cookie}"} if cookie else {})
    request.user = AnonymousUser()
    return request


@pytest.mark.parametrize(
    ("cookie", "moment"), [("", 0.0), ("nonsense", 0.0), ("999000.5", 999_000.5), ("9e99", 1_000_000.0)]
)
def test_the_moment_of_a_deed_is_what_the_cookie_says_but_never_in_the_future(
    clock: Clock, cookie: str, moment: float
) -> None:
    assert acted(_asked(cookie)) == moment


def test_a_part_knows_no_reader_and_its_forms_have_the_token_of_each(town: Town, copies: None) -> None:
    seen = []
    for user in (town.people.alice, town.people.mei):
        request = _asked()
        request.user = user
        seen.append(part(request, "tasks/_forms.html", lambda: {"saved": []}))
        told = part(request, "tasks/_claim.html", lambda: {"task": town.guarded})
        assert "Log in to claim it" in told
    assert "csrfmiddlewaretoken" in seen[0]
    assert kept.MARK not in seen[0]
    assert seen[0] != seen[1]


def test_two_people_get_the_same_head_each_with_their_own_name(town: Town, copies: None) -> None:
    town.people.bob.display_name = "<b>Bob</b>"
    town.people.bob.save()
    alice, bob = (Visitor(user).get("/settings/tokens/") for user in (town.people.alice, town.people.bob))
    assert "alice" in alice
    assert "alice" not in bob
    assert "&lt;b&gt;Bob" in bob
    assert "Mentor desk" in Visitor(town.people.mei).get("/settings/tokens/")
    assert "Mentor desk" not in bob


def test_an_answer_to_a_form_tells_the_moment_and_one_to_a_reader_does_not(town: Town) -> None:
    visitor = Visitor(town.people.mei)
    visitor.get("/")
    assert ACTED_COOKIE not in visitor.client.cookies
    visitor.post("/notifications/read/")
    assert visitor.client.cookies[ACTED_COOKIE]["httponly"]


@pytest.mark.parametrize(
    "paths",
    [
        ("/tasks/",),
        pytest.param(None, marks=pytest.mark.slow),
    ],
)
def test_what_others_looked_at_before_changes_no_page(
    town: Town, copies: None, paths: tuple[str, ...] | None
) -> None:
    """Each page, after everybody has seen it, is as if its reader had been alone."""
    names = ("alice", "max") if paths else ("alice", "bob", "mei", "max")
    readers = [Visitor(user) for user in (None, *(getattr(town.people, name) for name in names))]
    for path in paths or (*town.pages()[3:], *MORE_PAGES):
        for reader in readers:
            reader.get(path)
        after_all = [_drawn(reader, path) for reader in readers]
        for reader, text in zip(readers, after_all, strict=True):
            kept.KEPT.clear()
            assert text == _drawn(reader, path), path
        kept.KEPT.clear()


def _drawn(reader: Visitor, path: str) -> str:
    """The page without what differs each time: tokens and how long ago something was."""
    return CHANGING.sub("", reader.get(path))
