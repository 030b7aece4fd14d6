"""Sending what waits: mails and webhooks. Called by the sweeper, never by a page.

Theory of operation
- The database is the outbox. Who sends takes a row by compare-and-swap, which counts the try and moves the
  next one on: two who send at once send different rows, and one that died in between is tried again.
- A webhook that fails is left alone for a while with all that waits for it, and is switched off after
  FAILURES_MOST deliveries in a row were given up. So the slow and the dead cost the others little.
- A mail server that cannot be reached is our fault: mails wait, and no try is counted.
- All of it ends within a sweep: no new batch begins after BUDGET seconds.
"""

from __future__ import annotations

import json
import logging
import smtplib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta

from django.core import mail
from django.db.models import F, Q
from django.utils.crypto import salted_hmac

from hub.accounts.queries import may_enter
from hub.core import clock
from hub.core.guard import each
from hub.notify import outbound
from hub.notify.kinds import Channel
from hub.notify.mail import letter
from hub.notify.models import Delivery, Hook, Notification, Wishes
from hub.notify.outbound import Answer
from hub.notify.queries import reachable

BATCH = 16  # requests side by side
LOOKED_UP = 5.0  # seconds beyond a request's deadline that looking its name up may take
BUDGET = 8.0  # seconds of a sweep
BACK_OFF = tuple(timedelta(minutes=n) for n in (1, 5, 30, 120, 360))  # after the first try, the second, …
TRIES_MOST = len(BACK_OFF) + 1
FAILURES_MOST = 5  # deliveries of a webhook given up in a row
SERVER_AWAY = timedelta(minutes=2)

log = logging.getLogger(__name__)


def send_due() -> int:
    """Send what is due; how many rows came to an end."""
    until = time.monotonic() + BUDGET
    ended = 0
    while time.monotonic() < until:
        mails, requests = _take(Channel.EMAIL), _take(Channel.WEBHOOK)
        if not mails and not requests:
            break
        ended += _send_mails(mails) + _send_requests(requests)
    return ended


def secret_of(hook: Hook) -> str:
    """What a webhook's body is signed with; not stored anywhere."""
    return "whsec_" + salted_hmac("hub.notify.hook", hook.salt, algorithm="sha256").hexdigest()


def _take(channel: str) -> list[Delivery]:
    now = clock.now()
    due = Delivery.objects.filter(channel=channel, state=Delivery.State.WAITING, not_before__lte=now)
    rows = due.select_related("user", "hook").order_by("not_before", "made_at")[:BATCH]
    return [row for row in rows if _take_one(row)]


def _take_one(row: Delivery) -> bool:
    again = clock.now() + BACK_OFF[min(row.tries, len(BACK_OFF) - 1)]
    known = Delivery.objects.filter(pk=row.pk, state=Delivery.State.WAITING, tries=row.tries)
    if not known.update(tries=F("tries") + 1, not_before=again):
        return False
    row.tries += 1
    row.not_before = again
    return True


# Mails


def _send_mails(rows: Sequence[Delivery]) -> int:
    if not rows:
        return 0
    connection = mail.get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        log.error("the mail server cannot be reached: %s", error)
        waiting = Q(channel=Channel.EMAIL, state=Delivery.State.WAITING)
        Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(tries=F("tries") - 1)
        Delivery.objects.filter(waiting).update(not_before=clock.now() + SERVER_AWAY)
        return 0
    try:
        return each(rows, lambda row: _send_mail(row, connection))
    finally:
        connection.close()


def _send_mail(row: Delivery, connection: mail.backends.base.BaseEmailBackend) -> bool:
    user = row.user
    told = list(Notification.objects.filter(delivery=row).order_by("id"))
    if user is None or not told or not reachable([user]) or not may_enter(user):
        return _end(row, Delivery.State.GIVEN_UP, fault="there is nobody to write to any more")
    wishes = Wishes.objects.filter(user=user).first() or Wishes(user=user)
    try:
        connection.send_messages([letter(row, user, told, wishes.language)])
    except smtplib.SMTPRecipientsRefused as error:
        return _end(row, Delivery.State.GIVEN_UP, fault=str(error)[:200])
    except (OSError, smtplib.SMTPException) as error:
        return _failed(row, Answer(fault=f"{type(error).__name__}: {error}"[:200]))
    return _end(row, Delivery.State.DELIVERED, fault="")


# Webhooks


def _send_requests(rows: Sequence[Delivery]) -> int:
    if not rows:
        return 0
    threads = ThreadPoolExecutor(len(rows))
    asked = [threads.submit(_request, row) for row in rows]
    wait(asked, outbound.DEADLINE + LOOKED_UP)
    threads.shutdown(wait=False)  # a resolver that hangs holds up no sweep
    late = Answer(fault="no answer in time")
    answers = [future.result() if future.done() else late for future in asked]
    return each(zip(rows, answers, strict=True), lambda pair: _answered(*pair))


def _request(row: Delivery) -> Answer:
    hook = row.hook
    if hook is None or hook.off_at is not None:
        return Answer(fault="the webhook is switched off", forbidden=True)
    body = json.dumps({"id": row.key, **row.payload}, ensure_ascii=False, sort_keys=True).encode()
    timestamp = str(int(clock.now().timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Touchstone",
        "Touchstone-Delivery": row.key,
        "Touchstone-Kind": row.kind,
        "Touchstone-Timestamp": timestamp,
        "Touchstone-Signature": f"sha256={outbound.signature(secret_of(hook), timestamp, body)}",
    }
    return outbound.post(hook.url, body, headers)


def _answered(row: Delivery, answer: Answer) -> bool:
    if answer.taken:
        return _end(row, Delivery.State.DELIVERED, status=answer.status, fault="")
    return _failed(row, answer)


def _failed(row: Delivery, answer: Answer) -> bool:
    """Try again later, or give it up."""
    told = {"status": answer.status, "fault": answer.fault}
    if answer.forbidden or row.tries >= TRIES_MOST:
        ended = _end(row, Delivery.State.GIVEN_UP, **told)
        if row.hook is not None:
            _switch_off_if_dead(row.hook)
        return ended
    Delivery.objects.filter(pk=row.pk).update(**told)
    if row.hook is not None:
        waiting = Delivery.objects.filter(hook=row.hook, state=Delivery.State.WAITING)
        waiting.filter(not_before__lt=row.not_before).update(not_before=row.not_before)
    return False


def _switch_off_if_dead(hook: Hook) -> None:
    ended = hook.deliveries.exclude(state=Delivery.State.WAITING).order_by("-ended_at")
    last = list(ended.values_list("state", flat=True)[:FAILURES_MOST])
    if len(last) == FAILURES_MOST and set(last) == {Delivery.State.GIVEN_UP}:
        Hook.objects.filter(pk=hook.pk, off_at=None).update(off_at=clock.now())
        log.warning("webhook %s is switched off: %s deliveries in a row failed", hook.pk, FAILURES_MOST)


def _end(row: Delivery, state: str, **columns: object) -> bool:
    return Delivery.moves.move(row, state, ended_at=clock.now(), **columns)
