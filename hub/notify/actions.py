"""Writes about notifications: telling people, reading, switching kinds off. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import override

from hub.accounts.models import User
from hub.accounts.queries import may_enter
from hub.catalog.models import Task
from hub.core import clock
from hub.notify.kinds import AT_ONCE, OF_TASKS, Channel, kind_of, sentence, text_of
from hub.notify.models import Delivery, Hook, Notification, Wishes
from hub.notify.queries import reachable

EXCERPT = 300  # characters of what somebody wrote that are told with it
BATCH = 500
NOTIFICATIONS_KEPT = timedelta(days=180)
DELIVERIES_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class News:
    """Something to tell: one of `kinds.SENTENCES` with its values; the key names the fact."""

    what: str
    key: str
    path: str
    words: dict[str, Any] = field(default_factory=dict)
    task: Task | None = None


def tell(people: Iterable[User], news: News, *, but: User | None = None) -> int:
    """Tell each of them, but for who did it and who was told under this key before; how many."""
    told = {user.pk: user for user in people if user != but and may_enter(user) and not user.is_house}
    with transaction.atomic():
        everybody = list(told.values())
        batches = [everybody[start : start + BATCH] for start in range(0, len(everybody), BATCH)]
        number = sum(_tell(batch, news) for batch in batches)
        if news.task is not None and kind_of(news.what) in OF_TASKS:
            _make([_request(hook, news, "") for hook in Hook.objects.filter(task=news.task, off_at=None)])
    return number


def announce(
    people: Iterable[User],
    *,
    key: str,
    title: str | dict[str, str],
    path: str,
    text: str | dict[str, str] = "",
    by: User | None = None,
) -> int:
    """Tell everybody of `people` who was not told under `key` yet; how many (see the package)."""
    words = {"title": title, "text": text}
    return tell(people, News("announcement.made", f"announcement:{key}", path, words), but=by)


def read(user: User, notification_id: int) -> Notification | None:
    """Mark one of the person's own as read; None if there is none such."""
    row = Notification.objects.filter(pk=notification_id, user=user).first()
    if row is not None and row.read_at is None:
        _mark(Notification.objects.filter(pk=row.pk))
    return row


def read_all(user: User, until: int) -> int:
    """Mark as read what the person was shown: all up to that key. What came since stays new."""
    return _mark(Notification.objects.filter(user=user, pk__lte=until))


def forget_old() -> int:
    """Nobody needs to read of it any more; how many rows went."""
    now = clock.now()
    ended = Delivery.objects.exclude(state=Delivery.State.WAITING)
    gone = ended.filter(made_at__lt=now - DELIVERIES_KEPT).delete()[0]
    return gone + Notification.objects.filter(at__lt=now - NOTIFICATIONS_KEPT).delete()[0]


def _mark(rows: QuerySet[Notification]) -> int:
    """What was read in the site is not told again by a digest."""
    return rows.filter(read_at=None).update(read_at=clock.now(), for_digest=False)


def _tell(people: list[User], news: News) -> int:
    known = Notification.objects.filter(key=news.key, user__in=people)
    before = set(known.values_list("user", flat=True))
    people = [user for user in people if user.pk not in before]
    wishes = Wishes.objects.in_bulk([user.pk for user in people])
    hooks = Hook.objects.filter(user__in=people, off_at=None)
    can_be_mailed = reachable(people)
    rows, made = [], []
    for user in people:
        wish = wishes.get(user.pk) or Wishes(user=user)
        row = _row(user, wish, news)
        if wish.wants(Channel.EMAIL, row.kind) and user.pk in can_be_mailed:
            if wish.digest == Wishes.Digest.OFF or row.kind in AT_ONCE:
                mail = _delivery(f"email:{user.pk}:{news.key}", Channel.EMAIL, row.kind, user=user)
                made.append(mail)
                row.delivery = mail
            else:
                row.for_digest = True
        rows.append(row)
    for hook in hooks:
        wish = wishes.get(hook.user_id or 0) or Wishes()
        if wish.wants(Channel.WEBHOOK, kind_of(news.what)):
            made.append(_request(hook, news, wish.language))
    _make(made)
    Notification.objects.bulk_create(rows, ignore_conflicts=True)  # notification_told_once decides races
    return len(rows)


def _row(user: User, wish: Wishes, news: News) -> Notification:
    kind = kind_of(news.what)
    return Notification(
        user=user,
        kind=kind,
        what=news.what,
        words=news.words,
        path=news.path,
        key=news.key,
        at=clock.now(),
        in_site=wish.wants(Channel.SITE, kind),
    )


def _request(hook: Hook, news: News, language: str) -> Delivery:
    """What a webhook is told, in its person's language; a task's in the site's."""
    with override(language or settings.LANGUAGE_CODE):
        payload = {
            "kind": kind_of(news.what),
            "what": news.what,
            "at": clock.now().isoformat(),
            "sentence": sentence(news.what, news.words),
            "text": text_of(news.words),
            "url": f"{settings.SITE_URL}{news.path}",
            "words": {name: value for name, value in news.words.items() if name != "text"},
        }
    key = f"webhook:{hook.pk}:{news.key}"
    return _delivery(key, Channel.WEBHOOK, kind_of(news.what), hook=hook, payload=payload)


def _delivery(key: str, channel: str, kind: str, **columns: Any) -> Delivery:
    now = clock.now()
    return Delivery(key=key, channel=channel, kind=kind, made_at=now, not_before=now, **columns)


def _make(deliveries: list[Delivery]) -> None:
    Delivery.objects.bulk_create(deliveries, ignore_conflicts=True)
