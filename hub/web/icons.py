# ruff: noqa: E501  # a drawing is one line
"""Small line drawings, put into the page itself: they take the text's colour and need no request.

Each is a 16×16 drawing of strokes. An icon never stands alone for a meaning; the words are beside it.
"""

from __future__ import annotations

from functools import cache

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

PATHS = {
    "alert": "M8 2 1.5 13.5h13zM8 6.5v3.2M8 11.6v.1",
    "arrow": "M3 8h10M9 4l4 4-4 4",
    "back": "M13 8H3M7 4 3 8l4 4",
    "bell": "M3.5 11.5c1.2-1 1-2.8 1.2-4.6a3.3 3.3 0 0 1 6.6 0c.2 1.8 0 3.6 1.2 4.6zM6.6 13.8c.6.7 2.2.7 2.8 0M8 2v1.4",
    "branch": "M5 3v10M5 9.5c4 0 6-1 6-4.5M3.4 3h3.2M3.4 13h3.2M9.4 4.9h3.2",
    "check": "M3 8.5 6.5 12 13 4.5",
    "clock": "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8M8 4.5V8l2.4 1.6",
    "comment": "M2.5 3.5h11v7.5h-6L4.5 13.5V11h-2z",
    "copy": "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
    "cross": "M4 4l8 8M12 4l-8 8",
    "eye": "M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6",
    "key": "M5 7.2a3 3 0 1 0 0 5.9 3 3 0 0 0 0-5.9M7.2 8 13.5 1.8M11 4.4l2 2",
    "language": "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8M2 8h12M8 2c-4.3 4-4.3 8 0 12M8 2c4.3 4 4.3 8 0 12",
    "lock": "M3.5 7.2h9v6.3h-9zM5.3 7V5a2.7 2.7 0 0 1 5.4 0v2",
    "menu": "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
    "merge": "M4.5 3v10M4.5 4c0 4 6 2.5 6 6.5M9 12l1.6-1.7L12.2 12",
    "moon": "M13 9.8A5.6 5.6 0 0 1 6.2 3 5.6 5.6 0 1 0 13 9.8",
    "person": "M8 2.2a2.6 2.6 0 1 0 0 5.2 2.6 2.6 0 0 0 0-5.2M2.8 13.8c.5-5 9.9-5 10.4 0",
    "pulse": "M1.5 8h3l2-4.5 3 9 2-4.5h3",
    "reply": "M6.5 4 2.5 8l4 4M2.5 8h7c2.5 0 4 1.5 4 4",
    "search": "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.4 10.4l3.1 3.1",
    "sun": "M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6M8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.1 1.1M11.9 11.9 13 13M13 3l-1.1 1.1M4.1 11.9 3 13",
    "theme": "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8M8 2v12M9.5 2.4v11.2M11.3 3.3v9.4M13 5v6",
}  # fmt: skip


@cache
def icon(name: str) -> SafeString:
    return format_html(
        '<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">'
        '<path d="{}"/></svg>',
        mark_safe(PATHS[name]),  # noqa: S308 -- a constant of this file
    )
