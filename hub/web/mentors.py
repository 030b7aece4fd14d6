"""How long reviews take, for everybody to see; and a mentor's own page: capacity, saved replies, figures.

Not in charge of the queue (`desk.py`) nor of any rule (`hub/pulls/mentoring.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.accounts.models import User
from hub.pulls import locks, mentoring, mentors
from hub.pulls.models import PullRequest
from hub.web.acting import act, member_post
from hub.web.kept import KEPT
from hub.web.preferences import safe_next

MENTORS_A_PAGE = 50
FIGURES_SECONDS = 300  # they are of four weeks


@require_safe
def mentor_list(request: HttpRequest) -> HttpResponse:
    waits, rows = _figures()
    page = Paginator(rows, MENTORS_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "desk/mentors.html", {"waits": waits, "page": page, "days": mentors.WINDOW.days})


def _figures() -> tuple[mentors.Waits, list[mentors.Figures]]:
    return KEPT.get("figures of mentors", mentors.figures, fresh=FIGURES_SECONDS)


@login_required
@require_safe
def own_page(request: HttpRequest) -> HttpResponse:
    waits, rows = _figures()
    shown = {
        "care": mentors.care_of(request.user),
        "most": mentoring.CAPACITY_MOST,
        "replies": request.user.saved_replies.all(),
        "own": next((row for row in rows if row.mentor == request.user), None),
        "waits": waits,
        "days": mentors.WINDOW.days,
    }
    return render(request, "desk/own.html", shown)


@member_post
def take(request: HttpRequest, pull_id: int) -> HttpResponse:
    pull = _pull(pull_id)
    done = _("The review is yours for half an hour.")
    page = reverse("web:pull_diff", args=[pull.pk])
    return act(request, lambda: mentoring.take(pull, request.user), done=done, back=page)


@member_post
def give_back(request: HttpRequest, pull_id: int) -> HttpResponse:
    pull = _pull(pull_id)
    back = safe_next(request, request.POST.get("next"), reverse("web:desk"))
    done = _("Others may take the review now.")
    return act(request, lambda: locks.give_back(pull, request.user), done=done, back=back)


@member_post
def capacity(request: HttpRequest) -> HttpResponse:
    asked = request.POST.get("capacity", "")
    number = int(asked) if asked.isdecimal() and len(asked) < 5 else -1
    return _on_own(request, lambda: mentoring.set_capacity(request.user, number), _("Your capacity is set."))


@member_post
def save_reply(request: HttpRequest) -> HttpResponse:
    name, body = request.POST.get("name", ""), request.POST.get("body", "")
    return _on_own(request, lambda: mentoring.save_reply(request.user, name, body), _("The reply is saved."))


@member_post
def forget_reply(request: HttpRequest, reply_id: int) -> HttpResponse:
    done = _("The reply is forgotten.")
    return _on_own(request, lambda: mentoring.forget_reply(request.user, reply_id), done)


@member_post
def rate(request: HttpRequest, pull_id: int) -> HttpResponse:
    pull = _pull(pull_id)
    mentor = get_object_or_404(User, username=request.POST.get("mentor", ""))
    asked = request.POST.get("score", "")
    score = int(asked) if asked.isdecimal() and len(asked) < 3 else 0
    done = _("Thank you: mentors see their figures, never who said what.")
    page = reverse("web:pull", args=[pull.pk])
    return act(request, lambda: mentoring.rate(pull, request.user, mentor, score), done=done, back=page)


def _on_own(request: HttpRequest, action: Callable[[], None], done: str) -> HttpResponse:
    return act(request, action, done=done, back=reverse("web:mentoring"))


def _pull(pull_id: int) -> PullRequest:
    return get_object_or_404(PullRequest.objects.select_related("task", "author"), pk=pull_id)
