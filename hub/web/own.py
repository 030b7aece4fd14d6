"""One's own account: what protects it, where it is logged in, what others see of it, how it is deleted."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from hub.accounts import sessions
from hub.accounts.actions import choose_hidden
from hub.accounts.models import Part
from hub.core.errors import NotAllowed, NotNow, Refusal
from hub.leaving import leave
from hub.web.acting import act, member_post


@login_required
@require_safe
@never_cache
def account_page(request: HttpRequest) -> HttpResponse:
    user = request.user
    shown = {
        "address": user.emailaddress_set.order_by("-primary").first(),
        "second_factor": is_mfa_enabled(user),
        "sessions": sessions.sessions_of(user, request.session.session_key or ""),
        "elsewhere": SocialAccount.objects.filter(user=user) if settings.PROVIDERS.settings else None,
        "parts": [(part, part.value in user.hidden) for part in Part],
    }
    return render(request, "own/page.html", shown)


@member_post
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    def action() -> None:
        if not sessions.end(request.user, session_id):
            raise NotNow(_("That session has ended already."))

    done = _("The session is ended; that browser is logged out.")
    return act(request, action, done=done, back=reverse("web:account"))


@member_post
def privacy(request: HttpRequest) -> HttpResponse:
    def action() -> None:
        choose_hidden(request.user, request.POST.getlist("hidden"))

    return act(request, action, done=_("That is what others see from now on."), back=reverse("web:account"))


@login_required
@require_http_methods(["GET", "POST"])
@never_cache
@reauthentication_required(allow_get=True)
def delete(request: HttpRequest) -> HttpResponse:
    """What goes and what stays; and the deed."""
    said = ""
    if request.method == "POST":
        try:
            leave(request.user, request.POST.get("username", ""))
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        except Refusal as refusal:
            said = str(refusal)
        else:
            logout(request)
            messages.success(request, _("Your account is deleted. Thank you for what you did here."))
            return HttpResponseRedirect(reverse("web:home"))
    return render(request, "own/delete.html", {"said": said}, status=422 if said else 200)
