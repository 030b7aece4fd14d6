"""`{% url %}` with a memory: an address is worked out once, not once for each row that leads there.

In every template (`settings.TEMPLATES`). Addresses depend on nothing but name and arguments here: neither on
the language nor on the page that asks, and the site stands at the root of its host.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django import template
from django.template.base import Parser, Token
from django.template.context import Context
from django.template.defaulttags import URLNode
from django.template.defaulttags import url as parsed
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString

MOST = 10_000

register = template.Library()


@lru_cache(MOST)
def address(name: str, *arguments: Any) -> SafeString:
    """Of a page by its name in `urls.py` and what stands in it, escaped for HTML."""
    return escape(reverse(name, args=arguments))


class Address(URLNode):
    def render(self, context: Context) -> str:
        if self.kwargs or self.asvar:
            return super().render(context)
        return address(self.view_name.resolve(context), *(one.resolve(context) for one in self.args))


@register.tag
def url(parser: Parser, token: Token) -> Address:
    found = parsed(parser, token)
    return Address(found.view_name, found.args, found.kwargs, found.asvar)
