"""What people try with accounts that are not theirs: guessing, asking who exists, taking sessions over."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest
import pytest_django
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core import mail
from django.core.cache import cache

from hub.accounts.actions import create_token
from hub.accounts.models import User
from hub.repos.access import Unidentified, identify
from tests import people
from tests.hub.web.conftest import Visitor

RIGHT = {"login": "alice", "password": people.PASSWORD}
WRONG = RIGHT | {"password": "a-guess"}


@pytest.fixture
def counting(settings: pytest_django.Settings) -> Iterator[None]:
    """Tries are counted, as in life; other tests share no count."""
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "tries"}
    }
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def secret(cast: people.Cast) -> str:
    """alice has an authenticator app and recovery codes."""
    made = generate_totp_secret()
    TOTP.activate(cast.alice, made)
    RecoveryCodes.activate(cast.alice)
    return made


def code_of(secret: str) -> str:
    return f"{hotp_value(secret, next(iter(yield_hotp_counters_from_time()))):06}"


def is_logged_in(visitor: Visitor) -> bool:
    return bool(visitor.client.get("/settings/").status_code == 200)


def test_after_five_wrong_passwords_the_right_one_does_not_open_either(
    cast: people.Cast, counting: None
) -> None:
    for _ in range(5):
        Visitor(None).send("/login/", WRONG)
    visitor = Visitor(None)
    assert "Too many failed login attempts" in visitor.send("/login/", RIGHT)
    assert not is_logged_in(visitor)


@pytest.mark.slow
def test_somebody_who_guesses_one_account_locks_no_other(cast: people.Cast, counting: None) -> None:
    for _ in range(6):
        Visitor(None).send("/login/", WRONG)
    visitor = Visitor(None)
    visitor.post("/login/", RIGHT | {"login": "bob"})
    assert is_logged_in(visitor)


def test_another_address_in_a_header_wins_no_further_tries(
    cast: people.Cast, counting: None, settings: pytest_django.Settings
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip"}
    for number in range(3):
        forged = {"x-forwarded-for": f"10.0.0.{number}"}
        last = Visitor(None).post("/login/", WRONG | {"login": f"x{number}"}, headers=forged)
    assert last.status_code == 429
    assert "Too many tries" in last.content.decode()


def test_a_password_alone_does_not_pass_the_second_factor(cast: people.Cast, secret: str) -> None:
    visitor = Visitor(None)
    assert visitor.post("/login/", RIGHT).headers["location"].startswith("/2fa/authenticate/")
    assert not is_logged_in(visitor)
    visitor.post("/2fa/authenticate/", {"code": code_of(secret)})
    assert is_logged_in(visitor)


@pytest.mark.slow
def test_codes_of_the_second_factor_cannot_be_guessed_through(
    cast: people.Cast, secret: str, counting: None
) -> None:
    visitor = Visitor(None)
    visitor.post("/login/", RIGHT)
    right = code_of(secret)
    for guess in range(6):
        visitor.post("/2fa/authenticate/", {"code": f"{(int(right) + 7 + guess) % 1_000_000:06}"})
    visitor.post("/2fa/authenticate/", {"code": code_of(secret)})
    assert not is_logged_in(visitor)


@pytest.mark.slow
def test_a_code_and_a_recovery_code_open_once(cast: people.Cast, secret: str, counting: None) -> None:
    code = code_of(secret)
    spare = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()[0]
    for used in (code, spare):
        first, second = Visitor(None), Visitor(None)
        for visitor in (first, second):
            visitor.post("/login/", RIGHT)
            visitor.post("/2fa/authenticate/", {"code": used})
        assert is_logged_in(first)
        assert not is_logged_in(second)


def test_the_database_alone_does_not_give_the_second_factor_away(cast: people.Cast, secret: str) -> None:
    codes = Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept
    assert not any(code in kept for code in codes)


def test_a_log_in_takes_a_new_session(cast: people.Cast) -> None:
    visitor = Visitor(None)
    visitor.post("/settings/theme/", {"theme": "dark"})
    session = visitor.client.session
    session["planted"] = True
    session.save()
    visitor.client.cookies["sessionid"] = planted = str(session.session_key)
    visitor.post("/login/", RIGHT)
    assert is_logged_in(visitor)
    assert visitor.client.cookies["sessionid"].value != planted
    victim = Visitor(None)
    victim.client.cookies["sessionid"] = planted
    assert not is_logged_in(victim)


def test_a_changed_password_ends_the_other_sessions(cast: people.Cast) -> None:
    here, there = Visitor(None), Visitor(None)
    for visitor in (here, there):
        visitor.post("/login/", RIGHT)
    new = {
        "oldpassword": people.PASSWORD,
        "password1": "a-stone-from-lydia",
        "password2": "a-stone-from-lydia",
    }
    here.post("/password/change/", new)
    assert is_logged_in(here)
    assert not is_logged_in(there)
    assert here.get("/settings/").count("this browser") == 1


@pytest.mark.slow
def test_one_ends_a_session_elsewhere_and_nobody_elses(cast: people.Cast) -> None:
    here, there, bob = Visitor(None), Visitor(None), Visitor(cast.bob)
    there.post("/login/", RIGHT)
    here.post("/login/", RIGHT)
    end = re.search(r"/settings/sessions/\d+/end/", here.get("/settings/"))
    assert end is not None
    bob.send(end.group())
    assert is_logged_in(there)
    assert "that browser is logged out" in here.send(end.group())
    assert not is_logged_in(there)


def test_a_reset_says_the_same_of_known_and_unknown_addresses(cast: people.Cast) -> None:
    EmailAddress.objects.create(user=cast.alice, email="alice@example.org", primary=True, verified=True)
    pages = [
        Visitor(None).send("/password/reset/", {"email": address})
        for address in ("alice@example.org", "nobody@example.org")
    ]
    token = re.compile(r'name="csrfmiddlewaretoken" value="[^"]*"')
    assert token.sub("", pages[0]) == token.sub("", pages[1])
    assert [message.to for message in mail.outbox] == [["alice@example.org"], ["nobody@example.org"]]
    assert "/password/reset/key/" in mail.outbox[0].body
    assert "/password/reset/key/" not in mail.outbox[1].body


def test_signing_up_with_a_known_address_does_not_say_that_it_is_known(cast: people.Cast) -> None:
    EmailAddress.objects.create(user=cast.alice, email="alice@example.org", primary=True, verified=True)
    form = {"username": "newcomer", "email": "alice@example.org", "password1": "a-stone-from-lydia"}
    page = Visitor(None).send("/signup/", form)
    assert "already" not in page
    assert (
        not EmailAddress.objects.filter(email="alice@example.org", verified=True)
        .exclude(user=cast.alice)
        .exists()
    )


def test_an_unknown_name_and_a_wrong_password_read_alike(cast: people.Cast) -> None:
    said = re.compile(r'role="alert">([^<]*)')
    pages = [Visitor(None).send("/login/", WRONG | {"login": name}) for name in ("alice", "nobody")]
    assert said.findall(pages[0]) == said.findall(pages[1]) != []


@pytest.mark.slow
def test_with_a_mail_server_an_address_is_confirmed_before_the_first_log_in(
    db: None, settings: pytest_django.Settings
) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    visitor = Visitor(None)
    form = {"username": "newcomer", "email": "new@example.org", "password1": "a-stone-from-lydia"}
    visitor.post("/signup/", form)
    assert not is_logged_in(visitor)
    way = re.search(r"/confirm-email/[-:\w]+/", mail.outbox[0].body)
    assert way is not None
    visitor.get(way.group())  # a mail scanner opens it: nothing is confirmed by that
    assert not EmailAddress.objects.get().verified
    visitor.post(way.group())
    assert EmailAddress.objects.get().verified
    visitor.post("/login/", {"login": "newcomer", "password": "a-stone-from-lydia"})
    assert is_logged_in(visitor)


OFF_SITE = ("https://elsewhere.example/", "//elsewhere.example", "http://127.0.0.1:9/", "\\\\e.example")


@pytest.mark.parametrize(
    ("path", "onward"),
    [*(("/login/", onward) for onward in OFF_SITE), ("/logout/", OFF_SITE[0]), ("/signup/", OFF_SITE[1])],
)
def test_no_way_in_or_out_leads_off_the_site(cast: people.Cast, path: str, onward: str) -> None:
    form = {"username": "newcomer", "password1": "a-stone-from-lydia", **RIGHT, "next": onward}
    assert Visitor(None).post(path, form).headers["location"] == "/"


def test_no_secret_comes_into_the_log(cast: people.Cast, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _token, clear = create_token(cast.alice, "laptop")
    Visitor(None).send("/login/", WRONG | {"password": "hunter-two-and-a-half"})
    Visitor(None).post("/login/", RIGHT)
    EmailAddress.objects.create(user=cast.alice, email="alice@example.org", primary=True, verified=True)
    Visitor(None).send("/password/reset/", {"email": "alice@example.org"})
    key = re.search(r"/password/reset/key/([^/\s]+)", mail.outbox[0].body)
    assert key is not None
    Visitor(None).get(f"/password/reset/key/{key.group(1)}/", status=302)
    with pytest.raises(Unidentified):
        identify(f"Bearer {clear}")
    for hidden in ("hunter-two-and-a-half", people.PASSWORD, clear, key.group(1)):
        assert hidden not in caplog.text, "a secret stands in the log"


@pytest.mark.slow
def test_nobody_locks_the_others_out_of_a_demo_account(
    cast: people.Cast, settings: pytest_django.Settings
) -> None:
    settings.DEMO = True
    User.objects.filter(pk=cast.alice.pk).update(is_demo=True)
    visitor = Visitor(None)
    visitor.post("/login/", RIGHT)
    assert is_logged_in(visitor)
    for path in ("/password/change/", "/email/", "/2fa/totp/activate/", "/reauthenticate/"):
        assert "Everybody knows a demo account’s password" in visitor.send(path, status=403)
    visitor.send("/settings/delete/", {"username": "alice"}, status=403)


def test_a_demo_account_does_not_come_in_outside_demo_mode(
    cast: people.Cast, settings: pytest_django.Settings
) -> None:
    settings.DEMO = False
    User.objects.filter(pk=cast.alice.pk).update(is_demo=True)
    visitor = Visitor(None)
    assert visitor.post("/login/", RIGHT).headers["location"] == "/inactive/"
    assert not is_logged_in(visitor)
