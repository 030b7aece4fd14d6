"""Logging in and out, signing up."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from hub.accounts.actions import sign_up
from hub.core.errors import BadInput
from hub.web.preferences import safe_next


class LoginForm(AuthenticationForm):
    error_messages = {
        "invalid_login": gettext_lazy(
            "Username and password do not fit together. Check for capital letters: usernames have none."
        ),
        "inactive": gettext_lazy("This account is closed."),
    }


class SignUpForm(forms.Form):
    username = forms.CharField(
        label=gettext_lazy("Username"),
        max_length=32,
        help_text=gettext_lazy(
            "2 to 32 small letters, digits and hyphens. It begins your branches, so it never changes."
        ),
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    display_name = forms.CharField(
        label=gettext_lazy("Name (optional)"),
        max_length=80,
        required=False,
        help_text=gettext_lazy("Shown beside your work; any script."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        help_text=gettext_lazy("At least 8 characters, not only digits and not a common one."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def log_in(request: HttpRequest) -> HttpResponse:
    onward = _onward(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(onward)
    form = LoginForm(request, data=request.POST or None)
    form.fields["username"].widget.attrs |= {"autocapitalize": "none", "spellcheck": "false"}
    if request.method == "POST" and form.is_valid():
        login(request, form.get_user())
        return HttpResponseRedirect(onward)
    return _form_page(request, "accounts/login.html", form, onward)


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    onward = _onward(request)
    if request.user.is_authenticated:
        return HttpResponseRedirect(onward)
    form = SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = sign_up(**form.cleaned_data)
        except BadInput as refusal:
            form.add_error(None, str(refusal))
        else:
            login(request, user)
            messages.success(request, _("Welcome, %(name)s. Pick a task to begin with.") % {"name": user})
            return HttpResponseRedirect(onward)
    return _form_page(request, "accounts/signup.html", form, onward)


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    messages.success(request, _("You are logged out."))
    return HttpResponseRedirect(reverse("web:home"))


def _onward(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next")
    return safe_next(request, wanted, reverse("web:home"))


def _form_page(request: HttpRequest, template: str, form: Any, onward: str) -> HttpResponse:
    status = 422 if form.is_bound else 200
    return render(request, template, {"form": form, "next": onward}, status=status)
