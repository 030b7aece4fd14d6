"""What the reader was told: the list behind the bell.

Not in charge of who is told (`hub/telling.py`) nor of mails and webhooks (`hub/notify`).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hub.core.errors import NotNow
from hub.notify import actions, queries
from hub.notify.kinds import Kind, sentence, text_of
from hub.notify.models import Notification
from hub.web.acting import act, member_post
from hub.web.plain import plain_line, plain_text

SHOWN = 30  # on one page
EXCERPT = 300  # characters of what somebody wrote


@dataclass(frozen=True)
class Line:
    """A notification as it is shown."""

    row: Notification
    sentence: str
    text: str


@login_required
@never_cache
@require_safe
def notification_list(request: HttpRequest) -> HttpResponse:
    kind = request.GET.get("kind", "")
    found = queries.notifications_of(request.user)
    chosen = found.filter(kind=kind) if kind in Kind.values else found
    page = Paginator(chosen, SHOWN).get_page(request.GET.get("page"))
    lines = [_line(row) for row in page]
    shown = {
        "page": page,
        "lines": lines,
        "newest": max((line.row.pk for line in lines), default=0),
        "kinds": Kind.choices,
        "kind": kind,
        "query": f"kind={kind}&" if kind in Kind.values else "",
    }
    return render(request, "notifications/list.html", shown)


def _line(row: Notification) -> Line:
    text = plain_text(text_of(row.words))
    short = text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
    return Line(row, plain_line(sentence(row.what, row.words)), short)


@member_post
def follow(request: HttpRequest, notification_id: int) -> HttpResponse:
    """Mark it as read and go where it leads."""
    row = actions.read(request.user, notification_id)
    if row is None:
        raise Http404
    return HttpResponseRedirect(row.path)


@member_post
def read_all(request: HttpRequest) -> HttpResponse:
    until = request.POST.get("until", "")

    def action() -> None:
        if not (until.isdecimal() and len(until) < 18 and actions.read_all(request.user, int(until))):
            raise NotNow(_("There was nothing new."))

    return act(request, action, done=_("All is marked as read."), back=reverse("web:notifications"))
