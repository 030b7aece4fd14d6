"""Django under ASGI: each page in one thread, from its first middleware to its last.

Not in charge of streams (`live.py`) nor of the git door: those run in the event loop (`hub/asgi.py`).

Theory of operation
- Django's own ASGI handler goes over to a thread and back for nearly each middleware and signal, twenty times
  a page, and each time waits for the interpreter's lock behind all who compute. Here the event loop takes the
  body in, a thread does all the rest, and the loop sends what came out.
- There are THREADS of them, and they stay. What comes meanwhile waits in order, instead of slowing down
  what is nearly done; on SQLite connections live on from page to page.
- A page waits for the database a dozen times, and each time then waits for the interpreter behind whichever
  thread computes, until that one's turn ends: 5 ms in Python, TURN_SECONDS here.
- What the log says of how long a page took begins with its request's last byte: the wait counts.
- A page is made to its end even if its reader has left meanwhile. No page is streamed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import HttpResponse
from django.urls import set_script_prefix

from hub.repos.backend import Message, Receive, Send

THREADS = 8
TURN_SECONDS = 0.0005


class Pages(ASGIHandler):
    def __init__(self) -> None:
        self.load_middleware(is_async=False)  # not super's: that loads it for the event loop
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="page")
        sys.setswitchinterval(TURN_SECONDS)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        scope["received"] = time.perf_counter()
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._threads, self._answer, scope, body)
        await self.send_response(answer, send)

    def _answer(self, scope: Message, body: Any) -> HttpResponse:
        with body:
            set_script_prefix(get_script_prefix(scope))
            signals.request_started.send(sender=type(self), scope=scope)
            request, refusal = self.create_request(scope, body)
            answer: HttpResponse = self.get_response(request) if refusal is None else refusal
            answer._handler_class = type(self)  # type: ignore[attr-defined]
            answer.close()  # and with it the database connection is given back; the content stays
            return answer
