"""Personal tokens for git and the JSON API: made here, shown once, revoked here."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from hub.accounts.actions import create_token, revoke_token
from hub.accounts.models import Scope
from hub.accounts.queries import tokens_of
from hub.core import clock
from hub.core.errors import BadInput, NotNow
from hub.web.acting import act, member_post

USES = [(scope, scope.label) for scope in (Scope.GIT_PUSH, Scope.GIT_READ, Scope.API)]
LIFETIMES = [(30, gettext_lazy("30 days")), (90, gettext_lazy("90 days")), (365, gettext_lazy("1 year"))]


class TokenForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=60,
        help_text=gettext_lazy("Where you will use it, such as “laptop”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.TypedChoiceField(
        label=gettext_lazy("It may"),
        choices=USES,
        initial=Scope.GIT_PUSH,
        required=False,
        empty_value=Scope.GIT_READ,  # what was not chosen is not given
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Expires after"), choices=LIFETIMES, coerce=int, initial=90
    )


@require_safe
def api_help(request: HttpRequest) -> HttpResponse:
    """What the JSON API tells, for who would like a program to read it."""
    example = f'curl -H "Authorization: Bearer ts_…" {settings.SITE_URL}/api/v1/tasks'
    return render(request, "tokens/api.html", {"example": example})


@login_required
@never_cache
def token_list(request: HttpRequest) -> HttpResponse:
    return _page(request, TokenForm())


@member_post
@never_cache
def create(request: HttpRequest) -> HttpResponse:
    """Answers with the page itself, no redirect: the clear text is in this one answer and stored nowhere."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        token, clear = create_token(request.user, **form.cleaned_data)
    except BadInput as refusal:
        form.add_error("name", str(refusal))
        return _page(request, form, status=422)
    return _page(request, TokenForm(), made=token, clear=clear)


@member_post
def revoke(request: HttpRequest, token_id: int) -> HttpResponse:
    def action() -> None:
        if not revoke_token(request.user, token_id):
            raise NotNow(_("There is no such token of yours any more."))

    done = _("The token is revoked; git cannot use it any longer.")
    return act(request, action, done=done, back=reverse("web:tokens"))


def _page(request: HttpRequest, form: TokenForm, status: int = 200, **more: object) -> HttpResponse:
    found = {"form": form, "tokens": tokens_of(request.user), "now": clock.now(), **more}
    return render(request, "tokens/list.html", found, status=status)
