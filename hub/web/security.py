"""The headers that keep a page from loading or running anything that is not ours, and from using devices.

Scripts come from our own origin and are never inline, on any page. Styles likewise, save on pages that show
a plot: Plotly writes style elements of its own, so `with_plot` says `response.inline_styles = True` there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse

DIRECTIVES = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}

UNUSED = ("camera", "microphone", "geolocation", "payment", "usb", "display-capture", "browsing-topics")
PERMISSIONS = ", ".join(f"{name}=()" for name in UNUSED)


def policy(inline_styles: bool = False) -> str:
    more = {"style-src": "'self' 'unsafe-inline'"} if inline_styles else {}
    if settings.PROVIDERS.origins:  # a form of ours is answered with a way to their log-in
        more["form-action"] = " ".join(("'self'", *settings.PROVIDERS.origins))
    return "; ".join(f"{name} {value}" for name, value in (DIRECTIVES | more).items())


class ContentSecurityPolicy:
    """Middleware of both kinds: a sync-only one would buffer server-sent events until their end."""

    async_capable = True
    sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if self.is_async:
            return self._later(request)
        return _stamp(self.get_response(request))

    async def _later(self, request: HttpRequest) -> HttpResponse:
        return _stamp(await self.get_response(request))


def with_plot(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Mark a page that shows a Plotly figure."""

    @wraps(view)
    def shown(*args: Any, **kwargs: Any) -> HttpResponse:
        response = view(*args, **kwargs)
        response.inline_styles = True  # type: ignore[attr-defined]
        return response

    return shown


def _stamp(response: HttpResponse) -> HttpResponse:
    response.headers.setdefault("Content-Security-Policy", policy(getattr(response, "inline_styles", False)))
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    return response
