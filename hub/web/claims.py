"""Claiming a task, giving it up, answering a proposal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from hub import speaking, studying
from hub.catalog.models import Task
from hub.claims import actions, rules
from hub.claims.models import Claim
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.web import tasks
from hub.web.acting import act, member_post
from hub.web.preferences import safe_next


@member_post
def make(request: HttpRequest, slug: str) -> HttpResponse:
    task = get_object_or_404(Task, slug=slug)
    proposal = request.POST.get("proposal", "")
    try:
        made = studying.claim(task, request.user, proposal)
    except BadInput as refusal:  # the page once more, so that the written proposal is not lost
        return tasks.show(request, task, proposal=proposal, problem=str(refusal), status=422)
    except NotNow as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _said(made))
    return HttpResponseRedirect(_task_page(task))


@member_post
def withdraw(request: HttpRequest, claim_id: int) -> HttpResponse:
    claim = _claim(claim_id)
    return act(
        request,
        lambda: actions.withdraw(claim, request.user),
        done=_("Your proposal is withdrawn."),
        back=_task_page(claim.task),
    )


@member_post
def release(request: HttpRequest, claim_id: int) -> HttpResponse:
    claim = _claim(claim_id)
    return act(
        request,
        lambda: studying.release(claim, request.user, request.POST.get("hand_over", "")),
        done=_("You have released the task. Thank you for making room."),
        back=_task_page(claim.task),
    )


@member_post
def offer(request: HttpRequest, claim_id: int) -> HttpResponse:
    """Offer it to somebody by username."""
    done = _("Your offer is sent. The task stays yours until it is taken.")
    return _ask(request, claim_id, studying.offer, done, ("username", "hand_over"), "offering")


@member_post
def keep(request: HttpRequest, claim_id: int) -> HttpResponse:
    """Take one's offer back."""
    claim = _claim(claim_id)
    return act(
        request,
        lambda: studying.end_offer(claim, request.user),
        done=_("The task stays yours."),
        back=_task_page(claim.task),
    )


@member_post
def take(request: HttpRequest, claim_id: int) -> HttpResponse:
    """Take over (`accept=1`) what one was offered, or decline it."""
    claim = _claim(claim_id)
    accept = request.POST.get("accept") == "1"
    decide = studying.take_over if accept else studying.end_offer
    return act(
        request,
        lambda: decide(claim, request.user),
        done=_("The task is yours now.") if accept else _("You have declined; it stays with whom it was."),
        back=_task_page(claim.task),
    )


@member_post
def invite(request: HttpRequest, claim_id: int) -> HttpResponse:
    """Invite somebody by username to share it, for so many percent of its points."""
    done = _("Your invitation is sent.")
    return _ask(request, claim_id, studying.invite, done, ("username", "share"), "inviting")


@member_post
def join(request: HttpRequest, claim_id: int) -> HttpResponse:
    """Share (`accept=1`) the claim one is invited to; else decline, or take one's own invitation back."""
    invitation = _claim(claim_id)
    accept = request.POST.get("accept") == "1"
    decide = studying.join if accept else studying.end_invitation
    return act(
        request,
        lambda: decide(invitation, request.user),
        done=_("You share this task now.") if accept else _("The invitation is over; nothing else changed."),
        back=_task_page(invitation.task),
    )


@member_post
def extend(request: HttpRequest, claim_id: int) -> HttpResponse:
    claim = _claim(claim_id)
    return act(
        request,
        lambda: actions.extend(claim, request.user),
        done=_("Your claim is extended by %(days)s days.") % {"days": rules.EXTENSION.days},
        back=_task_page(claim.task),
    )


@member_post
def answer(request: HttpRequest, claim_id: int) -> HttpResponse:
    """A mentor accepts (`accept=1`) or refuses a proposal; `next` says which page they came from."""
    claim = _claim(claim_id)
    accept = request.POST.get("accept") == "1"
    done = _("The proposal is accepted.") if accept else _("The proposal is refused, with your reason.")
    return act(
        request,
        lambda: speaking.answer(claim, request.user, accept=accept, text=request.POST.get("text", "")),
        done=done,
        back=safe_next(request, request.POST.get("next"), _task_page(claim.task)),
    )


def _ask(
    request: HttpRequest,
    claim_id: int,
    ask: Callable[..., object],
    done: str,
    fields: Sequence[str],
    form: str,
) -> HttpResponse:
    """Ask somebody by a form of the task's page; after a refusal the page once more with what was written."""
    claim, written = _claim(claim_id), {name: request.POST.get(name, "") for name in fields}
    try:
        ask(claim, request.user, **written)
    except (BadInput, NotNow) as refusal:
        return tasks.show(request, claim.task, problem=str(refusal), status=422, **{form: written})
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    messages.success(request, done)
    return HttpResponseRedirect(_task_page(claim.task))


def _claim(claim_id: int) -> Claim:
    return get_object_or_404(
        Claim.objects.select_related("task__current", "task__programme", "user", "shared_with__user"),
        pk=claim_id,
    )


def _task_page(task: Task) -> str:
    return reverse("web:task", args=[task.slug])


def _said(claim: Claim) -> str:
    if claim.state == Claim.State.REQUESTED:
        return _("Your proposal is sent. A mentor answers within three working days.")
    return _("The task is yours. The commands to begin with are below.")
