"""Organising programmes: the form that makes and changes one, import, announcements, ranks and the choice."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from hub import flow
from hub.catalog.models import Programme, Task
from hub.core.errors import BadInput, NotAllowed, Refusal
from hub.programmes import actions, queries, transfer
from hub.programmes.models import Announcement
from hub.programmes.rules import DATES, PRESETS
from hub.web.acting import act, member_post
from hub.web.programmes import programme_of, show
from hub.web.taking_part import page_of

LOCAL = "%Y-%m-%dT%H:%M"  # what <input type="datetime-local"> sends and takes
CONSTRAINED = {"starts_at", "live_at_once", "claims_at_once", "team_most"}
QUOTAS = {"checks_a_day": 20, "ranks_a_day": 5}  # what the form begins with


class Moment(forms.DateTimeField):
    """A date and time in the time zone that is active, which is the programme's."""

    widget = forms.DateTimeInput(format=LOCAL, attrs={"type": "datetime-local"})
    default_error_messages = {
        "invalid": _("This is no date with a time: write it as 2026-07-01T09:00."),
        "zone": _("%(moment)s is skipped or comes twice in %(zone)s, for clocks change: take another hour."),
    }

    def to_python(self, value: Any) -> datetime | None:
        try:
            return super().to_python(value)
        except ValidationError as error:
            if error.code != "ambiguous_timezone":
                raise
            words = {"moment": value, "zone": timezone.get_current_timezone_name()}
            raise ValidationError(self.error_messages["zone"], code="zone", params=words) from error


class ProgrammeForm(forms.ModelForm):  # type: ignore[type-arg]
    """All of a programme but its people. Which tasks belong to it is given by their short names."""

    tasks = forms.CharField(
        label=_("Tasks"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "mono", "spellcheck": "false"}),
        help_text=_("Short names, such as vector-add, one a line: the last part of a task's address."),
    )

    class Meta:
        model = Programme
        fields = (
            "title_en", "title_zh", "slug", "kind", "about_en", "about_zh", "tasks", "time_zone", *DATES,
            "policy", "claims_at_once", "wishes_most", "team_most", "hides_entries", "checks_a_day",
            "ranks_a_day", "runs_in_total", "live_at_once", "point_value", "currency", "payout_tiers",
            "payout_stages",
        )  # fmt: skip
        field_classes = dict.fromkeys(DATES, Moment)
        labels = {
            "title_en": _("Title in English"),
            "title_zh": _("Title in Chinese"),
            "slug": _("Short name"),
            "kind": _("Kind of programme"),
            "about_en": _("What it is about, in English"),
            "about_zh": _("What it is about, in Chinese"),
            "time_zone": _("Time zone"),
            "apply_from": _("Applications open"),
            "apply_until": _("Applications close"),
            "starts_at": _("Start"),
            "freeze_at": _("Standings freeze"),
            "ends_at": _("Deadline for pushes"),
            "closes_at": _("Last reviews"),
            "policy": _("Claiming"),
            "claims_at_once": _("Claims at a time"),
            "wishes_most": _("Tasks that an applicant ranks"),
            "team_most": _("People in a team"),
            "hides_entries": _("Everybody works unseen"),
            "checks_a_day": _("Checks a day"),
            "ranks_a_day": _("Timings a day"),
            "runs_in_total": _("Runs in total"),
            "live_at_once": _("Jobs at a time"),
            "point_value": _("Value of a point"),
            "currency": _("Currency"),
            "payout_tiers": _("Tiers of payment"),
            "payout_stages": _("Stages of payment"),
        }
        help_texts = {
            "slug": _("It ends the address: small letters, digits and hyphens."),
            "about_en": _("Markdown. Everybody reads it on the programme's page."),
            "about_zh": _("Where it is empty, readers get the other language."),
            "time_zone": _(
                "Dates below are meant and told in it. A name of the IANA list, such as Asia/Shanghai."
            ),
            "freeze_at": _(
                "Later results are shown after the deadline. Empty: standings are always current."
            ),
            "ends_at": _("What is pushed before it is judged, reviewed and counted."),
            "closes_at": _("Until when that is reviewed, merged and paid."),
            "policy": _("Of all its tasks, as long as they belong to it. Empty: each task's own."),
            "claims_at_once": _("That one person holds in it. Empty: as on the whole site."),
            "wishes_most": _("0: nobody applies, tasks are claimed at once. Else people are chosen first."),
            "team_most": _("1: everybody works alone."),
            "hides_entries": _(
                "Until the end nobody sees others' entries, pull requests and branches, nor a contest's"
                " standing. Mentors and maintainers see all."
            ),
            "checks_a_day": _("of a contributor, on each task, in 24 hours"),
            "ranks_a_day": _("timings of a contributor, on each task and hardware class, in 24 hours"),
            "runs_in_total": _("checks and timings of a contributor, on all its tasks; empty: any number"),
            "live_at_once": _("of a contributor, waiting or running at one moment; empty: any number"),
            "point_value": _("For statements of who is owed what. Empty: points alone."),
            "currency": _("Three letters, such as CNY."),
            "payout_tiers": _(
                "Points at which a month is paid, such as 40, 60, 80, 100: the highest that is reached."
                " The rest is carried over and paid at the end. Empty: every point at once."
            ),
            "payout_stages": _(
                "An evaluation a line, with its share of what a task brings in percent, 100 in all, such as"
                " “Mid-term / 中期考核: 45”. A share is paid when the task's mentor says that it is passed."
            ),
        }
        widgets = {
            "payout_stages": forms.Textarea(attrs={"rows": 3}),
            "about_en": forms.Textarea(attrs={"rows": 5}),
            "about_zh": forms.Textarea(attrs={"rows": 5}),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.instance.pk:
            slugs = self.instance.tasks.order_by("slug").values_list("slug", flat=True)
            self.initial["tasks"] = "\n".join(slugs)

    def parts(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Its fields below what they are about."""
        names = list(self.fields)
        dates, rules = names.index("time_zone"), names.index("policy")
        return [
            (title, [self[name] for name in some])
            for title, some in (
                (gettext("What it is"), names[:dates]),
                (gettext("Dates"), names[dates:rules]),
                (gettext("Rules"), names[rules:]),
            )
        ]

    def clean_tasks(self) -> list[Task]:
        asked = list(dict.fromkeys(filter(None, re.split(r"[\s,;，；、]+", self.cleaned_data["tasks"]))))
        found = {task.slug: task for task in Task.objects.filter(slug__in=asked)}
        if unknown := [slug for slug in asked if slug not in found]:
            words = gettext("There is no task “%(slugs)s”: give the last part of a task's address.")
            raise ValidationError(words % {"slugs": "”, “".join(unknown)[:300]})
        return [found[slug] for slug in asked]

    def clean_currency(self) -> str:
        given = str(self.cleaned_data["currency"]).upper()
        if given and not re.fullmatch("[A-Z]{3}", given):
            raise ValidationError(
                gettext("“%(given)s” is no currency: write three letters, such as CNY.") % {"given": given}
            )
        return given

    def _get_validation_exclusions(self) -> set[str]:
        """Columns with named constraints: what does not fit there, the action says in sentences."""
        return super()._get_validation_exclusions() | CONSTRAINED  # type: ignore[misc, no-any-return]


@login_required
@require_http_methods(["GET", "POST"])
def make(request: HttpRequest) -> HttpResponse:
    """A new programme; `kind` chooses what the form begins with."""
    _organiser(request)
    kind = request.GET.get("kind", Programme.Kind.CROWD)
    kind = kind if kind in PRESETS else Programme.Kind.CROWD
    return _edit(request, Programme(), {**QUOTAS, "kind": kind, **PRESETS[kind]})


@login_required
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, slug: str) -> HttpResponse:
    _organiser(request)
    return _edit(request, programme_of(slug), {})


def _edit(request: HttpRequest, programme: Programme, initial: dict[str, Any]) -> HttpResponse:
    title, old = programme.title, programme.slug
    given = request.POST.get("time_zone", programme.time_zone).strip()
    with timezone.override(ZoneInfo(given if given in available_timezones() else "UTC")):
        form = ProgrammeForm(request.POST or None, instance=programme, initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                actions.save(form.instance, form.cleaned_data["tasks"], request.user)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                messages.success(request, gettext("“%(name)s” is saved.") % {"name": form.instance.title})
                return HttpResponseRedirect(page_of(form.instance))
        shown = {"form": form, "made": bool(programme.pk), "old_title": title, "old_slug": old}
        return render(request, "programmes/form.html", shown, status=422 if form.is_bound else 200)


@member_post
def take_in(request: HttpRequest) -> HttpResponse:
    """Make the programme that an exported `file` describes."""
    sent = request.FILES.get("file")
    try:
        if not queries.may_organise(request.user):
            raise NotAllowed(gettext("Only maintainers make and change programmes and decide in them."))
        text = sent.read(transfer.BYTES_MOST + 1) if sent else b""
        made = transfer.take_in(text, request.user, flow.publish_task)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(reverse("web:programmes"))
    messages.success(request, gettext("“%(name)s” is imported.") % {"name": made.title})
    return HttpResponseRedirect(page_of(made))


@member_post
def announce(request: HttpRequest, slug: str) -> HttpResponse:
    programme = programme_of(slug)
    title, body = request.POST.get("title", ""), request.POST.get("body", "")
    try:
        actions.announce(programme, request.user, title, body)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except Refusal as refusal:
        written = {"title": title, "body": body, "form": "announce", "problem": str(refusal)}
        return show(request, programme, written=written, status=422)
    messages.success(request, gettext("It is announced."))
    return HttpResponseRedirect(f"{page_of(programme)}#announcements")


@member_post
def take_back(request: HttpRequest, key: int) -> HttpResponse:
    found = get_object_or_404(Announcement.objects.select_related("programme"), pk=key)
    return act(
        request,
        lambda: actions.take_back(found, request.user),
        done=gettext("The announcement is taken back."),
        back=f"{page_of(found.programme)}#announcements",
    )


@login_required
@require_safe
def applicants(request: HttpRequest, slug: str) -> HttpResponse:
    """Who would like which task, for those who rank them."""
    programme = programme_of(slug)
    tasks = queries.mentored_in(queries.tasks_in(programme), request.user)
    if not tasks and not queries.may_organise(request.user):
        raise PermissionDenied(gettext("Only the mentors of a task and maintainers rank its applicants."))
    wishes = list(queries.wishes_for(tasks, programme))
    shown = {
        "programme": programme,
        "tasks": [(task, [wish for wish in wishes if wish.task_id == task.pk]) for task in tasks],
        "may_organise": queries.may_organise(request.user),
    }
    return render(request, "programmes/applicants.html", shown)


@member_post
def rank(request: HttpRequest, slug: str, task: str) -> HttpResponse:
    """`rank-<wish>` holds a number, or nothing for who is not wanted."""
    programme = programme_of(slug)
    about = get_object_or_404(Task, slug=task)
    return act(
        request,
        lambda: actions.rank(programme, about, request.user, _ranks(request)),
        done=gettext("Your ranks for “%(task)s” are kept.") % {"task": about.title},
        back=f"{reverse('web:programme_applicants', args=[slug])}#task-{about.slug}",
    )


def _ranks(request: HttpRequest) -> dict[int, int | None]:
    found: dict[int, int | None] = {}
    for name, value in request.POST.items():
        key = name.removeprefix("rank-")
        if key != name and key.isdecimal() and len(key) < 18:
            if value and not (value.isascii() and value.isdecimal() and len(value) < 4):
                raise BadInput(gettext("Ranks go from 1, whom you want most, to 999."))
            found[int(key)] = int(value) if value else None
    return found


@login_required
@require_safe
def match(request: HttpRequest, slug: str) -> HttpResponse:
    """The choice as it would be applied now. Looking changes nothing."""
    _organiser(request)
    programme = programme_of(slug)
    decided = [one for one in queries.applications(programme) if one.decided_at is not None]
    shown = {"programme": programme, "plan": queries.plan(programme), "decided": decided}
    return render(request, "programmes/match.html", shown)


@member_post
def settle(request: HttpRequest, slug: str) -> HttpResponse:
    programme = programme_of(slug)
    return act(
        request,
        lambda: actions.settle(programme, request.user, request.POST.get("digest", "")),
        done=gettext("The match is applied; everybody reads their answer on the programme's page."),
        back=reverse("web:programme_match", args=[slug]),
    )


def _organiser(request: HttpRequest) -> None:
    if not queries.may_organise(request.user):
        raise PermissionDenied(gettext("Only maintainers make and change programmes and decide in them."))
