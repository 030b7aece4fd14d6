"""Choosing how one is told: kinds by channel, digest, language, webhooks; a link that ends a kind of mail."""

from __future__ import annotations

import re

import pytest
from django.core import mail

from hub.notify import choosing, deliveries
from hub.notify.actions import announce
from hub.notify.models import Delivery, Hook, Notification, Wishes
from tests.hub.conftest import new_task
from tests.hub.web.conftest import Visitor
from tests.hub.web.markup import problems
from tests.people import Cast

pytestmark = pytest.mark.django_db
PAGE = "/settings/notifications/"
URL = "https://example.org/hook"


def news(cast: Cast, key: str = "news") -> None:
    cast.alice.email = "alice@example.org"
    cast.alice.save()
    announce([cast.alice], key=key, title="News", path="/tasks/")


def test_a_kind_that_is_switched_off_is_not_told_by_that_channel(cast: Cast) -> None:
    alice = Visitor(cast.alice)
    page = alice.get(PAGE)
    assert problems(page) == []
    assert '<option value="zh-hans" lang="zh-hans">简体中文</option>' in page
    on = sorted(choosing.EVERY - {"email:announcement", "site:announcement"})
    alice.send(f"{PAGE}save/", {"on": on, "digest": "off", "language": "en"})
    news(cast)
    assert not Delivery.objects.exists()
    assert "Nothing yet" in alice.get("/notifications/")
    assert 'value="email:announcement" aria-label="Announcements – E-mail">' in alice.get(PAGE)


def test_what_the_form_does_not_offer_is_refused(cast: Cast) -> None:
    page = Visitor(cast.alice).send(f"{PAGE}save/", {"on": "email:x", "digest": "hourly", "language": "en"})
    assert "Choose a digest and a language" in page
    assert not Wishes.objects.filter(user=cast.alice).exists()


def test_mails_come_in_the_language_that_the_reader_switched_the_site_to(cast: Cast) -> None:
    Visitor(cast.alice).post("/i18n/setlang/", {"language": "zh-hans", "next": "/"})
    assert Wishes.objects.get(user=cast.alice).language == "zh-hans"
    Visitor(None).post("/i18n/setlang/", {"language": "zh-hans", "next": "/"})
    assert Wishes.objects.count() == 1


def test_the_link_in_a_mail_asks_first_and_then_ends_that_kind_without_a_log_in(cast: Cast) -> None:
    news(cast)
    deliveries.send_due()
    link = re.search(r"http://[^/]+(/notifications/unsubscribe/[^\s>]+)", mail.outbox[0].body)
    assert link is not None
    stranger = Visitor(None)
    assert "Announcements" in stranger.get(link[1])
    assert not Wishes.objects.exists()
    assert "no more e-mails of this kind" in stranger.get(link[1]).lower()
    assert "You get no more e-mails of this kind: Announcements." in stranger.send(link[1])
    assert Wishes.objects.get().off == ["email:announcement"]
    stranger.get(f"{link[1][:-3]}x/", 404)


def test_a_webhook_shows_its_secret_once_and_what_was_sent(cast: Cast) -> None:
    alice = Visitor(cast.alice)
    page = alice.send("/settings/hooks/add/", {"url": URL})
    hook = Hook.objects.get()
    assert deliveries.secret_of(hook) in page
    assert deliveries.secret_of(hook) not in alice.get(PAGE)
    assert problems(page) == []
    alice.send(f"/settings/hooks/{hook.pk}/try/")
    assert "<code>ping</code>" in alice.get(PAGE)
    old = deliveries.secret_of(hook)
    hook.refresh_from_db()
    assert deliveries.secret_of(Hook.objects.get()) == old
    alice.send(f"/settings/hooks/{hook.pk}/renew/")
    assert deliveries.secret_of(Hook.objects.get()) != old
    alice.send(f"/settings/hooks/{hook.pk}/remove/")
    assert not Hook.objects.exists()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:25/", "ftp://example.org", "https://a:b@example.org/", "x"]
)
def test_an_address_that_cannot_be_a_webhook_is_said_on_the_page(cast: Cast, url: str) -> None:
    page = Visitor(cast.alice).send("/settings/hooks/add/", {"url": url}, status=422)
    assert 'id="url-error"' in page
    assert not Hook.objects.exists()


def test_only_its_own_people_manage_a_webhook(cast: Cast) -> None:
    task = new_task()
    task.mentors.add(cast.mei)
    Visitor(cast.bob).send("/settings/hooks/add/", {"url": URL, "task": task.slug}, status=403)
    Visitor(cast.mei).send("/settings/hooks/add/", {"url": URL, "task": task.slug})
    hook = Hook.objects.get(task=task)
    for what in ("try", "renew", "remove"):
        Visitor(cast.bob).send(f"/settings/hooks/{hook.pk}/{what}/", status=403)
    assert URL in Visitor(cast.mei).get(PAGE)
    assert URL not in Visitor(cast.bob).get(PAGE)
    Visitor(cast.max).send(f"/settings/hooks/{hook.pk}/remove/")
    assert not Hook.objects.exists()


def test_somebody_who_leaves_takes_along_what_they_were_told(cast: Cast) -> None:
    news(cast)
    choosing.add_hook(cast.alice, URL)
    choosing.forget(cast.alice)
    assert [model.objects.count() for model in (Notification, Delivery, Hook)] == [0, 0, 0]
