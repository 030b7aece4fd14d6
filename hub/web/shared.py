"""Pages that are the same for every stranger: made once in a few seconds, then given to all of them.

Not in charge of pages of who has logged in: those are made anew each time.

Theory of operation
- A stranger is who sends no cookie but those named here. So there is no session and no message to show, and
  the page depends on its address, the language and the theme alone. Whoever has just logged out carries none
  of these copies away either: a page with a message is never kept.
- Forms carry a token of the visitor against forged requests. A kept page has a mark in its place, which
  nobody can guess and so nobody can write on a page, and each visitor gets a token of their own there.
- Copies live in the memory of one process, for SECONDS. Whoever does something by a form makes the process
  forget them, so that what was done is seen at once; pushes, verdicts and other processes wait.
- Nobody is told to keep a page: the answer has the headers that it would have had.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.utils.translation import get_language

from hub.web.context import THEME_COOKIE

SECONDS = 10
MARK = secrets.token_hex(32)
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]*)"')
SHARED_COOKIES = frozenset({settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME, THEME_COOKIE})

View = Callable[..., HttpResponse]


def shared(view: View) -> View:
    """Give strangers one copy of the page; whatever is not a whole page that went well is not kept."""

    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "GET" or request.htmx or not request.COOKIES.keys() <= SHARED_COOKIES:
            return view(request, *args, **kwargs)
        kept, key = caches["pages"], _key(request)
        if (found := kept.get(key)) is not None:
            text, with_plot = found
            return _answer(text.replace(MARK, get_token(request)), with_plot)
        answer = view(request, *args, **kwargs)
        if answer.status_code == 200 and not answer.streaming:
            text, tokens = answer.content.decode(), set(TOKEN.findall(answer.content.decode()))
            if len(tokens) == 1:  # one for all forms of a page
                kept.set(key, (text.replace(*tokens, MARK), hasattr(answer, "inline_styles")), SECONDS)
        return answer

    return shown


def forget() -> None:
    """Make every page anew from now on."""
    caches["pages"].clear()


def _answer(text: str, with_plot: bool) -> HttpResponse:
    answer = HttpResponse(text)
    if with_plot:
        answer.inline_styles = True  # type: ignore[attr-defined]  # see `security.py`
    return answer


def _key(request: HttpRequest) -> str:
    theme = request.COOKIES.get(THEME_COOKIE, "")
    named = (request.get_host(), request.get_full_path(), get_language() or "", theme)
    return hashlib.sha256("\n".join(named).encode()).hexdigest()
