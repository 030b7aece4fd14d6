"""How long something has been waiting, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from hub.core import clock

register = template.Library()


@register.simple_tag
def waited(since: datetime) -> SafeString:
    """For how long; the exact moment in UTC stands in the title."""
    now = clock.now()
    short = (now - since).total_seconds() < 60
    text = _("just now") if short else _("for %(time)s") % {"time": timesince(since, now, depth=1)}
    exact = f"{since.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', since.isoformat(), exact, text)


@register.simple_tag
def span(length: timedelta) -> str:
    """How long it took: 3 hours."""
    now = clock.now()
    return _("under a minute") if length < timedelta(minutes=1) else timesince(now - length, now, depth=1)
