"""Pages for what went wrong: they say what it was and where to go on."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from hub.core import trace


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400, _("This request cannot be read"), _("Go back and try the form once more."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    said = str(exception) if isinstance(exception, PermissionDenied) else ""
    text = said or _("Your account may not do this. Perhaps you are logged in as somebody else?")
    return _page(request, 403, _("Not yours to do"), text)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    said = exception.args[0] if isinstance(exception, Http404) and exception.args else ""
    # Only a sentence of our own is shown, never the router's internals.
    text = said if isinstance(said, Sentence) else _("The address is wrong, or what stood here is gone.")
    return _page(request, 404, _("Nothing here"), text)


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    text = _("The form was too old, or your browser keeps cookies back. Reload the page and send it again.")
    return _page(request, 403, _("The form could not be verified"), text)


def broken(request: HttpRequest) -> HttpResponse:
    """The last page that must work: no database, no session, no context processor."""
    return HttpResponse(render_to_string("errors/500.html", _told()), status=500)


class Sentence(str):
    """A 404's text that is meant for people: `raise Http404(Sentence(_("…")))`."""


def _told() -> dict[str, str]:
    return {"request_id": trace.ids().get("request", "")}


def _page(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    shown = {"status": status, "title": title, "text": text, **_told()}
    return render(request, "errors/page.html", shown, status=status)
