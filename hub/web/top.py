"""What stands above every page: which of it depends on whom, so that it is drawn once for many (`kept.py`).

Not in charge of how it looks (`templates/_partials/top.html`). It knows of a reader only the RIGHTS; their
name, the number on their bell and the address of the page are gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from hub.accounts.models import User
from hub.web.context import site

RIGHTS = ("is_authenticated", "is_mentor", "is_maintainer", "is_staff")


def facts(request: HttpRequest) -> dict[str, Any]:
    return {**site(request), "user": _rights(request)}


def key(request: HttpRequest) -> tuple[Any, ...]:
    """All that `facts` depends on, as far as the template asks for it."""
    return site(request)["site"]["section"], *_rights(request).values()


def gaps(request: HttpRequest) -> Mapping[str, Callable[[], str]]:
    here, user = request.get_full_path(), _reader(request)
    if not user.is_authenticated:
        return {"here": lambda: here, "here_quoted": lambda: quote(here)}
    return {
        "here": lambda: here,
        "profile": lambda: reverse("web:person", args=[user.username]),
        "name": lambda: user.shown_name,
        "initial": lambda: user.shown_name[:1].upper(),
        "bell": lambda: _bell(user.unread) if user.unread else "",
    }


def _reader(request: HttpRequest) -> User | AnonymousUser:
    """Of a request that was refused early nobody knows who sent it."""
    return getattr(request, "user", None) or AnonymousUser()


def _rights(request: HttpRequest) -> dict[str, bool]:
    return {name: bool(getattr(_reader(request), name, False)) for name in RIGHTS}


def _bell(unread: int) -> str:
    return render_to_string("_partials/bell.html", {"unread": unread})
