"""The record of who did what, for maintainers: filters in the address, newest first, a page at a time.

Not in charge of what is booked (`hub/audit`). Pages are cut by the key of the last row, so that the record
may be as long as it likes and new events shift nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from hub.audit import queries
from hub.audit.models import Event
from hub.web.labels import shown_value
from hub.web.plain import plain_line

ROWS = 50
PAGES = {"pulls.pullrequest": "web:pull", "bench.worker": "web:worker", "bench.verdict": "web:evidence"}


class Filter(forms.Form):
    """All optional. What does not fit is said beside its field, and then nothing is found."""

    who = forms.CharField(
        label=_("Who"),
        required=False,
        max_length=32,
        help_text=_("A username; a hyphen for what the hub did by itself."),
    )
    verb = forms.CharField(
        label=_("What was done"),
        required=False,
        max_length=60,
        help_text=_("Its beginning, such as “worker.” or “verdict.”"),
    )
    subject_type = forms.CharField(
        label=_("To what"), required=False, max_length=40, help_text=_("Such as task, worker, job.")
    )
    subject_id = forms.CharField(label=_("Its key"), required=False, max_length=64)
    since = forms.DateField(label=_("Since"), required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(
        label=_("Until, that day included"), required=False, widget=forms.DateInput({"type": "date"})
    )


@dataclass(frozen=True)
class Row:
    event: Event
    data: list[tuple[str, str]]
    page: str  # where the subject is shown, or empty
    about: str  # the address of everything about the same subject


@login_required
@require_safe
def event_list(request: HttpRequest) -> HttpResponse:
    if why := queries.why_not_read(request.user):
        raise PermissionDenied(why)
    form = Filter(request.GET)
    asked = {name: value for name, value in request.GET.items() if name in form.fields and value}
    found, more = _found(form, request.GET.get("before", ""))
    older = urlencode({**asked, "before": found[-1].pk}) if more else ""
    shown = {"form": form, "rows": [_row(event) for event in found], "older": older, "asked": bool(asked)}
    return render(request, "audit/list.html", shown)


def _found(form: Filter, before: str) -> tuple[list[Event], bool]:
    """A page of events, and whether there are more."""
    if not form.is_valid():
        return [], False
    events = queries.events(queries.Wanted(**form.cleaned_data))
    if before.isascii() and before.isdigit() and len(before) < 19:
        events = events.filter(pk__lt=int(before))
    rows = list(events[: ROWS + 1])
    return rows[:ROWS], len(rows) > ROWS


def _row(event: Event) -> Row:
    data: dict[str, Any] = event.data if isinstance(event.data, dict) else {}
    name = PAGES.get(event.subject_type)
    page = reverse(name, args=[int(event.subject_id)]) if name and event.subject_id.isdigit() else ""
    about = urlencode({"subject_type": event.subject_type, "subject_id": event.subject_id})
    return Row(event, [(plain_line(key), shown_value(value)) for key, value in data.items()], page, about)
