"""What every page knows: the site's address, the reader's theme, the other language, the demo people."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language

from hub.demo.people import PEOPLE

THEME_COOKIE = "theme"
THEMES = ("auto", "light", "dark")


def site(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get(THEME_COOKIE, "auto")
    chinese = (get_language() or "").startswith("zh")
    return {
        "site": {
            "url": settings.SITE_URL,
            "demo_people": PEOPLE if settings.DEMO else (),
            "theme": theme if theme in THEMES else "auto",
            "here": request.get_full_path(),
            "path": request.path,
            "section": _section(request.path),
            "chinese": chinese,
            "other_language": ("en", "English") if chinese else ("zh-hans", "中文"),
        }
    }


def _section(path: str) -> str:
    """The first part of the path, for the mark in the navigation."""
    return path.strip("/").split("/")[0]
