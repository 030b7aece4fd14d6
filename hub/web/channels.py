"""How the reader wants to be told: kinds by channel, digest, language, webhooks; getting no more mails.

Not in charge of what is told (`notifications.py` shows it) nor of sending (`hub/notify`).
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from hub.catalog.models import Task
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.notify import choosing, queries
from hub.notify.kinds import Channel, Kind
from hub.notify.mail import read_token
from hub.notify.models import Hook, Wishes
from hub.web.acting import act, member_post


@login_required
@require_safe
@never_cache
def settings_page(request: HttpRequest) -> HttpResponse:
    return _page(request)


@member_post
def save(request: HttpRequest) -> HttpResponse:
    on, digest = request.POST.getlist("on"), request.POST.get("digest", "")
    return act(
        request,
        lambda: choosing.choose(request.user, on, digest, request.POST.get("language", "")),
        done=_("That is how you are told from now on."),
        back=reverse("web:channels"),
    )


@member_post
@never_cache
def add_hook(request: HttpRequest) -> HttpResponse:
    """Answers with the page itself, no redirect: the secret is in this one answer."""
    slug, url = request.POST.get("task", "").strip(), request.POST.get("url", "")
    try:
        task = Task.objects.filter(slug=slug).first() if slug else None
        if slug and task is None:
            raise BadInput(_("There is no task “%(slug)s”.") % {"slug": slug[:63]})
        _hook, secret = choosing.add_hook(request.user, url, task)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except (BadInput, NotNow) as refusal:
        return _page(request, status=422, problem=str(refusal), url=url, slug=slug)
    return _page(request, secret=secret)


@member_post
@never_cache
def renew(request: HttpRequest, hook_id: int) -> HttpResponse:
    try:
        secret = choosing.renew_secret(_hook(hook_id), request.user)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    return _page(request, secret=secret)


@member_post
def remove(request: HttpRequest, hook_id: int) -> HttpResponse:
    done = _("The webhook is removed; nothing is sent there any more.")
    return _change(request, hook_id, lambda hook: choosing.remove_hook(hook, request.user), done)


@member_post
def try_out(request: HttpRequest, hook_id: int) -> HttpResponse:
    done = _("A trial is sent within half a minute; load this page again to see what came of it.")
    return _change(request, hook_id, lambda hook: choosing.try_hook(hook, request.user), done)


@csrf_exempt  # mail programs send this without a page of ours (RFC 8058); the signed link is the right to it
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Asks first: programs that look at every link of a mail must not switch anything off."""
    named = read_token(token)
    if named is None:
        return render(request, "channels/unsubscribe.html", {"broken": True}, status=404)
    done = request.method == "POST" and choosing.unsubscribe(token)
    label = dict(Kind.choices).get(named[1], _("All news by e-mail"))
    return render(request, "channels/unsubscribe.html", {"done": done, "label": label})


def _change(request: HttpRequest, hook_id: int, action: Callable[[Hook], object], done: str) -> HttpResponse:
    hook = _hook(hook_id)
    return act(request, lambda: action(hook), done=done, back=reverse("web:channels"))


def _hook(hook_id: int) -> Hook:
    return get_object_or_404(Hook.objects.select_related("task"), pk=hook_id)


def _page(request: HttpRequest, status: int = 200, **more: object) -> HttpResponse:
    user = request.user
    wishes = queries.wishes_of(user)
    shown = {
        "channels": Channel.choices,
        "rows": [(label, _cells(wishes, kind)) for kind, label in Kind.choices],
        "digests": Wishes.Digest.choices,
        "digest": wishes.digest,
        "language": wishes.language or get_language(),
        "reachable": bool(queries.reachable([user])),
        "hooks": queries.hooks_of(user),
        "for_tasks": user.is_mentor or user.is_maintainer,
        **more,
    }
    return render(request, "channels/page.html", shown, status=status)


def _cells(wishes: Wishes, kind: str) -> list[tuple[str, str, bool]]:
    """For each channel what its box sends, how it is called, and whether it is on."""
    return [(f"{name}:{kind}", label, wishes.wants(name, kind)) for name, label in Channel.choices]
