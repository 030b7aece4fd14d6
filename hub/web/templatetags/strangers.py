"""Filters for what strangers wrote: names, remarks. Whatever leaves here is safe to look at and to print."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from hub.catalog.markup import render_markdown
from hub.web.plain import plain_line, plain_text

register = template.Library()


@register.filter
def plain(text: object) -> str:
    """A name on one line, without characters that act on the screen."""
    return plain_line(text)


@register.filter
def said(text: str) -> SafeString:
    """What a person wrote, as Markdown."""
    return render_markdown(plain_text(text))
