"""How the site shows a moment, a ratio, a person, a verdict, a command. Computes none of them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.template.defaultfilters import date as format_date
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from hub.core import clock
from hub.web import icons, kept, medals, words
from hub.web.templatetags.addresses import address

COUNTED_IN_DAYS = timedelta(days=2)  # from here on

register = template.Library()

register.simple_tag(icons.icon, name="icon")
register.simple_tag(medals.medal, name="medal")


@register.simple_tag(takes_context=True)
def top(context: dict[str, Any]) -> SafeString:
    """What stands above the page of this request."""
    return kept.top(context["request"])


@register.simple_tag
def when(moment: datetime | None) -> SafeString | str:
    """How long ago, or how long until; the exact time in UTC stands in the title."""
    if moment is None:
        return "–"
    exact = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, _distance(moment)
    )


@register.simple_tag
def span(event: Any) -> SafeString:
    """From when to when something is, as clocks in its own zone show it."""
    zone = ZoneInfo(event.time_zone)
    starts, ends = event.starts_at.astimezone(zone), event.ends_at.astimezone(zone)
    until = "TIME_FORMAT" if ends.date() == starts.date() else "DATETIME_FORMAT"
    words = {"weekday": format_date(starts, "D"), "moment": format_date(starts, "DATETIME_FORMAT")}
    return format_html(
        '<time datetime="{}">{}</time> – {} <span class="muted small">{}</span>',
        starts.isoformat(),
        _("%(weekday)s, %(moment)s") % words,
        format_date(ends, until),
        event.time_zone,
    )


def _distance(moment: datetime) -> str:
    now = clock.now()
    if abs((moment - now).total_seconds()) < 60:
        return _("just now")
    if moment - now > COUNTED_IN_DAYS:
        # A deadline is told in days, rounded: 7 days from a moment ago are "in 7 days", neither 6 nor a week.
        days = round((moment - now) / timedelta(days=1))
        return ngettext("in %(number)s day", "in %(number)s days", days) % {"number": days}
    if moment > now:
        return _("in %(time)s") % {"time": timeuntil(moment, now, depth=1)}
    return _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}


@register.filter
def times(ratio: float | None) -> str:
    """A ratio to the baseline: 1.42×. Three figures are more than the intervals carry."""
    if ratio is None or not math.isfinite(ratio):
        return "–"
    return f"{ratio:.0f}×" if ratio >= 100 else f"{ratio:.1f}×" if ratio >= 10 else f"{ratio:.2f}×"


@register.simple_tag
def interval(low: float | None, high: float | None) -> str:
    """The 95 % interval of a ratio: 1.38–1.46."""
    if low is None or high is None:
        return ""
    return f"{times(low)[:-1]}–{times(high)[:-1]}"


@register.filter
def duration(seconds: float | None) -> str:
    """A time with three figures in the unit that fits: 12.3 µs."""
    if seconds is None:
        return "–"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


@register.filter
def size(number: int) -> str:
    """Bytes in the unit that fits: 256 KiB."""
    for unit, step in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if number >= step:
            return f"{number / step:.4g} {unit}"
    return f"{number} B"


@register.filter
def figure(entry: Any, metric: str) -> str:
    """A figure of an entry in its unit: 1.5 MiB, or 31 % of the error that is allowed."""
    value = entry.figures[metric]
    return f"{100 * value:.3g} %" if metric == "accuracy" else size(round(value))


@register.filter
def at(table: dict[Any, Any], key: Any) -> Any:
    """What a table holds under a key that is not a name; None if nothing."""
    return table.get(key)


@register.filter
def programming_language(name: str) -> str:
    return words.PROGRAMMING_LANGUAGES.get(name, name)


@register.filter
def short(sha: str) -> str:
    return sha[:8]


@register.simple_tag
def badge(label: object, tone: str = "quiet", icon: str = "") -> SafeString:
    drawing = icons.icon(icon) if icon else ""
    return format_html('<span class="badge is-{}">{}{}</span>', tone, drawing, label)


def _word_badge(word: words.Word) -> SafeString:
    return badge(word.label, word.tone, word.icon)


@register.simple_tag
def outcome_badge(outcome: str) -> SafeString:
    return _word_badge(words.word(words.OUTCOMES, outcome))


@register.simple_tag
def speed_badge(speed: str) -> SafeString | str:
    return _word_badge(words.word(words.SPEEDS, speed)) if speed else ""


@register.simple_tag
def stage_badge(stage: str) -> SafeString:
    return _word_badge(words.word(words.STAGES, stage))


@register.filter
def job_kind(kind: str) -> words.Label:
    return words.word(words.JOB_KINDS, kind).label


@register.filter
def rarity(name: str) -> words.Label:
    return words.word(words.RARITIES, name).label


@register.filter
def phase(name: str) -> words.Label:
    return words.word(words.PHASES, name).label


@register.simple_tag
def person(user: Any, link: bool = True) -> SafeString:
    """A name with its stone. Lists have many of them: a template of its own takes five times as long."""
    name = user.shown_name
    stone = format_html(
        '<span class="person-stone" aria-hidden="true">{}</span><span class="person-name">{}</span>',
        (name or "?")[0].upper(),
        name,
    )
    if not link:
        return format_html('<span class="person">{}</span>', stone)
    page = address("web:person", user.username)
    return format_html('<a class="person" href="{}">{}</a>', page, stone)


@register.inclusion_tag("_partials/command.html")
def command(text: str, label: str = "") -> dict[str, str]:
    """Lines for a terminal, with a button that copies them."""
    return {"text": text.strip("\n"), "label": label}


@register.simple_tag
def rank(entry: Any) -> str:
    """The place on a board; a shared one is marked: "1=" or 并列 1. One that is not told is a dash."""
    if not entry.rank:
        return "–"
    if not entry.tied:
        return str(entry.rank)
    return pgettext("shared rank", "%(rank)s=") % {"rank": entry.rank}
