"""A person's pages: what they did, their pull requests and claims, the ledger of their points."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub import honours
from hub.accounts.models import Part, User
from hub.catalog.models import Task
from hub.claims import queries as claims
from hub.learning.queries import begun
from hub.pulls.queries import pulls_of
from hub.rewards.queries import certificates_of, ledger_of, points_of
from hub.web import profile
from hub.web.exports import cell
from hub.web.home import pull_rows

LINES_A_PAGE = 50
PULLS = 30
CLAIMS = 20
OFFERS = 10  # certificates that are offered, the newest work first: the others on demand
PRIVATE = ("requested", "invited", "refused", "withdrawn")  # claims that are the person's own business
COLUMNS = ("at", "kind", "points", "sum", "task", "pull_request", "key")


@require_safe
def person(request: HttpRequest, username: str) -> HttpResponse:
    """What somebody did: days, badges, certificates, reviews, courses."""
    who, shown = _who(request, username)
    learning = begun(who)
    certificates = list(certificates_of(who))
    offers = _offers(who, learning, certificates) if shown["own"] else []
    most = len(offers) if request.GET.get("offers") == "all" else OFFERS
    shown |= {
        "points": points_of(who),
        **profile.tallies(who),
        "year": profile.days_of(who),
        "badges": profile.badges_of(who),
        "reviews": profile.reviews_of(who.pk),
        "learning": learning,
        "certificates": certificates,
        "offers": offers[:most],
        "more_offers": max(0, len(offers) - most),
    }
    shown |= {part: [] if part != Part.POINTS else "–" for part in shown["hidden"] & shown.keys()}
    return render(request, "people/page.html", shown)


@require_safe
def standing(request: HttpRequest, username: str) -> HttpResponse:
    """Places on boards, and levels in SIGs."""
    who, shown = _who(request, username)
    places = profile.places_of(who)
    shown |= {"places": places, "sigs": profile.sigs_of(who, places)}
    return render(request, "people/standing.html", shown)


@require_safe
def badges(request: HttpRequest) -> HttpResponse:
    """Every badge: what it is for, and how many have it."""
    return render(request, "people/badges.html", {"badges": profile.every_badge()})


@require_safe
def work(request: HttpRequest, username: str) -> HttpResponse:
    """Pull requests and claims."""
    who, shown = _who(request, username, Part.WORK)
    held = claims.claims_of(who).exclude(task__kind=Task.Kind.EXERCISE)  # lessons tell of those
    shown |= {
        "pulls": pull_rows(pulls_of(who)[:PULLS]),
        "claims": (held if shown["own"] else held.exclude(state__in=PRIVATE))[:CLAIMS],
        "mentored": who.mentored_tasks.filter(state="published"),
    }
    return render(request, "people/work.html", shown)


@require_safe
def points(request: HttpRequest, username: str) -> HttpResponse:
    """The ledger."""
    who, shown = _who(request, username, Part.POINTS)
    page = Paginator(ledger_of(who), LINES_A_PAGE).get_page(request.GET.get("page"))
    shown |= {"points": points_of(who), "page": page, "may_export": _may_export(request, who)}
    return render(request, "people/points.html", shown)


@login_required
@require_safe
def points_csv(request: HttpRequest, username: str) -> HttpResponse:
    """The statement of somebody's points, oldest first: for the person and for maintainers."""
    who, _shown = _who(request, username)
    if not _may_export(request, who):
        raise PermissionDenied(_("Only the person and maintainers take a statement of points away."))
    out, total = io.StringIO(), 0
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    for line in ledger_of(who).order_by("pk"):
        total += line.points
        pull = line.pull
        row = {
            "at": line.at.isoformat(),
            "kind": line.kind,
            "points": line.points,
            "sum": total,
            "task": cell(pull.task.slug) if pull else "",
            "pull_request": pull.pk if pull else "",
            "key": cell(line.dedupe_key),
        }
        writer.writerow(row)
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="points-{who.username}.csv"'
    return response


def _who(request: HttpRequest, username: str, part: str = "") -> tuple[User, dict[str, Any]]:
    """Whose page it is, and what they keep to themselves; `part` is what the page is about."""
    own = request.user.is_authenticated and request.user.username == username
    who = request.user if own else get_object_or_404(User, username=username)
    hidden = set() if own else set(who.hidden)
    if part in hidden and not _may_export(request, who):
        raise PermissionDenied(_("%(name)s keeps this part private.") % {"name": who.shown_name})
    return who, {"who": who, "own": own, "hidden": hidden}


def _may_export(request: HttpRequest, who: User) -> bool:
    return request.user == who or (request.user.is_authenticated and request.user.is_maintainer)


def _offers(who: User, learning: list[Any], issued: list[Any]) -> list[honours.Offer]:
    """What may be certified and is not yet."""
    done = [standing.course for standing in learning if standing.next is None]
    there = {certificate.subject for certificate in issued if certificate.revoked_at is None}
    return [offer for offer in honours.offers(honours.merged_work(who), done) if offer.subject not in there]
