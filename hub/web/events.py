"""Events: what is coming, one with its list, signing up; planning and calling off; calendar feeds."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from hub import gatherings
from hub.community import calendars, events, queries
from hub.community.events import Plan
from hub.community.models import Event, Sig
from hub.core import clock
from hub.core.errors import Refusal
from hub.web.acting import act, member_post

COMING = 100
WALL = "%Y-%m-%dT%H:%M"


class EventForm(forms.Form):
    """What `events.Plan` holds, as a browser sends it."""

    title = forms.CharField(label=gettext_lazy("Title"), max_length=events.TITLE_LONGEST)
    place = forms.CharField(
        label=pgettext_lazy("of an event", "Where"),
        max_length=events.PLACE_LONGEST,
        help_text=gettext_lazy("A room, or the address of a video call. Everybody can read it."),
    )
    starts = forms.DateTimeField(
        label=gettext_lazy("Starts"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=WALL),
    )
    ends = forms.DateTimeField(
        label=gettext_lazy("Ends"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=WALL)
    )
    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=60,
        help_text=gettext_lazy("Of both times, such as Asia/Shanghai or Europe/Berlin."),
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"}),
    )
    capacity = forms.IntegerField(
        label=gettext_lazy("Seats"),
        required=False,
        min_value=1,
        max_value=events.CAPACITY_MOST,
        help_text=gettext_lazy("Leave it empty if there is room for all; beyond it there is a waiting list."),
    )
    about = forms.CharField(
        label=gettext_lazy("What happens there"),
        required=False,
        max_length=events.ABOUT_LONGEST,
        widget=forms.Textarea(attrs={"rows": 5}),
    )

    def plan(self) -> Plan:
        given = dict(self.cleaned_data)
        wall = {name: given[name].replace(tzinfo=None) for name in ("starts", "ends")}
        return Plan(**{**given, **wall})


@require_safe
def event_list(request: HttpRequest) -> HttpResponse:
    own, waiting = queries.own_events(request.user) if request.user.is_authenticated else ([], set())
    shown: dict[str, Any] = {
        "events": queries.coming()[:COMING],
        "own": {event.pk for event in own},
        "waiting": waiting,
    }
    if request.user.is_authenticated:
        path = reverse("web:calendar_own", args=[calendars.secret_of(request.user)])
        shown["secret"] = f"{settings.SITE_URL}{path}"
    return render(request, "events/list.html", shown)


@require_safe
def event_page(request: HttpRequest, event_id: int) -> HttpResponse:
    event = get_object_or_404(queries.events(), pk=event_id)
    found = queries.seats(event)
    user = request.user
    shown = {
        "event": event,
        "seats": found,
        "left": None if event.capacity is None else max(0, event.capacity - len(found.seated)),
        "has_seat": user in found.seated,
        "place": found.waiting.index(user) + 1 if user in found.waiting else 0,
        "over": event.ends_at <= clock.now(),
        "may_lead": queries.is_lead(event.sig, user),
    }
    return render(request, "events/page.html", shown)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest, slug: str) -> HttpResponse:
    sig = get_object_or_404(Sig, slug=slug)
    _leads_only(request, sig)
    return _form(request, sig, None, {"time_zone": "Asia/Shanghai"})


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, event_id: int) -> HttpResponse:
    event = _event(event_id)
    _leads_only(request, event.sig)
    zone = ZoneInfo(event.time_zone)
    names = ("title", "place", "time_zone", "capacity", "about")
    first = {name: getattr(event, name) for name in names}
    first |= {"starts": event.starts_at.astimezone(zone), "ends": event.ends_at.astimezone(zone)}
    first |= {name: first[name].replace(tzinfo=None) for name in ("starts", "ends")}
    return _form(request, event.sig, event, first)


@member_post
def call_off(request: HttpRequest, event_id: int) -> HttpResponse:
    event = _event(event_id)
    return act(
        request,
        lambda: gatherings.call_off(event, request.user, request.POST.get("why", "")),
        done=_("The event is called off; everybody on its list is told."),
        back=_page(event),
    )


@member_post
def sign_up(request: HttpRequest, event_id: int) -> HttpResponse:
    event = _event(event_id)
    return act(
        request,
        lambda: events.sign_up(event, request.user),
        done=_("You are on the list. It is in your own calendar too."),
        back=_page(event),
    )


@member_post
def leave(request: HttpRequest, event_id: int) -> HttpResponse:
    event = _event(event_id)
    return act(
        request,
        lambda: gatherings.leave(event, request.user),
        done=_("You are off the list."),
        back=_page(event),
    )


@require_safe
def calendar_all(request: HttpRequest) -> HttpResponse:
    return _calendar(calendars.feed("Touchstone", queries.in_calendars()), "touchstone")


@require_safe
def calendar_sig(request: HttpRequest, slug: str) -> HttpResponse:
    sig = get_object_or_404(Sig, slug=slug)
    return _calendar(calendars.feed(f"Touchstone: {sig.title}", queries.in_calendars(sig)), slug)


@require_safe
def calendar_own(request: HttpRequest, secret: str) -> HttpResponse:
    """For calendar programs, which log in nowhere: who knows the address reads it."""
    user = calendars.user_by_secret(secret)
    if user is None:
        raise Http404
    own, waiting = queries.own_events(user)
    return _calendar(calendars.feed(f"Touchstone: {user.username}", own, waiting), "own", private=True)


@member_post
def calendar_renew(request: HttpRequest) -> HttpResponse:
    return act(
        request,
        lambda: calendars.renew(request.user),
        done=_("Your calendar has a new address; the old one is void."),
        back=reverse("web:events"),
    )


def _form(request: HttpRequest, sig: Sig, event: Event | None, first: dict[str, Any]) -> HttpResponse:
    form = EventForm(request.POST or None, initial=first)
    status = 200
    if request.method == "POST":
        try:
            if form.is_valid():
                return HttpResponseRedirect(_page(_written(request, sig, event, form.plan())))
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        status = 422
    shown = {"sig": sig, "event": event, "form": form, "zones": sorted(available_timezones())}
    return render(request, "events/form.html", shown, status=status)


def _written(request: HttpRequest, sig: Sig, event: Event | None, wanted: Plan) -> Event:
    if event is None:
        return events.plan(sig, request.user, wanted)
    gatherings.change(event, request.user, wanted)
    return event


def _leads_only(request: HttpRequest, sig: Sig) -> None:
    if not queries.is_lead(sig, request.user):
        raise PermissionDenied(_("Only the leads of this SIG and maintainers do that."))


def _event(event_id: int) -> Event:
    return get_object_or_404(Event.objects.select_related("sig"), pk=event_id)


def _page(event: Event) -> str:
    return reverse("web:event", args=[event.pk])


def _calendar(text: str, name: str, *, private: bool = False) -> HttpResponse:
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = f'inline; filename="{name}.ics"'
    if private:
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["X-Robots-Tag"] = "noindex"
    return response
