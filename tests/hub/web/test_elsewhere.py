"""Log-in by OpenID Connect at a provider that really answers, under the settings that the README names."""

from __future__ import annotations

import runpy
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import ModuleType
from urllib.parse import urlsplit

import pytest
import pytest_django
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers import registry
from django.conf import settings as site_settings
from django.core import mail
from django.http import HttpResponse

from hub.accounts.models import User
from tests import people
from tests.hub.web import identity
from tests.hub.web.conftest import Visitor
from tests.hub.web.identity import Provider
from tests.hub.web.markup import problems

LOG_IN, CALLBACK, SIGN_UP = "/oidc/openid/login/", "/oidc/openid/login/callback/", "/3rdparty/signup/"
READ_ANEW = ("ACCOUNT_", "INSTALLED_APPS", "MFA_", "PROVIDERS", "SOCIALACCOUNT_")
MAILS = {"EMAIL_URL": "smtp+plain://127.0.0.1:1"}  # tests keep mails: nobody is asked there

Configure = Callable[..., None]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with identity.providing() as server:
        yield server


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch, settings: pytest_django.Settings, db: None) -> Configure:
    """The hub as it starts under these variables: settings, apps and addresses are made anew."""

    def under(url: str, **more: str) -> None:
        environment = {
            "OAUTH_PROVIDERS": "openid_connect",
            "OAUTH_OPENID_CONNECT_URL": url,
            "OAUTH_OPENID_CONNECT_ID": identity.CLIENT,
            "OAUTH_OPENID_CONNECT_SECRET": identity.SECRET,
            "OAUTH_OPENID_CONNECT_NAME": "Assay Office",
        }
        for name, value in (environment | more).items():
            monkeypatch.setenv(name, value)
        read = runpy.run_path(f"{site_settings.BASE_DIR}/hub/settings.py")
        for name in filter(lambda name: name.startswith(READ_ANEW), read):
            setattr(settings, name, read[name])
        monkeypatch.setattr(registry, "loaded", False)
        monkeypatch.setattr(registry, "provider_map", OrderedDict())
        addresses = ModuleType("hub_urls_with_providers")
        vars(addresses).update(runpy.run_path(f"{site_settings.BASE_DIR}/hub/urls.py"))
        monkeypatch.setitem(sys.modules, addresses.__name__, addresses)
        settings.ROOT_URLCONF = addresses.__name__

    return under


@pytest.fixture
def office(configure: Configure, provider: Provider) -> Provider:
    """The provider that this hub accepts log-ins from, without a mail server."""
    configure(provider.url)
    return provider


def way_back(visitor: Visitor, process: str = "login") -> str:
    """Go to the provider and log in there; gives where it leads the browser back to."""
    sent = visitor.post(f"{LOG_IN}?process={process}")
    assert sent.status_code == 302
    answer = requests.get(sent.headers["location"], allow_redirects=False, timeout=5)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


def log_in(visitor: Visitor) -> HttpResponse:
    return visitor.client.get(way_back(visitor), follow=True)


def sign_up(visitor: Visitor, username: str = "newcomer", email: str = "mei@example.org") -> str:
    assert log_in(visitor).redirect_chain[-1] == (SIGN_UP, 302)
    return visitor.send(SIGN_UP, {"username": username, "email": email})


def who(visitor: Visitor) -> str:
    """The name of whoever is logged in, "" for a stranger."""
    user_id = visitor.client.session.get("_auth_user_id")
    return User.objects.get(pk=user_id).username if user_id else ""


def test_the_page_for_logging_in_offers_the_provider_by_its_name(office: Provider) -> None:
    page = Visitor(None).get("/login/")
    assert f'href="{LOG_IN}?process=login">Assay Office</a>' in page
    asked = Visitor(None).get(f"{LOG_IN}?process=login")
    assert "Sign In Via Assay Office" in asked
    assert problems(asked) == []


def test_a_browser_may_be_sent_there(office: Provider) -> None:
    policy = Visitor(None).client.get("/login/").headers["content-security-policy"]
    assert f"form-action 'self' {office.url};" in policy


def test_signing_up_makes_an_account_with_the_address_that_the_provider_confirmed(office: Provider) -> None:
    visitor = Visitor(None)
    form = log_in(visitor).content.decode()
    assert "You are logged in at Assay Office." in form
    assert 'value="mei@example.org"' in form
    assert problems(form) == []
    page = visitor.send(SIGN_UP, {"username": "mei-li", "display_name": "Mei", "email": "mei@example.org"})
    assert "Welcome, mei-li. Pick a task to begin with." in page
    user = User.objects.get()
    assert (user.username, user.display_name, user.has_usable_password()) == ("mei-li", "Mei", False)
    address = EmailAddress.objects.get()
    assert (address.user, address.email, address.verified, address.primary) == (user, user.email, True, True)
    assert "Assay Office" in visitor.get("/settings/")


def test_the_second_time_one_comes_in_to_the_same_account(office: Provider) -> None:
    sign_up(Visitor(None), "mei-li")
    office.claims = identity.MEI | {"email": "another@example.org", "name": "M."}  # the subject counts
    again = Visitor(None)
    assert log_in(again).redirect_chain[-1] == ("/", 302)
    assert who(again) == "mei-li"
    assert User.objects.count() == SocialAccount.objects.count() == 1


@pytest.mark.slow
def test_a_log_in_leads_on_to_the_page_that_asked_for_it(office: Provider) -> None:
    sign_up(Visitor(None))
    visitor = Visitor(None)
    sent = visitor.post(f"{LOG_IN}?process=login&next=/tasks/")
    back = requests.get(sent.headers["location"], allow_redirects=False, timeout=5).headers["location"]
    answer = visitor.client.get(f"{CALLBACK}?{urlsplit(back).query}")
    assert answer.headers["location"] == "/tasks/"


@pytest.mark.slow
def test_somebody_else_there_is_somebody_else_here(office: Provider) -> None:
    sign_up(Visitor(None), "mei-li")
    office.claims = {"sub": "u-18", "email": "bo@example.org", "email_verified": True}
    other = Visitor(None)
    sign_up(other, "bo-chen", "bo@example.org")
    assert who(other) == "bo-chen"
    assert User.objects.count() == 2


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_state_that_is_not_this_browsers_is_refused_with_what_to_do(
    office: Provider, language: str
) -> None:
    stolen = way_back(Visitor(None))
    visitor = Visitor(None, language)
    way_back(visitor)
    page = visitor.get(stolen, status=403)
    said = {"en": "It was begun in another browser", "zh-hans": "这次登录是在另一个浏览器里开始的"}
    assert said[language] in page
    assert 'href="/login/"' in page
    assert problems(page) == []
    assert who(visitor) == ""
    assert not User.objects.exists()


@pytest.mark.slow
def test_a_way_back_serves_once(office: Provider) -> None:
    visitor = Visitor(None)
    back = way_back(visitor)
    assert visitor.client.get(back).headers["location"] == SIGN_UP
    visitor.get(back, status=403)


@pytest.mark.parametrize(
    ("confirmed", "verified"),
    [(True, True), (True, False), (False, True), (False, "true"), (False, "false"), (False, None)],
)
def test_without_mails_an_equal_address_never_opens_the_account_that_has_it(
    cast: people.Cast, office: Provider, confirmed: bool, verified: object
) -> None:
    EmailAddress.objects.create(user=cast.mei, email="mei@example.org", verified=confirmed, primary=True)
    office.claims = {**identity.MEI, "email_verified": verified}
    visitor = Visitor(None)
    sign_up(visitor)
    assert who(visitor) == "newcomer"
    assert SocialAccount.objects.get().user.username == "newcomer"
    theirs = EmailAddress.objects.get(user__username="newcomer")
    assert theirs.verified == (verified in (True, "true") and not confirmed)
    assert EmailAddress.objects.get(user=cast.mei).verified == confirmed


@pytest.mark.parametrize("verified", [True, False])
def test_with_mails_an_equal_address_opens_nothing_and_its_owner_is_told(
    cast: people.Cast, configure: Configure, provider: Provider, verified: bool
) -> None:
    configure(provider.url, **MAILS)
    EmailAddress.objects.create(user=cast.mei, email="mei@example.org", verified=True, primary=True)
    provider.claims = identity.MEI | {"email_verified": verified}
    visitor = Visitor(None)
    page = sign_up(visitor)
    assert "A letter with a link is on its way to you" in page  # as for any address: nobody learns more
    assert who(visitor) == ""
    assert User.objects.count() == 4
    assert not SocialAccount.objects.exists()
    (letter,) = mail.outbox
    assert letter.to == ["mei@example.org"]
    assert "an account using that email address already exists" in letter.body


@pytest.mark.parametrize(("verified", "letters"), [(True, 0), (False, 1), ("false", 1)])
def test_with_mails_only_an_address_that_nobody_confirmed_waits_for_its_letter(
    configure: Configure, provider: Provider, verified: object, letters: int
) -> None:
    configure(provider.url, **MAILS)
    provider.claims = {**identity.MEI, "email_verified": verified}
    visitor = Visitor(None)
    sign_up(visitor)
    assert len(mail.outbox) == letters
    assert (who(visitor) == "newcomer") == (letters == 0)
    assert EmailAddress.objects.get().verified == (letters == 0)


@pytest.mark.slow
def test_an_address_of_ones_own_choice_waits_for_its_letter(configure: Configure, provider: Provider) -> None:
    configure(provider.url, **MAILS)
    sign_up(Visitor(None), email="victim@example.org")
    verified = dict(EmailAddress.objects.values_list("email", "verified"))
    assert verified == {"mei@example.org": True, "victim@example.org": False}


def test_who_has_an_account_connects_the_provider_and_comes_in_by_it(
    cast: people.Cast, office: Provider
) -> None:
    visitor = Visitor(None)
    visitor.post("/login/", {"login": "mei", "password": people.PASSWORD})
    assert f'href="{LOG_IN}?process=connect"' in visitor.get("/3rdparty/")
    asked = visitor.client.get(way_back(visitor, "connect"))
    assert asked.headers["location"] == "/reauthenticate/"  # a browser left open connects nothing
    page = visitor.send("/reauthenticate/", {"password": people.PASSWORD})
    assert "The third-party account has been connected." in page
    again = Visitor(None)
    log_in(again)
    assert who(again) == "mei"


def test_nobody_connects_a_demo_account_with_one_of_their_own(
    cast: people.Cast, office: Provider, settings: pytest_django.Settings
) -> None:
    settings.DEMO = True
    User.objects.filter(pk=cast.alice.pk).update(is_demo=True)
    page = Visitor(cast.alice).send(f"{LOG_IN}?process=connect", status=403)
    assert "Everybody knows a demo account’s password" in page


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_who_stops_at_the_provider_is_back_at_the_log_in_with_a_word(office: Provider, language: str) -> None:
    office.refusal = "access_denied"
    answer = log_in(visitor := Visitor(None, language))
    assert answer.redirect_chain[-1] == ("/login/", 302)
    said = {"en": "You stopped the log-in with Assay Office", "zh-hans": "你中止了通过 Assay Office 的登录"}
    assert said[language] in answer.content.decode()
    assert who(visitor) == ""


@pytest.mark.slow
def test_who_stops_connecting_is_back_where_one_connects(cast: people.Cast, office: Provider) -> None:
    office.refusal = "access_denied"
    visitor = Visitor(cast.mei)
    answer = visitor.client.get(way_back(visitor, "connect"))
    assert answer.headers["location"] == "/3rdparty/"


def no_tracebacks(caplog: pytest.LogCaptureFixture) -> bool:
    return not any(record.exc_info for record in caplog.records)


@pytest.mark.parametrize(
    ("answer", "language"),
    [
        (None, "en"),
        (None, "zh-hans"),
        ((503, "Down for maintenance"), "en"),
        ((200, "<h1>Back soon</h1>"), "en"),
    ],
)
def test_a_provider_that_is_down_is_said_to_be_so(
    configure: Configure,
    provider: Provider,
    caplog: pytest.LogCaptureFixture,
    answer: identity.Answer | None,
    language: str,
) -> None:
    if answer is None:
        configure("http://127.0.0.1:1")  # nobody listens there
    else:
        configure(provider.url)
        provider.broken["/.well-known/openid-configuration"] = answer
    page = Visitor(None, language).send(f"{LOG_IN}?process=login", status=502)
    said = {"en": "Assay Office could not be reached", "zh-hans": "无法连接 Assay Office"}
    assert said[language] in page
    assert 'href="/login/"' in page
    assert problems(page) == []
    assert "log-in with Assay Office failed: " in caplog.text
    assert no_tracebacks(caplog)


def test_a_provider_that_does_not_tell_an_address_is_said_not_to(
    office: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    description = "/.well-known/openid-configuration"
    visitor = Visitor(None)
    back = way_back(visitor)
    office.broken[description] = (200, {"issuer": office.url, "authorization_endpoint": office.url})
    assert "its answer could not be used" in visitor.get(back, status=502)
    assert "'token_endpoint' is missing in its /.well-known/openid-configuration" in caplog.text
    office.broken[description] = (200, {"issuer": office.url, "token_endpoint": office.url})
    page = Visitor(None).send(f"{LOG_IN}?process=login", status=502)
    assert 'href="/login/"' in page
    assert "'authorization_endpoint' is missing" in caplog.text
    assert no_tracebacks(caplog)
    assert who(visitor) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/.well-known/openid-configuration", (503, "Down for maintenance")),
        ("/token", (503, "Down for maintenance")),
        ("/token", (400, {"error": "invalid_client"})),
        ("/userinfo", (503, "Down for maintenance")),
        ("/userinfo", (200, "<h1>Back soon</h1>")),
    ],
)
def test_a_provider_that_goes_down_on_the_way_lets_nobody_in(
    office: Provider, caplog: pytest.LogCaptureFixture, path: str, answer: identity.Answer
) -> None:
    visitor = Visitor(None)
    back = way_back(visitor)
    office.broken[path] = answer
    assert "Assay Office could not be reached, or its answer could not be used." in visitor.get(back, 502)
    assert no_tracebacks(caplog)
    assert identity.SECRET not in caplog.text
    assert who(visitor) == ""


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [{"aud": "another-site"}, {"iss": "https://elsewhere.example"}, {"exp": 1}])
def test_a_token_that_is_not_for_us_or_out_of_date_lets_nobody_in(
    office: Provider, caplog: pytest.LogCaptureFixture, wrong: dict[str, object]
) -> None:
    office.in_token = wrong
    visitor = Visitor(None)
    visitor.get(way_back(visitor), status=502)
    assert "log-in with Assay Office failed: Invalid id_token" in caplog.text
    assert who(visitor) == ""
    assert not SocialAccount.objects.exists()


@pytest.mark.slow
def test_what_the_provider_complains_of_stands_in_the_log(
    office: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    office.refusal = "server_error"
    visitor = Visitor(None)
    visitor.get(way_back(visitor), status=502)
    assert "log-in with Assay Office failed: error='server_error'" in caplog.text
