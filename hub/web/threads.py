"""Threads as pages show them: a remark, its answers, what it suggests, and what this reader may do about it.

Not in charge of any rule (`hub/pulls/threads.py`, `hub/suggesting.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from hub import speaking, suggesting
from hub.accounts.models import User
from hub.pulls import threads
from hub.pulls.models import Comment, PatchSet, PullRequest
from hub.pulls.queries import may_resolve
from hub.pulls.suggestions import Said, parse
from hub.web.acting import act, member_post
from hub.web.preferences import safe_next


@dataclass(frozen=True)
class Voice:
    """One remark of a thread."""

    comment: Comment
    said: Said
    may_apply: bool  # this reader could take over what it suggests

    @property
    def is_applied(self) -> bool:
        return bool(self.comment.applied_sha)


@dataclass(frozen=True)
class Thread:
    voices: list[Voice]  # the remark that began it, then the answers
    may_answer: bool
    may_resolve: bool

    @property
    def root(self) -> Comment:
        return self.voices[0].comment

    @property
    def is_resolved(self) -> bool:
        return self.root.resolved_at is not None

    @property
    def is_open(self) -> bool:
        """Stands on a line and is not resolved."""
        return bool(self.root.path) and not self.is_resolved


def threads_of(
    comments: Iterable[Comment], pull: PullRequest, current: PatchSet | None, reader: User
) -> list[Thread]:
    """The threads that these comments make, oldest first."""
    answers: dict[int, list[Comment]] = defaultdict(list)
    roots = []
    for comment in comments:
        roots += [comment] if comment.thread_id is None else []
        answers[comment.thread_id or 0].append(comment)
    known = reader.is_authenticated
    applies = reader.pk == pull.author_id and pull.state == PullRequest.State.OPEN
    return [
        Thread(
            [
                _voice(comment, applies and current is not None and root.patch_set_id == current.pk)
                for comment in (root, *answers[root.pk])
            ],
            may_answer=known and bool(root.path),
            may_resolve=known and bool(root.path) and may_resolve(root, pull, reader),
        )
        for root in roots
    ]


def _voice(comment: Comment, applies: bool) -> Voice:
    said = parse(comment.body)
    fits = said.suggestion is not None and comment.line is not None and comment.side == Comment.Side.NEW
    return Voice(comment, said, may_apply=applies and fits and not comment.applied_sha)


def to_apply(found: Iterable[Thread]) -> list[Comment]:
    """What this reader could take over at once: suggestions of threads that nobody has resolved."""
    open_ones = (thread for thread in found if thread.is_open)
    return [voice.comment for thread in open_ones for voice in thread.voices if voice.may_apply]


# What a reader can do here


@member_post
def answer(request: HttpRequest, comment_id: int) -> HttpResponse:
    remark = _remark(comment_id)
    body = request.POST.get("body", "")
    done = _("Your answer is on the page.")
    return act(
        request, lambda: speaking.reply(remark, request.user, body), done=done, back=_back(request, remark)
    )


@member_post
def resolve(request: HttpRequest, comment_id: int) -> HttpResponse:
    remark = _remark(comment_id)
    done = _("The thread is resolved.")
    return act(request, lambda: threads.resolve(remark, request.user), done=done, back=_back(request, remark))


@member_post
def unresolve(request: HttpRequest, comment_id: int) -> HttpResponse:
    remark = _remark(comment_id)
    done = _("The thread is open again.")
    return act(
        request, lambda: threads.unresolve(remark, request.user), done=done, back=_back(request, remark)
    )


@member_post
def apply(request: HttpRequest, pull_id: int) -> HttpResponse:
    """Take over the suggestions that are named."""
    pull = get_object_or_404(PullRequest.objects.select_related("task", "author"), pk=pull_id)
    named = [key for key in request.POST.getlist("comment") if key.isdecimal() and len(key) < 19]
    rows = Comment.objects.filter(pk__in=named, patch_set__pull=pull).select_related("author")
    done = _("Committed to your branch: it is the next patch set, and the judge has it.")
    page = reverse("web:pull", args=[pull.pk])
    return act(request, lambda: suggesting.apply(pull, request.user, list(rows)), done=done, back=page)


def _remark(comment_id: int) -> Comment:
    rows = Comment.objects.select_related("thread__patch_set__pull__task", "patch_set__pull__task")
    return get_object_or_404(rows, pk=comment_id)


def _back(request: HttpRequest, remark: Comment) -> str:
    """The page of the form, at the thread."""
    page = safe_next(request, request.POST.get("next")).partition("#")[0]
    return f"{page}#comment-{remark.thread_id or remark.pk}"
