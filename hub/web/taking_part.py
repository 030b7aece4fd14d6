"""Taking part in a programme: applying, withdrawing, teams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from hub.catalog.models import Programme
from hub.core.errors import BadInput, Refusal
from hub.programmes import actions, queries, teaming
from hub.web.acting import act, member_post
from hub.web.programmes import programme_of, show


@member_post
def apply(request: HttpRequest, slug: str) -> HttpResponse:
    """`text`, and tasks by slug in `wish` once for each place. What was typed is not lost when refused."""
    programme = programme_of(slug)
    text, given = request.POST.get("text", ""), [name for name in request.POST.getlist("wish") if name]

    def send() -> None:
        tasks = {task.slug: task for task in queries.tasks_in(programme)}
        if unknown := [name for name in given if name not in tasks]:
            raise BadInput(_("There is no task “%(slug)s” in this programme.") % {"slug": unknown[0]})
        actions.apply(programme, request.user, text, [tasks[name] for name in given])

    written = {"text": text, "wishes": request.POST.getlist("wish"), "form": "apply"}
    return _or_again(request, programme, send, written, _("Your application is sent."), "application")


@member_post
def withdraw(request: HttpRequest, slug: str) -> HttpResponse:
    programme = programme_of(slug)
    return act(
        request,
        lambda: actions.withdraw(programme, request.user),
        done=_("Your application is withdrawn."),
        back=page_of(programme),
    )


@member_post
def found_team(request: HttpRequest, slug: str) -> HttpResponse:
    programme, name = programme_of(slug), request.POST.get("name", "")
    written = {"name": name, "form": "team"}
    done = _("The team is founded. Give its code to whoever should join.")
    return _or_again(
        request, programme, lambda: teaming.found_team(programme, request.user, name), written, done, "team"
    )


@member_post
def join_team(request: HttpRequest, slug: str) -> HttpResponse:
    programme, code = programme_of(slug), request.POST.get("code", "")
    written = {"code": code, "form": "join"}
    return _or_again(
        request,
        programme,
        lambda: teaming.join_team(programme, request.user, code),
        written,
        _("You are in the team."),
        "team",
    )


@member_post
def leave_team(request: HttpRequest, slug: str) -> HttpResponse:
    programme = programme_of(slug)
    return act(
        request,
        lambda: teaming.leave_team(programme, request.user),
        done=_("You have left the team."),
        back=f"{page_of(programme)}#team",
    )


def page_of(programme: Programme) -> str:
    return reverse("web:programme", args=[programme.slug])


def _or_again(
    request: HttpRequest,
    programme: Programme,
    action: Callable[[], object],
    written: dict[str, Any],
    done: str,
    anchor: str,
) -> HttpResponse:
    """Carry it out, or show the page once more with what was written and why it was refused."""
    try:
        action()
    except Refusal as refusal:
        return show(request, programme, written={**written, "problem": str(refusal)}, status=422)
    messages.success(request, done)
    return HttpResponseRedirect(f"{page_of(programme)}#{anchor}")
