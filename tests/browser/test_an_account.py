"""An account in Chromium, in both languages: sign-up, confirmed address, second factor, tokens, its end."""

from __future__ import annotations

import base64
import hmac
import re
import struct
import time

import pytest
from playwright.sync_api import expect

from tests.browser.staging import PASSWORD
from tests.browser.town import Company, Person

pytestmark = [
    pytest.mark.slow, pytest.mark.sandbox, pytest.mark.browser, pytest.mark.xdist_group("browser"),
]  # fmt: skip

NEW_PASSWORD = "basalt-and-black-coffee"


def code_of(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    digest = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), "sha1")
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4]) & 0x7FFFFFFF) % 1_000_000:06d}"


def mailed_link(company: Company, address: str, path: str) -> str:
    """The link below `path` in a mail: they go to the site's log where no mail server is named."""
    log = company.hub.place.log_dir / "site.log"
    mail = re.compile(rf"To: {address}.*?{re.escape(company.hub.url)}({path}\S+)", re.DOTALL)
    company.hub.wait(lambda: mail.search(log.read_text(errors="replace")) is not None, "the mail")
    return mail.findall(log.read_text(errors="replace"))[-1]


def log_in(person: Person, password: str = NEW_PASSWORD) -> None:
    person.open("/login/")
    form = person.page.locator("main form.card")
    person.fill_and_send(form, login=person.username, password=password)


def test_from_signing_up_to_deleting_the_account(company: Company) -> None:
    person = company.stranger()
    person.username = company.name("somebody")
    person.open("/")
    person.open("/signup/")
    form = person.page.locator("main form.card")
    given = {"username": person.username, "email": f"{person.username}@example.org"}
    person.fill_and_send(form, **given, password1="12345678")
    person.sees(".field.has-error .error")
    person.fill_and_send(form, password1=PASSWORD)
    person.is_done()

    person.open(mailed_link(company, given["email"], "/confirm-email/"))
    person.fill_and_send(person.page.locator("main form").first)
    person.open("/settings/")
    person.sees("main .badge.is-good")
    forgotten_password(company, person, given["email"])
    second_factor(company, person)
    person.open("/2fa/")
    person.follow('.crumbs a[href="/settings/"]')
    person.follow('main a[href="/settings/delete/"]')
    confirm_it_is_you(person)
    person.send("/settings/delete/", username="somebody-else")
    person.sees(".field.has-error .error")
    person.send("/settings/delete/", username=person.username)
    person.is_done()
    person.open(f"/people/{person.username}/", status=404)
    log_in(person)
    person.sees(".notice.is-error")


def forgotten_password(company: Company, person: Person, address: str) -> None:
    """Replaced from another browser by the link in a mail, which ends the log-in in the first one."""
    elsewhere = company.stranger()
    elsewhere.open("/login/")
    elsewhere.follow('main a[href="/password/reset/"]')
    elsewhere.fill_and_send(elsewhere.page.locator("main form.card"), email=address)
    link = mailed_link(company, address, "/password/reset/key/")
    elsewhere.open(link)
    elsewhere.fill_and_send(
        elsewhere.page.locator("main form.card"), password1=NEW_PASSWORD, password2=NEW_PASSWORD
    )
    elsewhere.sees("main h1")
    elsewhere.open(link)  # it serves once
    elsewhere.sees_no("[name=password1]")
    person.open("/settings/")
    expect(person.page).to_have_url(re.compile("/login/"))
    log_in(person, PASSWORD)
    person.sees(".notice.is-error")
    log_in(person)
    person.open("/settings/")


def second_factor(company: Company, person: Person) -> None:
    """Switched on, and asked for in another browser, which is then logged out from here."""
    person.follow('main a[href$="/2fa/"]')
    person.follow('main a[href$="/totp/activate/"]')
    confirm_it_is_you(person)
    secret = person.page.locator("#authenticator_secret").input_value()
    person.fill_and_send(person.page.locator("main form.card"), code=code_of(secret))
    recovery = person.page.locator("#recovery_codes").input_value().split()[0]
    elsewhere = company.stranger()
    elsewhere.username = person.username
    log_in(elsewhere)
    elsewhere.fill_and_send(elsewhere.page.locator("main form.card"), code=recovery)
    elsewhere.open("/settings/")
    person.open("/settings/")
    person.send("/end/")
    person.is_done()
    elsewhere.open("/settings/")
    expect(elsewhere.page).to_have_url(re.compile("/login/"))


def confirm_it_is_you(person: Person) -> None:
    """The password again, where the log-in is some time ago."""
    if "reauthenticate" in person.page.url:
        person.fill_and_send(person.page.locator("main form.card"), password=NEW_PASSWORD)


def test_tokens_are_shown_once_and_revoked(company: Company) -> None:
    author = company.person("author")
    author.open("/settings/tokens/")
    author.send("/tokens/create/", name="laptop")
    token = author.page.locator(".made .command code").first.inner_text()
    author.open("/settings/tokens/")
    assert token not in author.page.content()
    author.sees("tbody tr", "laptop")
    author.send("/revoke/")
    author.is_done()
    author.sees_no("tbody tr")


def test_what_one_is_told_and_where_is_chosen(company: Company) -> None:
    author = company.person("author")
    author.open("/settings/notifications/")
    form = author.form("/settings/notifications/save/")
    box = form.locator("input[name=on]").first
    value = box.get_attribute("value")
    box.uncheck()
    author.fill_and_send(form, digest="weekly")
    author.is_done()
    expect(author.page.locator(f'input[name=on][value="{value}"]')).not_to_be_checked()
    expect(author.page.locator("#digest")).to_have_value("weekly")
    author.send("/hooks/add/#hooks", url="http://127.0.0.1:25/")
    author.sees(".field.has-error .error")
    author.send("/hooks/add/#hooks", url="http://127.0.0.1/hook")
    author.sees(".made .command code")
    author.open("/settings/notifications/")
    author.sees_no(".made")  # the secret is shown once
    author.send("/remove/")
    author.sees_no("article.hook")
    author.open("/notifications/")
    author.sees(".told li.is-new")
    author.follow(".told .told-open")
    author.open("/notifications/")
    author.send("/notifications/read/")
    author.sees_no(".told li.is-new")
