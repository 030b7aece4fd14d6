"""One's own account: what protects it, where it is logged in."""

from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hub.accounts import sessions
from hub.core.errors import NotNow
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
    }
    return render(request, "own/page.html", shown)


@member_post
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    def action() -> None:
        if not sessions.end(request.user, session_id):
            raise NotNow(_("That session has ended already."))

    return act(
        request,
        action,
        done=_("The session is ended; that browser is logged out."),
        back=reverse("web:account"),
    )
