"""The changes of a pull request, with comments on their lines, and the review box.

Not in charge of how a diff is laid out (`diffs.py`) nor of who may review (`hub/pulls`).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from hub import flow, speaking
from hub.bench.queries import last_log
from hub.boards.goals import shortfalls
from hub.core.errors import BadInput, NotAllowed, NotNow, Refusal
from hub.pulls.locks import lock_of
from hub.pulls.models import PatchSet, PullRequest, Review
from hub.pulls.queries import rows_of
from hub.repos.git import GitFailed
from hub.repos.queries import repository_of
from hub.web.acting import member_post
from hub.web.complaints import Complaint, complaints
from hub.web.diffs import Spot, changes, file_views, has_spot
from hub.web.plain import plain_line, plain_text
from hub.web.pulls import overview, watched_pull
from hub.web.threads import Thread, threads_of, to_apply

SPLIT = "split"  # side by side
logger = logging.getLogger(__name__)

DONE = {
    Review.Kind.APPROVE: gettext_lazy("Approved."),
    Review.Kind.CHANGES: gettext_lazy("Your wishes are on the page; it is the contributor's turn."),
    Review.Kind.COMMENT: gettext_lazy("Your comment is on the page."),
}


@require_safe
def diff_page(request: HttpRequest, pull_id: int) -> HttpResponse:
    return show(request, watched_pull(pull_id))


def show(
    request: HttpRequest, pull: PullRequest, *, written: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    """The page of changes; `written` is a form that was refused, so that its words are not lost."""
    rows = rows_of(pull)
    patch_sets = rows.patch_sets
    chosen = _numbered(patch_sets, request.GET.get("patch_set", "")) or patch_sets[-1]
    since = _numbered(patch_sets, request.GET.get("since", ""))
    view = SPLIT if request.GET.get("view") == SPLIT else ""
    threads = threads_of(rows.comments, pull, rows.current, request.user)
    if since is not None and since.number >= chosen.number:
        since = None
    shown = {
        **overview(request, rows),
        "patch_sets": patch_sets,
        "chosen": chosen,
        "since": since,
        "is_old": chosen.number != patch_sets[-1].number,
        "earlier": [row for row in patch_sets if row.number < chosen.number],
        "view": view,
        "here": _here(pull, chosen, since, view),
        "other_view": _here(pull, chosen, since, "" if view else SPLIT),
        "written": written or {},
        "open_before": [t for t in threads if t.is_open and t.root.patch_set.number < chosen.number],
        "to_apply": to_apply(threads) if chosen == rows.current else [],
    }
    if shown["why_not_review"] is None:
        replies = list(request.user.saved_replies.all())
        asked = request.GET.get("reply", "")
        reply = next((row.body for row in replies if str(row.pk) == asked), "")
        shown |= {"lock": lock_of(pull), "shortfalls": shortfalls(chosen), "replies": replies, "reply": reply}
    spot = (written or {}).get("spot") or request.GET.get("comment", "")
    own = [thread for thread in threads if thread.root.path and thread.root.patch_set_id == chosen.pk]
    shown |= _files(request, pull, chosen, since, spot, own)
    return render(request, "pulls/diff.html", shown, status=status)


@member_post
def comment(request: HttpRequest, pull_id: int) -> HttpResponse:
    """Say something about the pull request, or about a line when `spot` names one."""
    pull = watched_pull(pull_id)
    patch_set = _posted_patch_set(request, pull)
    body, text = request.POST.get("body", ""), request.POST.get("spot", "")
    spot = Spot.parse(text)
    try:
        if text and not _can_comment_at(pull, patch_set, spot):
            raise BadInput(_("“%(spot)s” is no line of this change.") % {"spot": plain_line(text)[:80]})
        where = {"path": spot.path, "side": spot.side, "line": spot.line} if spot else {}
        made = speaking.comment(patch_set, request.user, body, **where)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except (BadInput, NotNow) as refusal:
        return _again(request, pull, refusal, {"comment": body, "spot": text})
    except GitFailed:
        logger.exception("pull request %s: no diff of patch set %s", pull.pk, patch_set.number)
        return show(request, pull, written={"comment": body, "spot": text}, status=503)  # says whose fault
    back = _here(pull, patch_set) if spot else reverse("web:pull", args=[pull.pk])
    return HttpResponseRedirect(f"{back}#comment-{made.pk}")


@member_post
def review(request: HttpRequest, pull_id: int) -> HttpResponse:
    """Approve, ask for changes or comment; about the patch set that the reviewer had before their eyes."""
    pull = watched_pull(pull_id)
    patch_set = _posted_patch_set(request, pull)
    kind, body = request.POST.get("kind", ""), request.POST.get("body", "")
    back = reverse("web:pull", args=[pull.pk])
    try:
        flow.review(patch_set, request.user, kind, body)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    except (BadInput, NotNow) as refusal:
        return _again(request, pull, refusal, {"review": body, "kind": kind})
    messages.success(request, DONE[Review.Kind(kind)])
    return HttpResponseRedirect(back)


def _again(request: HttpRequest, pull: PullRequest, why: Refusal, written: dict[str, str]) -> HttpResponse:
    """The page once more with the reason and with what was written: nobody writes a review twice."""
    return show(request, pull, written={**written, "problem": str(why)}, status=422)


def _files(
    request: HttpRequest,
    pull: PullRequest,
    chosen: PatchSet,
    since: PatchSet | None,
    spot: str,
    threads: list[Thread],
) -> dict[str, Any]:
    form_at = Spot.parse(spot)
    try:
        found = changes(pull.task.slug, chosen, since)
    except GitFailed:
        if repository_of(pull.task.slug) is None:  # as of made-up tasks: nothing is at fault
            return {"has_no_repository": True, "files": []}
        # Our repository is at fault; the conversation is still there to be read.
        logger.exception("pull request %s: no diff of patch set %s", pull.pk, chosen.number)
        return {"is_broken": True, "files": []}
    opened, wrong = request.GET.get("open", ""), _complaints(pull, chosen)
    shown = file_views(found, threads, wrong, form_at, opened, old_side=since is None)
    return {"files": shown, "added": sum(f.added for f in found), "removed": sum(f.removed for f in found)}


def _complaints(pull: PullRequest, chosen: PatchSet) -> dict[str, list[Complaint]]:
    """What the compiler said of the last build, by path."""
    found: dict[str, list[Complaint]] = defaultdict(list)
    for complaint in complaints(plain_text(last_log(chosen))):
        found[f"solutions/{pull.author.username}/{complaint.path}"].append(complaint)
    return found


def _here(pull: PullRequest, chosen: PatchSet, since: PatchSet | None = None, view: str = "") -> str:
    """The page's address with the patch sets chosen, and how they are laid out."""
    asked: dict[str, object] = {"patch_set": chosen.number} | ({"since": since.number} if since else {})
    asked |= {"view": view} if view else {}
    return f"{reverse('web:pull_diff', args=[pull.pk])}?{urlencode(asked)}"


def _can_comment_at(pull: PullRequest, patch_set: PatchSet, spot: Spot | None) -> bool:
    return spot is not None and has_spot(changes(pull.task.slug, patch_set), spot)


def _posted_patch_set(request: HttpRequest, pull: PullRequest) -> PatchSet:
    number = request.POST.get("patch_set", "")
    rows = pull.patch_sets.filter(number=int(number)) if number.isdecimal() and len(number) < 9 else None
    return get_object_or_404(rows) if rows is not None else get_object_or_404(PatchSet, pk=0)


def _numbered(patch_sets: list[PatchSet], number: str) -> PatchSet | None:
    return next((row for row in patch_sets if str(row.number) == number), None)
