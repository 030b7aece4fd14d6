"""What every POST of a page has in common: who may send it, how a refusal is said, where the reader lands."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from hub.core.errors import NotAllowed, Refusal
from hub.repos.git import GitFailed
from hub.web.preferences import safe_next

log = logging.getLogger(__name__)

# Fields of forms in which people write sentences.
WORDS = ("about_en", "about_zh", "body", "decision", "hand_over", "note", "reason", "text", "why")


def member_post(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Only POST and only signed in. A stranger logs in first and comes back to the page of the form."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        back = safe_next(request, request.headers.get("referer"))
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': back})}")

    return require_POST(checked)


def act(request: HttpRequest, action: Callable[[], Any], *, done: str, back: str) -> HttpResponse:
    """Carry `action` out and go `back` with a sentence: `done`, or why it was refused and what was written.

    Raises:
        PermissionDenied: the person may not do this; answered with 403 and the sentence.
    """
    try:
        action()
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except Refusal as refusal:
        messages.error(request, _refused(request, str(refusal)))
    except GitFailed:
        log.exception("%s: git failed", request.path)
        sentence = _("Our git repository failed; it is not your doing. Nothing was changed.")
        messages.error(request, _refused(request, sentence))
    else:
        messages.success(request, done)
    return HttpResponseRedirect(back)


def _refused(request: HttpRequest, sentence: str) -> str:
    """The sentence, and the words of the form, to be mended and sent again."""
    written = [words for name in WORDS if (words := request.POST.get(name, "").strip())]
    if not written:
        return sentence
    label, text = _("What you wrote"), "\n\n".join(written)
    kept = '{}<label class="written">{}<textarea rows="3" readonly>\n{}</textarea></label>'
    return format_html(kept, sentence, label, text)
