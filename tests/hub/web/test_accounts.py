"""Logging in and out, signing up, and who the demo people are."""

from __future__ import annotations

import pytest
import pytest_django
from django.urls import reverse

from hub.accounts.models import User
from tests import people
from tests.hub.web.conftest import Visitor
from tests.hub.web.markup import problems

GOOD = {"username": "newcomer", "display_name": "新人", "password1": "a-stone-from-lydia"}


def test_the_right_password_logs_in_and_leads_on(cast: people.Cast) -> None:
    data = {"login": "alice", "password": people.PASSWORD, "next": "/tasks/?kind=operator"}
    visitor = Visitor(None)
    assert visitor.post("/login/", data).headers["location"] == "/tasks/?kind=operator"
    assert "My profile" in visitor.get("/")


@pytest.mark.parametrize(
    "onward", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)"]
)
def test_a_log_in_never_leads_off_the_site(cast: people.Cast, onward: str) -> None:
    data = {"login": "alice", "password": people.PASSWORD, "next": onward}
    assert Visitor(None).post("/login/", data).headers["location"] == "/"


def test_a_wrong_password_is_said_kindly_and_the_name_is_kept(cast: people.Cast) -> None:
    page = Visitor(None).send("/login/", {"login": "Alice", "password": "x"})
    assert "Username and password do not fit together." in page
    assert 'value="Alice"' in page


def test_logging_out_says_so(cast: people.Cast) -> None:
    page = Visitor(cast.alice).send("/logout/")
    assert "You are logged out." in page
    assert "Sign up" in page


@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("name", ["reset_password", "reset_password_done", "email_verification_sent"])
def test_who_waits_for_a_letter_reads_what_to_do_without_one(db: None, name: str, language: str) -> None:
    page = Visitor(None, language).get(reverse(f"account_{name}"))
    assert 'href="/login/"' in page.split("<main", 1)[1]
    assert "contact us" not in page  # who is that?
    assert problems(page) == []


def test_a_newcomer_signs_up_and_is_logged_in(db: None) -> None:
    page = Visitor(None).send("/signup/", GOOD)
    assert "Welcome, newcomer. Pick a task to begin with." in page
    assert User.objects.get().display_name == "新人"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"username": "Alice"}, "The username “Alice” cannot be used"),
        ({"username": "main"}, "The username “main” cannot be used"),
        ({"username": "../etc"}, "The username “../etc” cannot be used"),
        ({"username": "alice"}, "The username “alice” is taken"),
        ({"password1": "12345678"}, "This password is too common."),
        ({"password1": ""}, "This field is required."),
    ],
)
def test_a_name_or_password_that_does_not_do_is_refused(
    cast: people.Cast, data: dict[str, str], said: str
) -> None:
    assert said in Visitor(None).send("/signup/", GOOD | data)
    assert User.objects.count() == 4


def test_who_is_logged_in_needs_no_form(cast: people.Cast) -> None:
    assert Visitor(cast.alice).client.get("/login/").headers["location"] == "/"
    assert Visitor(cast.alice).client.get("/signup/?next=/tasks/").headers["location"] == "/tasks/"


def test_demo_people_are_listed_in_demo_mode_alone(db: None, settings: pytest_django.Settings) -> None:
    settings.DEMO = False
    assert "demo-2026" not in Visitor(None).get("/")
    settings.DEMO = True
    page = Visitor(None, "zh-hans").get("/login/")
    assert "alice-demo-2026" in page
    assert "这些人只存在于演示模式" in page
