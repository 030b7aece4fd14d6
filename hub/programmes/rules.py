"""What a programme of each kind begins with in the form, and what is checked of any.

The numbers are customs of programmes of that kind; each may be changed in the form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import available_timezones

from django.utils.translation import gettext as _

from hub.catalog.models import ClaimPolicy, Programme
from hub.programmes.payout import tiers_of
from hub.programmes.stages import stages_of

SLUGS_TAKEN = frozenset({"new", "import", "announcements"})  # addresses of pages
DATES = ("apply_from", "apply_until", "starts_at", "freeze_at", "ends_at", "closes_at")
WISHES_MOST, TEAM_MOST = 10, 20
PRESETS: dict[str, dict[str, Any]] = {
    Programme.Kind.INTERNSHIP: {"policy": "proposal", "claims_at_once": 1},
    Programme.Kind.CROWD: {"policy": "exclusive", "claims_at_once": 2},
    Programme.Kind.SUMMER: {
        "policy": "exclusive",
        "claims_at_once": 1,
        "wishes_most": 3,
        "payout_stages": "Mid-term / 中期考核: 45\nFinal / 结项考核: 55",
    },
    Programme.Kind.CONTEST: {"policy": "open", "team_most": 3, "checks_a_day": 50, "ranks_a_day": 10},
}


def problems(programme: Programme) -> dict[str, list[str]]:
    """What does not fit together, by column, as sentences that say what to do."""
    found: dict[str, list[str]] = {}
    if programme.time_zone not in available_timezones():
        return found  # dates cannot be told in it; the column's own check says so
    for column, sentence in (*_of_dates(programme), *_of_people(programme)):
        found.setdefault(column, []).append(sentence)
    return found


def _of_dates(programme: Programme) -> Iterator[tuple[str, str]]:
    starts, ends = programme.starts_at, programme.ends_at
    if starts and ends and ends <= starts:
        words = _("It would end on %(end)s, before it starts on %(start)s: give a later end.")
        yield "ends_at", words % {"end": programme.tell(ends), "start": programme.tell(starts)}
    opens, until = programme.apply_from, programme.apply_until
    if opens and until and until <= opens:
        words = _("Applications would close on %(end)s, before they open on %(start)s: give a later date.")
        yield "apply_until", words % {"end": programme.tell(until), "start": programme.tell(opens)}
    if until and ends and until > ends:
        yield (
            "apply_until",
            _("Applications would close after the programme has ended: give an earlier date."),
        )
    if (opens or until) and not programme.wishes_most:
        yield "wishes_most", _("There are dates for applications: say how many tasks an applicant may name.")
    freeze = programme.freeze_at
    if freeze and not ends:
        yield "freeze_at", _("Frozen standings thaw at the end: give an end as well.")
    elif freeze and ((starts and freeze <= starts) or (ends and freeze >= ends)):
        yield "freeze_at", _("Standings freeze while the programme runs: give a date between start and end.")
    if programme.hides_entries and not ends:
        yield "hides_entries", _("What is hidden is shown at the end: give an end as well.")
    closes = programme.closes_at
    if closes and (not ends or closes < ends):
        yield "closes_at", _("Reviews go on after the end: give an end, and a later date here.")


def _of_people(programme: Programme) -> Iterator[tuple[str, str]]:
    if programme.slug in SLUGS_TAKEN:
        words = _("“%(slug)s” is an address of the site: choose another short name.")
        yield "slug", words % {"slug": programme.slug}
    if programme.wishes_most > WISHES_MOST:
        yield "wishes_most", _("At most %(most)s tasks can be ranked.") % {"most": WISHES_MOST}
    if programme.wishes_most and programme.policy not in (ClaimPolicy.EXCLUSIVE, ClaimPolicy.PROPOSAL):
        yield "policy", _("Where people are chosen, tasks have slots: take “exclusive” or “by proposal”.")
    if not 1 <= programme.team_most <= TEAM_MOST:
        yield "team_most", _("A team has between 1 and %(most)s people.") % {"most": TEAM_MOST}
    if programme.team_most > 1 and programme.policy != ClaimPolicy.OPEN:
        yield "policy", _("Teams work on tasks side by side: take “open”, or teams of one.")
    if programme.claims_at_once == 0:
        yield "claims_at_once", _("With 0 claims nobody could begin: give at least 1, or leave it empty.")
    if programme.live_at_once == 0:
        yield "live_at_once", _("With 0 jobs at once nothing would run: give at least 1, or leave it empty.")
    if (programme.point_value is None) != (not programme.currency):
        yield "currency", _("A point's value needs an amount and a currency, such as 50 and CNY, or neither.")
    try:
        tiers_of(programme.payout_tiers)
    except ValueError:
        words = _("“%(given)s” are no tiers: give rising numbers of points, such as 40, 60, 80, 100.")
        yield "payout_tiers", words % {"given": programme.payout_tiers}
    try:
        stages = stages_of(programme.payout_stages)
    except ValueError:
        yield (
            "payout_stages",
            _("Write a stage a line, as “Mid-term / 中期考核: 45”: at most 6, 100 percent in all."),
        )
    else:
        if stages and programme.payout_tiers:
            yield "payout_stages", _("Pay by tiers of points or by stages, not both: empty one of the two.")
