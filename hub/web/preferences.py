"""Small things of every page: the reader's theme, in a cookie so that the first byte has it; the icon."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import i18n
from django.views.decorators.http import require_POST, require_safe

from hub.notify.choosing import remember_language
from hub.web.context import THEME_COOKIE, THEMES

A_YEAR = 365 * 24 * 3600


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    theme = request.POST.get("theme", "auto")
    response = HttpResponseRedirect(safe_next(request, request.POST.get("next", "/")))
    response.set_cookie(THEME_COOKIE, theme if theme in THEMES else "auto", max_age=A_YEAR, samesite="Lax")
    return response


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Django's own, and mails to a member come in that language from now on."""
    response = i18n.set_language(request)
    if request.user.is_authenticated:
        remember_language(request.user, request.POST.get("language", ""))
    return response


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Pages name their icon; this is for those that do not, such as the administration's."""
    return HttpResponseRedirect(static("img/mark.svg"))


def safe_next(request: HttpRequest, url: str | None, default: str = "/") -> str:
    """`url` if it stays on this site, else `default`."""
    if url and url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure()):
        return url
    return default
