"""Writes about how people want to be told: kinds by channel, digest, language, webhooks."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog.models import Task
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.core.ids import new_token
from hub.notify import outbound
from hub.notify.deliveries import secret_of
from hub.notify.kinds import Channel, Kind
from hub.notify.mail import DIGEST, read_token
from hub.notify.models import URL_LONGEST, Delivery, Hook, Notification, Wishes
from hub.notify.queries import why_not_hook
from hub.pulls.queries import is_mentor_of

HOOKS_MOST = 5  # of a person, and of a task
PING = "ping"  # the kind of a delivery that only tries a webhook
PINGS_MOST, PINGS_WITHIN = 10, timedelta(hours=1)
EVERY = frozenset(f"{channel}:{kind}" for channel in Channel.values for kind in Kind.values)


def choose(user: User, on: Collection[str], digest: str, language: str) -> Wishes:
    """Keep what the person left on (`email:verdict`), and how mails come.

    Raises:
        BadInput: no such digest or language.
    """
    if digest not in Wishes.Digest.values or language not in dict(settings.LANGUAGES):
        raise BadInput(_("Choose a digest and a language of those that are offered."))
    columns = {"off": sorted(EVERY - set(on)), "digest": digest, "language": language}
    return Wishes.objects.update_or_create(user=user, defaults=columns)[0]


def remember_language(user: User, language: str, *, only_first: bool = False) -> None:
    """Mails come in the language in which the person reads the site."""
    wishes, _new = Wishes.objects.get_or_create(user=user)
    if language in dict(settings.LANGUAGES) and not (only_first and wishes.language):
        Wishes.objects.filter(user=user).exclude(language=language).update(language=language)


def unsubscribe(token: str) -> bool:
    """Switch off the kind of mail that a link names, without a log-in; False if the link is not of ours."""
    named = read_token(token)
    user = User.objects.filter(pk=named[0]).first() if named else None
    if named is None or user is None:
        return False
    kinds = Kind.values if named[1] == DIGEST else [named[1]]
    with transaction.atomic():
        wishes, _new = Wishes.objects.select_for_update().get_or_create(user=user)
        wishes.off = sorted({*wishes.off, *(f"{Channel.EMAIL}:{kind}" for kind in kinds)} & EVERY)
        wishes.save(update_fields=["off"])
        Notification.objects.filter(user=user, kind__in=kinds).update(for_digest=False)
    return True


def forget(user: User) -> None:
    """Somebody leaves: what they were told goes, and nothing more is sent."""
    for kept in (user.hooks, user.mails, user.notifications):
        kept.all().delete()
    Wishes.objects.filter(user=user).delete()


# Webhooks


def add_hook(by: User, url: str, task: Task | None = None) -> tuple[Hook, str]:
    """Add a webhook of one's own or of a task; with the secret that its bodies are signed with.

    Raises:
        NotAllowed: of a task, and neither its mentor nor a maintainer.
        BadInput: an address that cannot be one, or that is there already.
        NotNow: there are enough.
    """
    if task is not None and not is_mentor_of(task, by):
        raise NotAllowed(_("Only a mentor of the task or a maintainer gives it a webhook."))
    url = url.strip()
    if len(url) > URL_LONGEST:
        raise BadInput(_("The address is longer than %(most)s characters.") % {"most": URL_LONGEST})
    if (why := outbound.why_not(url)) is not None:
        raise BadInput(why)
    own = {"task": task} if task is not None else {"user": by}
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=by.pk)
        there = list(Hook.objects.filter(**own).values_list("url", flat=True))
        if url in there:
            raise BadInput(_("This address is a webhook already."))
        if len(there) >= HOOKS_MOST:
            raise NotNow(_("There are %(most)s webhooks: remove one first.") % {"most": HOOKS_MOST})
        hook = Hook.objects.create(url=url, salt=new_token("s"), made_by=by, made_at=clock.now(), **own)
        record(by, "hook.added", hook, host=urlsplit(url).hostname, task=task.slug if task else "")
    return hook, secret_of(hook)


def remove_hook(hook: Hook, by: User) -> None:
    _managed(hook, by)
    with transaction.atomic():
        record(by, "hook.removed", hook, host=urlsplit(hook.url).hostname)
        hook.delete()


def renew_secret(hook: Hook, by: User) -> str:
    """A new secret in place of the old one; what waits is signed with it."""
    _managed(hook, by)
    with transaction.atomic():
        hook.salt = new_token("s")
        hook.save(update_fields=["salt"])
        record(by, "hook.renewed", hook)
    return secret_of(hook)


def try_hook(hook: Hook, by: User) -> Delivery:
    """Send something small to a webhook with the next sweep; one that was switched off is on again.

    Raises:
        NotNow: it was tried often lately.
    """
    _managed(hook, by)
    now = clock.now()
    if hook.deliveries.filter(kind=PING, made_at__gt=now - PINGS_WITHIN).count() >= PINGS_MOST:
        raise NotNow(_("It was tried %(most)s times within an hour: wait a little.") % {"most": PINGS_MOST})
    with transaction.atomic():
        Hook.objects.filter(pk=hook.pk).update(off_at=None)
        return Delivery.objects.create(
            key=f"webhook:{hook.pk}:ping:{now.timestamp():.6f}",
            channel=Channel.WEBHOOK,
            kind=PING,
            hook=hook,
            payload={"kind": PING, "at": now.isoformat()},
            made_at=now,
            not_before=now,
        )


def _managed(hook: Hook, by: User) -> None:
    if (why := why_not_hook(hook, by)) is not None:
        raise NotAllowed(why)
