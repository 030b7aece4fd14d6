"""Mails and webhooks leave once, are tried again, and lead nowhere inside."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import pytest_django
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from hub.accounts.models import User
from hub.core import clock
from hub.notify import deliveries, outbound
from hub.notify.actions import announce
from hub.notify.models import Delivery, Hook, Wishes
from tests.people import Cast

pytestmark = pytest.mark.django_db
TITLE = {"en": "The season begins", "zh": "新一季开始了"}


@pytest.fixture(autouse=True)
def _addresses(cast: Cast) -> None:
    for user in (cast.alice, cast.bob):
        user.email = f"{user.username}@example.org"
        user.save()


def news(*people: User, key: str = "season") -> None:
    announce(people, key=key, title=TITLE, text="Pick a task.", path="/tasks/")


def later(monkeypatch: pytest.MonkeyPatch, **more: float) -> None:
    now = clock.now() + timedelta(**more)
    monkeypatch.setattr(clock, "now", lambda: now)


# Mails


def test_a_mail_is_in_the_readers_language_and_says_how_to_get_no_more(cast: Cast) -> None:
    Wishes.objects.create(user=cast.bob, language="zh-hans")
    news(cast.alice, cast.bob)
    assert deliveries.send_due() == 2
    english, chinese = sorted(mail.outbox, key=lambda sent: sent.to)
    assert english.subject == "[Touchstone] The season begins"
    assert "> Pick a task." in english.body
    assert "/tasks/" in english.body
    assert "新一季开始了" in chinese.subject
    assert english.extra_headers["List-Unsubscribe"].startswith("<http://127.0.0.1:8000/notifications/unsub")
    assert english.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_mail_leaves_once_however_often_the_sweeper_runs(cast: Cast) -> None:
    news(cast.alice)
    news(cast.alice)
    assert [deliveries.send_due(), deliveries.send_due()] == [1, 0]
    assert len(mail.outbox) == 1


def test_mails_wait_without_counting_a_try_while_their_server_is_away(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, settings: pytest_django.Settings
) -> None:
    news(cast.alice)
    with monkeypatch.context() as away:
        away.setattr(EmailBackend, "open", _refused, raising=False)
        assert deliveries.send_due() == 0
    row = Delivery.objects.get()
    assert (row.state, row.tries) == ("waiting", 0)
    later(monkeypatch, minutes=3)
    assert deliveries.send_due() == 1


def _refused(_: object) -> None:
    raise ConnectionRefusedError


def test_nothing_in_a_title_becomes_a_header_or_acts_on_the_screen(cast: Cast) -> None:
    announce([cast.alice], key="x", title="Free\r\nBcc: bob@example.org\x1b[2J\u202e", path="/")
    deliveries.send_due()
    assert mail.outbox[0].subject == "[Touchstone] Free Bcc: bob@example.org [2J"
    assert "\x1b" not in mail.outbox[0].body


# Webhooks


class Receiver(HTTPServer):
    """Somebody's server; it keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("Location", f"{self.server.url}/elsewhere")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def receiver(settings: pytest_django.Settings) -> Iterator[Receiver]:
    settings.WEBHOOK_PRIVATE = True  # for it is on this machine
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def hook_of(user: User, url: str) -> Hook:
    User.objects.filter(pk=user.pk).update(email="")
    user.email = ""
    return Hook.objects.create(user=user, url=url, salt="s", made_by=user, made_at=clock.now())


def test_a_webhook_gets_a_body_that_its_secret_proves(cast: Cast, receiver: Receiver) -> None:
    hook = hook_of(cast.alice, receiver.url)
    news(cast.alice)
    assert deliveries.send_due() == 1
    headers, body = receiver.got[0]
    proof = outbound.signature(deliveries.secret_of(hook), headers["Touchstone-Timestamp"], body)
    assert headers["Touchstone-Signature"] == f"sha256={proof}"
    told = json.loads(body)
    assert (told["kind"], told["sentence"]) == ("announcement", "The season begins")
    assert told["id"] == headers["Touchstone-Delivery"] == f"webhook:{hook.pk}:announcement:season"
    row = Delivery.objects.get()
    assert (row.state, row.status, row.tries) == ("delivered", 204, 1)


def test_a_redirect_is_not_followed(cast: Cast, receiver: Receiver) -> None:
    hook_of(cast.alice, receiver.url)
    receiver.status = 302
    news(cast.alice)
    assert deliveries.send_due() == 0
    assert len(receiver.got) == 1
    assert Delivery.objects.get().status == 302


def test_a_webhook_that_fails_is_tried_again_ever_later_and_then_given_up(
    cast: Cast, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook_of(cast.alice, receiver.url)
    receiver.status = 500
    news(cast.alice)
    for wait in deliveries.BACK_OFF:
        assert deliveries.send_due() == 0
        assert deliveries.send_due() == 0  # not yet
        later(monkeypatch, seconds=wait.total_seconds())
    assert deliveries.send_due() == 1
    row = Delivery.objects.get()
    assert (row.state, row.tries, row.status) == ("given_up", deliveries.TRIES_MOST, 500)
    assert len(receiver.got) == deliveries.TRIES_MOST


def test_a_dead_webhook_holds_up_what_waits_for_it_and_is_switched_off_in_the_end(
    cast: Cast, receiver: Receiver
) -> None:
    hook = hook_of(cast.alice, receiver.url)
    receiver.status = 500
    for which in range(deliveries.FAILURES_MOST):
        news(cast.alice, key=f"season-{which}")
    Delivery.objects.update(tries=deliveries.TRIES_MOST - 1)
    assert deliveries.send_due() == deliveries.FAILURES_MOST
    hook.refresh_from_db()
    assert hook.off_at is not None
    news(cast.alice, key="next")
    assert not Delivery.objects.filter(state="waiting").exists()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:0:0:0:0:80ff:fffe", "fe80::1%eth0",
    ],
)  # fmt: skip
def test_an_address_of_our_own_network_is_not_public(address: str) -> None:
    assert not outbound.is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "8.8.8.8"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert outbound.is_public(address)


def test_nothing_is_sent_into_our_own_network_whatever_the_name(
    cast: Cast, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, settings: pytest_django.Settings
) -> None:
    """A name may stand for a public address and for one of ours."""
    settings.WEBHOOK_PRIVATE = False
    looked_up: list[str] = []

    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        looked_up.append(host)
        return [(2, 1, 6, "", (address, port)) for address in ("93.184.216.34", "127.0.0.1")]

    monkeypatch.setattr("socket.getaddrinfo", lookup)
    hook_of(cast.alice, f"http://example.org:{receiver.server_port}/")
    news(cast.alice)
    assert deliveries.send_due() == 1
    row = Delivery.objects.get()
    assert (row.state, row.tries, receiver.got) == ("given_up", 1, [])
    assert "127.0.0.1, which is not a public address" in row.fault
    assert looked_up == ["example.org"]


def test_a_server_that_drips_is_cut_off(settings: pytest_django.Settings) -> None:
    settings.WEBHOOK_PRIVATE = True
    listening = outbound.socket.create_server(("127.0.0.1", 0))
    answer = outbound.post(f"http://127.0.0.1:{listening.getsockname()[1]}/", b"{}", {}, deadline=0.05)
    listening.close()
    assert answer.status is None
    assert answer.fault


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.org/", "is no address"),
        ("javascript:alert(1)", "is no address"),
        ("https://", "is no address"),
        ("https://example.org:abc/", "is no address"),
        ("https://example.org/ x", "is no address"),
        ("https://me:secret@example.org/", "Leave name and password out"),
        ("http://example.org:25/", "Port 25 is not used"),
    ],
)
def test_an_address_that_cannot_be_a_webhook_is_refused_with_the_reason(url: str, why: str) -> None:
    assert why in (outbound.why_not(url) or "")


def test_an_address_of_the_usual_kind_is_taken() -> None:
    assert outbound.why_not("https://example.org/hook?channel=3") is None
