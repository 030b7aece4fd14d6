"""Mails as text: what a person was told, in their language, with a way to switch it off.

Not in charge of sending (`deliveries.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override

from hub.accounts.models import User
from hub.notify.kinds import sentence, text_of
from hub.notify.models import Delivery, Notification

SALT = "hub.notify.unsubscribe"
DIGEST = "digest"  # the kind of a delivery that tells several
SUBJECT_LONGEST = 150  # characters


def letter(delivery: Delivery, user: User, told: Sequence[Notification], language: str) -> EmailMessage:
    """The mail that tells these, newest last."""
    with override(language or settings.LANGUAGE_CODE):
        parts = [_part(row) for row in told]
        subject = one_line(sentence(told[-1].what, told[-1].words))
        if delivery.kind == DIGEST:
            number = len(told)
            subject = ngettext("%(number)s thing for you", "%(number)s things for you", number) % {
                "number": number
            }
        return EmailMessage(
            subject=f"[{_('Touchstone')}] {subject}"[:SUBJECT_LONGEST],
            body="\n\n".join([*parts, _foot(delivery, user)]) + "\n",
            to=[user.email],
            headers=_headers(delivery, user),
        )


def unsubscribe_path(user: User, kind: str) -> str:
    """Leads to a page that switches this kind of mail off without a log-in."""
    return f"/notifications/unsubscribe/{signing.dumps([user.pk, kind], salt=SALT)}/"


def read_token(token: str) -> tuple[int, str] | None:
    """Whose mails, and of which kind, a link of ours switches off; None if it is not of ours."""
    try:
        user, kind = signing.loads(token, salt=SALT)
    except signing.BadSignature:
        return None
    return int(user), str(kind)


def one_line(text: str) -> str:
    return " ".join(_printable(text).split())


def _printable(text: str) -> str:
    """Without characters that act on the reader's screen or turn the reading direction."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def _part(row: Notification) -> str:
    written = _printable(text_of(row.words)).strip()
    quoted = "\n".join(f"> {line}" for line in written.split("\n")) if written else ""
    address = f"{settings.SITE_URL}{row.path}"
    return "\n".join(line for line in (one_line(sentence(row.what, row.words)), quoted, address) if line)


def _foot(delivery: Delivery, user: User) -> str:
    off = f"{settings.SITE_URL}{unsubscribe_path(user, delivery.kind)}"
    choose = f"{settings.SITE_URL}/settings/notifications/"
    return "\n".join(
        [
            "-- ",
            _("You get this as %(name)s of Touchstone.") % {"name": user.username},
            _("No more mails of this kind: %(address)s") % {"address": off},
            _("Choose what you are told, and how: %(address)s") % {"address": choose},
        ]
    )


def _headers(delivery: Delivery, user: User) -> dict[str, str]:
    """One-click unsubscribing is RFC 8058. A mail that is sent a second time has the same Message-ID."""
    host = urlsplit(settings.SITE_URL).hostname
    return {
        "Message-ID": f"<{hashlib.sha256(delivery.key.encode()).hexdigest()[:32]}@{host}>",
        "Auto-Submitted": "auto-generated",
        "List-Unsubscribe": f"<{settings.SITE_URL}{unsubscribe_path(user, delivery.kind)}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
