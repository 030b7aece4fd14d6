"""Writes about SIGs: opening one, its page, its leads, its members, what the leads announce."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.community.models import Announcement, CalendarKey, Membership, Sig, SignUp
from hub.community.queries import is_lead
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.core.ids import SLUG

TITLE_LONGEST = 80
ABOUT_LONGEST = 10_000
SUBJECT_LONGEST = 120
SLUG_LONGEST = 40


def ensure(slug: str) -> Sig:
    """The SIG that a task names; with a plain title if nobody has opened it yet."""
    title = slug.replace("-", " ").capitalize()
    columns = {"title_en": title, "title_zh": title, "created_at": clock.now()}
    return Sig.objects.get_or_create(slug=slug, defaults=columns)[0]


def open_sig(by: User, slug: str, title_en: str, title_zh: str) -> Sig:
    """Open a SIG.

    Raises:
        NotAllowed: not a maintainer.
        BadInput: a slug that is malformed or taken, or no title.
    """
    if not by.is_maintainer:
        raise NotAllowed(_("Only a maintainer opens a SIG."))
    if not SLUG.fullmatch(slug) or len(slug) > SLUG_LONGEST:
        raise BadInput(
            _("“%(slug)s” cannot stand in addresses: take 2 to %(most)s small letters, digits and hyphens.")
            % {"slug": slug, "most": SLUG_LONGEST}
        )
    titles = {"title_en": _title(title_en), "title_zh": _title(title_zh)}
    try:
        with transaction.atomic():
            sig = Sig.objects.create(slug=slug, created_at=clock.now(), **titles)
            record(by, "sig.opened", sig, slug=slug)
    except IntegrityError as error:
        raise BadInput(_("There is a SIG “%(slug)s” already.") % {"slug": slug}) from error
    return sig


def describe(sig: Sig, by: User, title_en: str, title_zh: str, about_en: str, about_zh: str) -> None:
    """Change what the SIG's page says.

    Raises:
        NotAllowed: neither a lead nor a maintainer.
        BadInput: no title, or too long a text.
    """
    _lead(sig, by)
    columns = {"title_en": _title(title_en), "title_zh": _title(title_zh)}
    columns |= {"about_en": _text(about_en), "about_zh": _text(about_zh)}
    Sig.objects.filter(pk=sig.pk).update(**columns)
    record(by, "sig.described", sig)


def name_leads(sig: Sig, by: User, usernames: Iterable[str]) -> None:
    """Make these people, and nobody else, the SIG's leads.

    Raises:
        NotAllowed: not a maintainer.
        BadInput: nobody has that name.
    """
    if not by.is_maintainer:
        raise NotAllowed(_("Only a maintainer names the leads of a SIG."))
    wanted = set(usernames)
    found = list(User.objects.filter(username__in=wanted, is_active=True, is_house=False))
    if unknown := sorted(wanted - {user.username for user in found}):
        raise BadInput(_("There is nobody named “%(name)s”.") % {"name": unknown[0]})
    sig.leads.set(found)
    record(by, "sig.leads_named", sig, leads=sorted(wanted))


def join(sig: Sig, user: User) -> None:
    """Follow a SIG: its announcements reach this person. Doing so again changes nothing."""
    Membership.objects.get_or_create(sig=sig, user=user, defaults={"at": clock.now()})


def leave(sig: Sig, user: User) -> None:
    Membership.objects.filter(sig=sig, user=user).delete()


def announce(sig: Sig, by: User, title: str, body: str) -> Announcement:
    """Put something on the SIG's page. Who else hears of it: `hub/gatherings.py`.

    Raises:
        NotAllowed: neither a lead nor a maintainer.
        BadInput: no title or no text, or too long.
    """
    _lead(sig, by)
    title, body = " ".join(title.split()), _text(body)
    if not title or not body or len(title) > SUBJECT_LONGEST:
        raise BadInput(
            _("An announcement needs a text and a title of at most %(most)s characters.")
            % {"most": SUBJECT_LONGEST}
        )
    made = Announcement.objects.create(sig=sig, author=by, title=title, body=body, at=clock.now())
    record(by, "announcement.made", made, sig=sig.slug)
    return made


def withdraw(announcement: Announcement, by: User) -> None:
    """Take it off the page; it stays in the records.

    Raises:
        NotAllowed: neither a lead nor a maintainer.
        NotNow: it is gone already.
    """
    _lead(announcement.sig, by)
    shown = Announcement.objects.filter(pk=announcement.pk, withdrawn_at=None)
    if not shown.update(withdrawn_at=clock.now()):
        raise NotNow(_("It was taken off the page before."))
    record(by, "announcement.withdrawn", announcement)


def forget(user: User) -> None:
    """Take somebody who leaves the hub out of every SIG and off every list to come; their calendar goes."""
    Membership.objects.filter(user=user).delete()
    CalendarKey.objects.filter(user=user).delete()
    user.led_sigs.clear()
    coming = SignUp.objects.filter(user=user, left_at=None, event__ends_at__gt=clock.now())
    coming.update(left_at=clock.now())


def _lead(sig: Sig, by: User) -> None:
    if not is_lead(sig, by):
        raise NotAllowed(_("Only the leads of this SIG and maintainers do that."))


def _title(text: str) -> str:
    text = " ".join(text.split())
    if not text or len(text) > TITLE_LONGEST:
        raise BadInput(
            _("A SIG needs a title in each language, of at most %(most)s characters.")
            % {"most": TITLE_LONGEST}
        )
    return text


def _text(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if len(text) > ABOUT_LONGEST:
        raise BadInput(
            _("The text has %(length)s characters: at most %(most)s fit.")
            % {"length": len(text), "most": ABOUT_LONGEST}
        )
    return text
