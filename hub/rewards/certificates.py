"""Certificates: issuing one, revoking one. What may be certified: `hub/honours.py`.

The statement is a JSON document of a few lines, signed as it stands: its bytes, not its meaning. So nobody
who verifies it has to agree with us on how JSON is written, and people can read what was signed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.core import clock
from hub.core.constraints import broken
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.rewards import signing
from hub.rewards.models import Certificate
from hub.rewards.rules import Words

FORMAT = "touchstone-certificate-1"
WHY_LONGEST = 200


def issue(user: User, subject: str, title: Words, facts: Sequence[Words]) -> Certificate:
    """Certify something about somebody; the valid certificate about it if there is one already.

    Not in charge of whether it is true: the caller has looked.
    """
    if (found := _valid(user, subject)) is not None:
        return found
    number, at = f"TS-{secrets.token_hex(5).upper()}", clock.now()
    statement = {
        "format": FORMAT,
        "number": number,
        "issuer": settings.SITE_URL,
        "issued_at": at.isoformat(timespec="seconds"),
        "holder": {"username": user.username, "name": user.shown_name},
        "title": {"en": title.en, "zh": title.zh},
        "facts": [{"en": fact.en, "zh": fact.zh} for fact in facts],
        "verify": f"{settings.SITE_URL}/certificates/{number}/",
        "key_sha256": signing.fingerprint(),
    }
    text = json.dumps(statement, ensure_ascii=False, indent=1) + "\n"
    columns = {"title_en": title.en, "title_zh": title.zh, "statement": text, "key": signing.fingerprint()}
    try:
        with transaction.atomic():
            made = Certificate.objects.create(
                number=number,
                user=user,
                subject=subject,
                signature=signing.sign(text),
                issued_at=at,
                **columns,
            )
            record(user, "certificate.issued", made, about=subject)
    except IntegrityError as error:
        other = _valid(user, subject)
        if other is None or not broken(error, Certificate, "certificate_one_valid"):
            raise
        return other
    return made


def _valid(user: User, subject: str) -> Certificate | None:
    return Certificate.objects.filter(user=user, subject=subject, revoked_at=None).first()


def revoke(certificate: Certificate, by: User, why: str) -> None:
    """Declare a certificate void; its page says so, and why.

    Raises:
        NotAllowed: not a maintainer.
        BadInput: no reason.
        NotNow: it is void already.
    """
    if not by.is_maintainer:
        raise NotAllowed(_("Only a maintainer revokes a certificate."))
    why = " ".join(why.split())[:WHY_LONGEST]
    if not why:
        raise BadInput(_("Say why you revoke it: everybody who looks at the certificate reads the reason."))
    valid = Certificate.objects.filter(pk=certificate.pk, revoked_at=None)
    if not valid.update(revoked_at=clock.now(), revoked_by=by, revoked_why=why):
        raise NotNow(_("It is revoked already."))
    record(by, "certificate.revoked", certificate, why=why)


def forget(user: User) -> None:
    """Take the certificates of somebody who leaves off the hub: they carry a name.

    What the person has saved verifies as before, with the published key.
    """
    Certificate.objects.filter(user=user).delete()
    record(user, "certificates.forgotten", user)
