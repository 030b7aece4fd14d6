"""Filters for what strangers wrote: names, remarks. Whatever leaves here is safe to look at and to print."""

from __future__ import annotations

from django import template
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from hub.catalog.markup import render_markdown
from hub.pulls.models import PatchSet
from hub.web.complaints import linked
from hub.web.diffs import line_anchor
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


@register.filter
def log_of(log: str, patch_set: PatchSet) -> SafeString:
    """A log whose places in the author's files lead to these lines in the changes."""
    pull = patch_set.pull
    page = reverse("web:pull_diff", args=[pull.pk])

    def address(name: str, line: int) -> str:
        path = f"solutions/{pull.author.username}/{name}"
        return f"{page}?{urlencode({'patch_set': patch_set.number, 'open': path})}#{line_anchor(path, line)}"

    return linked(log, address)
