"""SIGs: the list, and one with its tasks, events and announcements; joining it, and what its leads do."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub import gatherings
from hub.catalog.queries import published_tasks
from hub.community import queries, sigs
from hub.community.models import Announcement, Sig
from hub.web.acting import act, member_post

TASKS, ANNOUNCEMENTS, PAST, MEMBERS = 12, 10, 5, 24


@require_safe
def sig_list(request: HttpRequest) -> HttpResponse:
    return render(request, "sigs/list.html", {"sigs": queries.sigs()})


@require_safe
def sig_page(request: HttpRequest, slug: str) -> HttpResponse:
    sig = get_object_or_404(queries.sigs(), slug=slug)
    user = request.user
    leads = list(sig.leads.all())
    tasks = list(published_tasks().filter(sig=slug)[: TASKS + 1])
    shown = {
        "sig": sig,
        "leads": leads,
        "may_lead": user.is_authenticated and (user.is_maintainer or user in leads),
        "is_member": user.is_authenticated and sig.memberships.filter(user=user).exists(),
        "members": [row.user for row in sig.memberships.select_related("user")[:MEMBERS]],
        "tasks": tasks[:TASKS],
        "more_tasks": len(tasks) > TASKS,
        "events": queries.coming(sig),
        "past": queries.past(sig)[:PAST],
        "announcements": queries.announcements(sig)[:ANNOUNCEMENTS],
    }
    return render(request, "sigs/page.html", shown)


@member_post
def open_sig(request: HttpRequest) -> HttpResponse:
    given = [request.POST.get(name, "") for name in ("slug", "title_en", "title_zh")]
    return act(
        request,
        lambda: sigs.open_sig(request.user, *given),
        done=_("The SIG is open: say on its page what it is about, and name its leads."),
        back=reverse("web:sigs"),
    )


@member_post
def join(request: HttpRequest, slug: str) -> HttpResponse:
    sig = _sig(slug)
    done = _("You are a member: what its leads announce reaches you.")
    return act(request, lambda: sigs.join(sig, request.user), done=done, back=_page(slug))


@member_post
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    sig = _sig(slug)
    return act(
        request, lambda: sigs.leave(sig, request.user), done=_("You have left the SIG."), back=_page(slug)
    )


@member_post
def describe(request: HttpRequest, slug: str) -> HttpResponse:
    sig = _sig(slug)
    given = [request.POST.get(name, "") for name in ("title_en", "title_zh", "about_en", "about_zh")]
    return act(
        request,
        lambda: sigs.describe(sig, request.user, *given),
        done=_("The page is changed."),
        back=_page(slug),
    )


@member_post
def name_leads(request: HttpRequest, slug: str) -> HttpResponse:
    sig = _sig(slug)
    names = request.POST.get("leads", "").replace(",", " ").split()
    return act(
        request,
        lambda: sigs.name_leads(sig, request.user, names),
        done=_("The leads are named."),
        back=_page(slug),
    )


@member_post
def announce(request: HttpRequest, slug: str) -> HttpResponse:
    sig = _sig(slug)
    title, body = request.POST.get("title", ""), request.POST.get("body", "")
    return act(
        request,
        lambda: gatherings.announce(sig, request.user, title, body),
        done=_("It is announced to all members."),
        back=_page(slug),
    )


@member_post
def withdraw(request: HttpRequest, announcement_id: int) -> HttpResponse:
    found = get_object_or_404(Announcement.objects.select_related("sig"), pk=announcement_id)
    return act(
        request,
        lambda: sigs.withdraw(found, request.user),
        done=_("It is off the page."),
        back=_page(found.sig.slug),
    )


def _sig(slug: str) -> Sig:
    return get_object_or_404(Sig, slug=slug)


def _page(slug: str) -> str:
    return reverse("web:sig", args=[slug])
