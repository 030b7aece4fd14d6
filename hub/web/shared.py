"""Pages that are the same for every stranger: one copy of each is given to all of them.

Not in charge of how long a copy lives and who is given none (`kept.py`), nor of pages of who has logged in:
those are made anew each time, save for parts that are the same for everybody.

Theory of operation
- A stranger is who sends no cookie but those named here. So there is no session and no message to show, and
  the page depends on its address, the language and the theme alone. Whoever has just logged out carries none
  of these copies away either: a page with a message is never kept.
- Forms carry a token of the visitor against forged requests. A kept page has gaps in its place, and each
  visitor gets a token of their own there.
- Nobody is told to keep a page: the answer has the headers that it would have had.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.utils.translation import get_language

from hub.web.context import THEME_COOKIE
from hub.web.kept import ACTED_COOKIE, KEPT, acted

TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]*)"')
SHARED_COOKIES = frozenset(
    {settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME, THEME_COOKIE, ACTED_COOKIE}
)

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Page:
    pieces: list[bytes]  # between them stands the visitor's token
    with_plot: bool


def shared(view: View) -> View:
    """Give strangers one copy of the page; whatever is not a whole page that went well is not kept."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "GET" or request.htmx or not request.COOKIES.keys() <= SHARED_COOKIES:
            return view(request, *args, **kwargs)
        first: list[HttpResponse] = []

        def make() -> Page | None:
            first.append(view(request, *args, **kwargs))
            return _without_token(first[0])

        def again() -> Page | None:
            return _without_token(view(_like(request), *args, **kwargs))

        page = KEPT.get(_key(request), make, since=acted(request), worth=_is_page, again=again)
        return first[0] if first or page is None else _answer(page, request)

    return shown


def _is_page(made: Page | None) -> bool:
    return made is not None


def _without_token(answer: HttpResponse) -> Page | None:
    if answer.status_code != 200 or answer.streaming:
        return None
    tokens = set(TOKEN.findall(answer.content))
    if len(tokens) != 1:  # one for all forms of a page
        return None
    return Page(answer.content.split(*tokens), hasattr(answer, "inline_styles"))


def _like(request: HttpRequest) -> HttpRequest:
    """The same question of a stranger who has no token yet."""
    other = copy.copy(request)
    other.META = {name: value for name, value in request.META.items() if name != "CSRF_COOKIE"}
    return other


def _answer(page: Page, request: HttpRequest) -> HttpResponse:
    answer = HttpResponse(get_token(request).encode().join(page.pieces))
    if page.with_plot:
        answer.inline_styles = True  # type: ignore[attr-defined]  # see `security.py`
    return answer


def _key(request: HttpRequest) -> Hashable:
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return request.get_host(), request.get_full_path(), get_language() or "", theme
