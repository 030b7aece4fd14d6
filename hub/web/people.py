"""A person's page: points with their ledger, claims, pull requests."""

from __future__ import annotations

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from hub.accounts.models import User
from hub.catalog.models import Task
from hub.claims import queries as claims
from hub.learning.queries import begun
from hub.pulls.models import PullRequest
from hub.pulls.queries import pulls_of
from hub.rewards.queries import ledger_of, points_of
from hub.web.home import pull_rows

LEDGER_LINES = 50
PULLS = 30
CLAIMS = 20


@require_safe
def person(request: HttpRequest, username: str) -> HttpResponse:
    own = request.user.is_authenticated and request.user.username == username
    who = request.user if own else get_object_or_404(User, username=username)
    held = claims.claims_of(who).exclude(task__kind=Task.Kind.EXERCISE)  # lessons tell of those
    shown = {
        "who": who,
        "own": own,
        "points": points_of(who),
        "ledger": ledger_of(who)[:LEDGER_LINES],
        "learning": begun(who),
        "pulls": pull_rows(pulls_of(who)[:PULLS]),
        **pulls_of(who).aggregate(
            opened=Count("pk"), merged=Count("pk", filter=Q(state=PullRequest.State.MERGED))
        ),
        # A refused or withdrawn proposal is the person's own business.
        "claims": (held if own else held.exclude(state__in=("refused", "withdrawn", "requested")))[:CLAIMS],
        "mentored": who.mentored_tasks.filter(state="published"),
    }
    return render(request, "people/page.html", shown)
