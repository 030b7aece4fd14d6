"""Gives each request an id, which stands in its answer, in every log line about it and on error pages.

Also counts it and says in one line of the log how it ended. Queries are left out of that line: they may hold
what people searched for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse

from hub.core import trace
from hub.core.meter import meter
from hub.repos.backend import Message, Receive, Send

Application = Callable[[Message, Receive, Send], Awaitable[None]]
PROBES = ("/healthz", "/metrics")
KEYED = ("/password/reset/key/", "/confirm-email/", "/events/own/")
QUIET = ("/api/worker/", "/static/", *PROBES)  # many and dull; their refusals are logged all the same

log = logging.getLogger("hub.http")


class Tracing:
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
        began = getattr(request, "scope", {}).get("received") or time.perf_counter()  # see `serving.py`
        with trace.about(request=_id(request)):
            return _ended(request, self.get_response(request), began)

    async def _later(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        with trace.about(request=_id(request)):
            return _ended(request, await self.get_response(request), began)


def kind_of(path: str) -> str:
    if path in PROBES:
        return "probe"
    first = path.split("/")[1] if "/" in path else ""
    return first if first in ("api", "git", "static") else "page"


def _id(request: HttpRequest) -> str:
    return trace.request_id(request.headers.get(trace.HEADER, ""))


def _ended(request: HttpRequest, response: HttpResponse, began: float) -> HttpResponse:
    seconds, status = time.perf_counter() - began, response.status_code
    response.headers[trace.HEADER] = trace.ids().get("request", "")
    meter.note(kind_of(request.path), status, seconds)
    level = logging.DEBUG if status < 400 and request.path.startswith(QUIET) else logging.INFO
    log.log(level, "%s %s %d in %.0f ms", request.method, _shown(request.path), status, 1e3 * seconds)
    return response


def _shown(path: str) -> str:
    """The path without a key: whoever reads the log must not be able to use it."""
    return next((f"{start}…" for start in KEYED if path.startswith(start)), path)


def traced(application: Application) -> Application:
    """The same for an ASGI application that stands beside Django."""

    async def answered(scope: Message, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        number = trace.request_id(headers.get(trace.HEADER.lower().encode(), b"").decode("latin-1"))
        began, status = time.perf_counter(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], (trace.HEADER.lower().encode(), number.encode())]
                message = {**message, "headers": headers}
            await send(message)

        with trace.about(request=number):
            await application(scope, receive, sent)
            seconds = time.perf_counter() - began
            meter.note(kind_of(scope["path"]), status, seconds)
            log.info("%s %s %d in %.0f ms", scope["method"], scope["path"], status, 1e3 * seconds)

    return answered
