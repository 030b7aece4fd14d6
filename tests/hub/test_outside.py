"""What the environment says of mail, other sites' log-ins and the shared count of tries."""

from __future__ import annotations

import pytest
import pytest_django
from django.core.cache import caches

from hub.core.limits import Limit
from hub.services import outside
from hub.web.security import policy


@pytest.mark.parametrize(
    ("url", "host", "port", "starttls", "tls"),
    [
        ("smtp://mail.example.org", "mail.example.org", 587, True, False),
        ("smtps://mail.example.org", "mail.example.org", 465, False, True),
        ("smtp+plain://127.0.0.1:2525", "127.0.0.1", 2525, False, False),
    ],
)
def test_a_mail_server_is_an_address(url: str, host: str, port: int, starttls: bool, tls: bool) -> None:
    found = outside.mail_server(url)
    assert (found.host, found.port, found.starttls, found.tls) == (host, port, starttls, tls)
    assert found.backend == outside.SMTP


def test_without_a_mail_server_mails_go_to_the_console() -> None:
    assert outside.mail_server("").backend == outside.CONSOLE


def test_name_and_password_of_a_mail_server_may_hold_any_sign() -> None:
    found = outside.mail_server("smtp://post%40example.org:p%2Fw@mail.example.org")
    assert (found.user, found.password) == ("post@example.org", "p/w")


@pytest.mark.parametrize("url", ["mail.example.org", "http://x", "smtp://", "smtp://:secret@h:port"])
def test_a_wrong_mail_server_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="EMAIL_URL is not understood") as error:
        outside.mail_server(url)
    assert "secret" not in str(error.value)


def test_no_other_site_opens_an_account_unless_it_is_asked_for() -> None:
    found = outside.identity_providers({"OAUTH_GITHUB_ID": "1", "OAUTH_GITHUB_SECRET": "2"})
    assert (found.settings, found.origins) == ({}, ())


def test_other_sites_come_with_their_keys_and_addresses(settings: pytest_django.Settings) -> None:
    environment = {"OAUTH_PROVIDERS": "github, gitlab", "OAUTH_GITLAB_URL": "https://git.example.org/"}
    for name in ("GITHUB", "GITLAB"):
        environment |= {f"OAUTH_{name}_ID": "1", f"OAUTH_{name}_SECRET": "2"}
    found = outside.identity_providers(environment)
    assert list(found.settings) == ["github", "gitlab"]
    assert found.settings["gitlab"]["APPS"][0]["settings"] == {"gitlab_url": "https://git.example.org"}
    settings.PROVIDERS = found
    assert "form-action 'self' https://github.com https://git.example.org;" in policy()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OAUTH_PROVIDERS": "myspace"}, "names “myspace”: choose among github"),
        ({"OAUTH_PROVIDERS": "github", "OAUTH_GITHUB_ID": "1"}, "set OAUTH_GITHUB_SECRET too"),
        (
            {"OAUTH_PROVIDERS": "gitea", "OAUTH_GITEA_ID": "1", "OAUTH_GITEA_SECRET": "2"},
            "set OAUTH_GITEA_URL too",
        ),
    ],
)
def test_a_half_configured_site_is_told(environment: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        outside.identity_providers(environment)


def test_a_limit_counts_each_apart_and_says_no_at_the_end(settings: pytest_django.Settings) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "limits"}
    }
    caches["default"].clear()
    limit = Limit("said", most=2, seconds=10**9)
    assert [limit.spend("alice") for _ in range(3)] == [True, True, False]
    assert limit.spent("alice")
    assert limit.spend("bob")


def test_without_redis_nobody_is_locked_out(settings: pytest_django.Settings) -> None:
    settings.CACHES = {"default": outside.cache("redis://127.0.0.1:1/0")}  # nobody listens there
    limit = Limit("said", most=1, seconds=60)
    assert [limit.spend("alice") for _ in range(3)] == [True] * 3
