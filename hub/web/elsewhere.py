"""Log-in with an account at another site: which of its words are believed, what is said when it fails.

Not in charge of the exchange itself, which is django-allauth's, nor of which sites are accepted
(`OAUTH_PROVIDERS`, read in `hub/services/outside.py`).
"""

from __future__ import annotations

import logging
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthError, Provider
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from requests import RequestException  # what allauth talks to other sites with

log = logging.getLogger(__name__)
# What allauth looks up in an OpenID provider's description of itself.
TOLD = frozenset({"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "issuer"})


class Elsewhere(DefaultSocialAccountAdapter):
    """Accounts of our people at other sites."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Some sites write “email_verified” as a word, or null: no address could be saved with that."""
        for address in sociallogin.email_addresses:
            address.verified = str(address.verified).lower() == "true"

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Provider,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """allauth's own page would not say what happened, nor where to go on."""
        site = {"site": provider.name}
        if error == AuthError.CANCELLED:
            messages.info(request, _("You stopped the log-in with %(site)s: nothing has changed.") % site)
            onward = "socialaccount_connections" if request.user.is_authenticated else "account_login"
            raise ImmediateHttpResponse(redirect(onward))
        if exception is None and "state" not in (extra_context or {}):  # none of this browser's
            said = _(
                "It was begun in another browser or more than ten minutes ago, or your browser keeps cookies "
                "back. Begin it again here."
            )
            raise ImmediateHttpResponse(_page(request, said, 403))
        reason = exception or f"error={request.GET.get('error', '')!r}"
        log.warning("log-in with %s failed: %.300s", provider.name, reason)
        said = _(
            "%(site)s could not be reached, or its answer could not be used. Try again in a few minutes; who "
            "has a password here can log in with that."
        )
        raise ImmediateHttpResponse(_page(request, said % site, 502))


def unanswered(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """The page for an OpenID provider that does not tell its addresses: allauth asks and catches nothing.

    It may give no answer, or one in which something of `TOLD` is missing.
    """
    match = request.resolver_match
    if match is None or "provider_id" not in match.kwargs:
        return None
    if isinstance(exception, KeyError) and exception.args[0] in TOLD:
        exception = LookupError(f"{exception} is missing in its /.well-known/openid-configuration")
    elif not isinstance(exception, RequestException):
        return None
    provider = Elsewhere(request).get_provider(request, match.kwargs["provider_id"])
    return render_authentication_error(request, provider, exception=exception)


def _page(request: HttpRequest, said: str, status: int) -> HttpResponse:
    return render(request, "socialaccount/authentication_error.html", {"said": said}, status=status)
