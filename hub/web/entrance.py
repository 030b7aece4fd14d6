"""What django-allauth asks this site: who may come in, under which names, where they go next, what is booked.

Not in charge of the pages themselves: views and forms are allauth's, templates stand in `templates/account`,
`templates/socialaccount` and `templates/allauth`; nor of what other sites say of people (`elsewhere.py`).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib import messages
from django.contrib.sites.requests import RequestSite
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from hub.accounts.actions import fit_username
from hub.accounts.models import User
from hub.accounts.queries import may_enter
from hub.audit.actions import record
from hub.core.errors import BadInput
from hub.notify.choosing import remember_language
from hub.web.elsewhere import unanswered
from hub.web.preferences import safe_next


class Entrance(DefaultAccountAdapter):
    """Log-in, sign-up, e-mail addresses and passwords."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": gettext_lazy(
            "Username and password do not fit together. Check for capital letters: usernames have none."
        ),
        "email_password_mismatch": gettext_lazy("E-mail address and password do not fit together."),
    }

    def clean_username(self, username: str, shallow: bool = False) -> str:
        try:
            return fit_username(username)
        except BadInput as refusal:
            raise ValidationError(str(refusal)) from refusal

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        user.display_name = str(form.cleaned_data.get("display_name", "")).strip()[:80]
        saved: User = super().save_user(request, user, form, commit)
        if commit:
            record(saved, "account.created", saved)
        return saved

    def pre_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse | None:
        if not may_enter(user):  # a demo account outside demo mode, or closed
            return self.respond_user_inactive(request, user)
        answer: HttpResponse | None = super().pre_login(request, user, **more)
        return answer

    def post_login(self, request: HttpRequest, user: User, *, signup: bool, **more: Any) -> HttpResponse:
        answer: HttpResponse = super().post_login(request, user, signup=signup, **more)
        remember_language(user, get_language() or "", only_first=True)
        if signup:
            messages.success(request, _("Welcome, %(name)s. Pick a task to begin with.") % {"name": user})
        return answer

    def is_safe_url(self, url: str) -> bool:
        return bool(safe_next(context.request, url, ""))

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("web:account")

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """allauth calls this at every change that matters for security: it is booked, and told by mail."""
        record(user, f"account.{template_prefix.rsplit('/', 1)[-1]}", user)
        super().send_notification_mail(template_prefix, user, context, email)


class SecondFactor(DefaultMFAAdapter):
    """Keys of authenticator apps and recovery codes: a copy of the database alone gives none away."""

    def get_totp_label(self, user: User) -> str:
        return user.username

    def encrypt(self, text: str) -> str:
        return _cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _cipher().decrypt(encrypted_text.encode()).decode()


def _cipher() -> Fernet:
    key = hashlib.sha256(b"second factor\0" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


class AccountPages:
    """Middleware about allauth's pages: what our templates need, and what demo people may not do there."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_template_response(self, request: HttpRequest, response: TemplateResponse) -> TemplateResponse:
        """allauth calls the host `site`, which would hide what every page of ours knows by that word."""
        shown = response.context_data or {}
        if isinstance(shown.get("site"), RequestSite):
            del shown["site"]
        return response

    def process_view(self, request: HttpRequest, view: object, *_given: object) -> None:
        """Everybody knows the demo people's passwords: nobody may lock the others out."""
        match = request.resolver_match
        connecting = (f"{name}_login" for name in settings.PROVIDERS.settings)
        theirs = ("account_", "mfa_", "socialaccount_", "web:account_delete", *connecting)
        own = match is not None and match.view_name.startswith(theirs)
        if not own or match.view_name in {"account_login", "account_logout", "account_signup"}:
            return
        if request.method == "POST" and request.user.is_authenticated and request.user.is_demo:
            raise PermissionDenied(
                _("Everybody knows a demo account’s password, so nobody changes it. Sign up for your own.")
            )

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return unanswered(request, exception)
