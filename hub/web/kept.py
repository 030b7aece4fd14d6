"""What is the same for many readers: made once in some seconds, then given to all of them.

Not in charge of what is kept: whole pages for strangers (`shared.py`), parts of pages, figures (the views).

Theory of operation
- A copy is kept under a key in the memory of one process. What is kept depends on its key alone, never on
  who asks. `page` and `part` see to that: their templates are drawn without a request, so they know neither
  reader nor session. Where a page differs from reader to reader it has a gap, which is drawn for each of
  them: the tokens of forms, the header, messages, and what the view names.
- For some seconds a copy is given as it is. For MADE_ANEW seconds more it is given still, while one thread of
  this module makes the next one: nobody waits. What is missing, or older, is made by who asks, and whoever
  asks for the same meanwhile waits for that one.
- For how many of these seconds is drawn for each copy, from EARLIEST on: what was made at one time, after a
  start above all, is not made anew at one time.
- Whoever does something by a form gets a cookie with the moment, and from then on no copy that was begun
  before. So all see at once what they did themselves, whichever process serves them, and what others did at
  the latest after GONE seconds. The moment comes from a browser: a future one counts as now.
- The oldest copy goes when there are MOST and one more comes. An error is not kept.

Recipe: a view whose page is the same for all but a few spots ends with
`return page(request, "boards/list.html", lambda: {...}, number)`. The function reads the rows and gives the
template's context; it is called only when there is no copy. The key is template, address, language, theme and
what is named after the function: name all that it depends on, such as the reader where they see more than
others (and None for the others). A spot of its own is `{{ gap.claim }}` in the template and
`claim=lambda: ...` in the call, which gives its HTML for this reader. `part` is the same for a piece of
a page.
"""

from __future__ import annotations

import random
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages import get_messages
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from hub.accounts.models import User
from hub.catalog import roles
from hub.web import top as above
from hub.web.context import site

FRESH, MADE_ANEW = 30.0, 15.0  # seconds
GONE = FRESH + MADE_ANEW
EARLIEST = 0.6  # of the seconds that a copy is fresh
MOST = 400
ACTED_COOKIE = "acted"
MARK = secrets.token_hex(16)  # around the name of a gap: nobody can guess it, so nobody writes it on a page
GAP = re.compile(f"{MARK}([a-z_]+){MARK}")

Value = TypeVar("Value")


@dataclass(frozen=True)
class Copy:
    value: Any
    begun: float  # unix seconds, before anything was read
    share: float  # of the seconds that copies of its kind are fresh


class Kept:
    """The copies of this process."""

    def __init__(self) -> None:
        self._copies: OrderedDict[Hashable, Copy] = OrderedDict()
        self._gates: dict[Hashable, threading.Lock] = {}
        self._renewing: set[Hashable] = set()
        self._lock = threading.Lock()
        self._renewer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kept")

    def get(
        self,
        key: Hashable,
        make: Callable[[], Value],
        *,
        since: float = 0.0,
        fresh: float = FRESH,
        worth: Callable[[Value], bool] = lambda _value: True,
        again: Callable[[], Value] | None = None,
    ) -> Value:
        """The copy under `key`, begun after `since` (unix seconds), or what `make` makes now.

        `worth` says whether that may be kept; `again` makes the next copy where `make` needs its caller.
        """
        if not settings.KEEP_COPIES:
            return make()
        found = self._copies.get(key)
        if found is None or not since < found.begun > time.time() - fresh - MADE_ANEW:
            return self._first(key, found, make, since, worth)
        if found.begun < time.time() - found.share * fresh:
            self._renew(key, again or make, worth)
        value: Value = found.value
        return value

    def clear(self) -> None:
        with self._lock:
            self._copies.clear()

    def _first(
        self,
        key: Hashable,
        seen: Copy | None,
        make: Callable[[], Value],
        since: float,
        worth: Callable[[Value], bool],
    ) -> Value:
        with self._lock:
            gate = self._gates.setdefault(key, threading.Lock())
        with gate:
            newer = self._copies.get(key)
            if newer is not None and newer is not seen and newer.begun > since:
                value: Value = newer.value
                return value
            try:
                return self._made(key, make, worth)
            finally:
                with self._lock:
                    self._gates.pop(key, None)

    def _made(self, key: Hashable, make: Callable[[], Value], worth: Callable[[Value], bool]) -> Value:
        begun = time.time()
        value = make()
        with self._lock:
            before = self._copies.get(key)
            if before is None or before.begun <= begun:
                self._copies.pop(key, None)
                if worth(value):
                    self._copies[key] = Copy(value, begun, random.uniform(EARLIEST, 1.0))  # noqa: S311 # no secret
            while len(self._copies) > MOST:
                self._copies.popitem(last=False)
        return value

    def _renew(self, key: Hashable, make: Callable[[], Value], worth: Callable[[Value], bool]) -> None:
        with self._lock:
            if key in self._renewing:
                return
            self._renewing.add(key)
        language = translation.get_language()

        def renewed() -> None:
            done = False
            try:
                with translation.override(language):
                    self._made(key, make, worth)
                done = True
            finally:
                close_old_connections()  # no request ends here, so nobody else would
                with self._lock:
                    self._renewing.discard(key)
                    if not done:  # whoever asks next makes it, and meets the error on a page of their own
                        self._copies.pop(key, None)

        self._renewer.submit(renewed)


KEPT = Kept()


class Gaps:
    """`{{ gap.name }}` leaves the gap of this name."""

    def __getitem__(self, name: str) -> SafeString:
        return mark_safe(f"{MARK}{name}{MARK}")  # noqa: S308 # letters and digits


GAPS = Gaps()


def page(
    request: HttpRequest,
    template: str,
    facts: Callable[[], Mapping[str, Any]],
    *key: Hashable,
    **own: Callable[[], str],
) -> HttpResponse:
    """A page that is the same for all readers of a language and theme, save for its gaps.

    `key` names all that `facts` depends on beside the address. `own` draws further gaps for this reader.
    """
    about = site(request)
    theme = about["site"]["theme"]
    pieces = _pieces(request, template, facts, {**about, "gap": GAPS}, request.get_full_path(), theme, *key)
    common = {
        "header": lambda: top(request),
        "messages": lambda: render_to_string("_partials/messages.html", {"messages": get_messages(request)}),
    }
    return HttpResponse(_filled(request, pieces, {**common, **own}))


def part(
    request: HttpRequest,
    template: str,
    facts: Callable[[], Mapping[str, Any]],
    *key: Hashable,
    **own: Callable[[], str],
) -> SafeString:
    """A part of a page that is the same for all readers of a language, save for its gaps."""
    pieces = _pieces(request, template, facts, {"gap": GAPS}, *key)
    return mark_safe(_filled(request, pieces, own))  # noqa: S308 # drawn by templates


def reader_of(request: HttpRequest) -> User | AnonymousUser:
    """For whom a list is drawn: nobody in particular, unless somebody now sees what is hidden from others."""
    user = request.user
    if user.is_authenticated and KEPT.get("whether something is hidden", roles.hides_something):
        return user
    return AnonymousUser()


def top(request: HttpRequest) -> SafeString:
    """What stands above the page."""
    facts, key, gaps = above.facts, above.key(request), above.gaps(request)
    return part(request, "_partials/top.html", lambda: facts(request), *key, **gaps)


def _pieces(
    request: HttpRequest,
    template: str,
    facts: Callable[[], Mapping[str, Any]],
    more: Mapping[str, Any],
    *key: Hashable,
) -> list[str]:
    """Text and names of gaps in turn."""

    def make() -> list[str]:
        return GAP.split(render_to_string(template, {**more, **facts(), "csrf_token": GAPS["csrf_token"]}))

    return KEPT.get((template, translation.get_language(), *key), make, since=acted(request))


def _filled(request: HttpRequest, pieces: list[str], own: Mapping[str, Callable[[], str]]) -> str:
    draw: dict[str, Callable[[], str]] = {"csrf_token": lambda: get_token(request), **own}
    drawn = {name: conditional_escape(draw[name]()) for name in set(pieces[1::2])}
    return "".join(drawn[text] if at % 2 else text for at, text in enumerate(pieces))


def acted(request: HttpRequest) -> float:
    """When this reader last did something by a form, in unix seconds; 0 if that is long ago."""
    try:
        return min(float(request.COOKIES.get(ACTED_COOKIE, "0")), time.time())
    except ValueError:
        return 0.0


class Acting:
    """Middleware: an answer to a form says when it was sent. Of both kinds, for streams to pass."""

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
        return _stamp(request, self.get_response(request))

    async def _later(self, request: HttpRequest) -> HttpResponse:
        return _stamp(request, await self.get_response(request))


def _stamp(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if request.method == "POST" and request.COOKIES:  # a browser: workers and git keep none
        response.set_cookie(
            ACTED_COOKIE,
            f"{time.time():.6f}",
            max_age=int(GONE),
            httponly=True,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
    return response
