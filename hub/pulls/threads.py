"""Writes about threads: an answer, and whether what was remarked on is done with.

Not in charge of remarks themselves (`actions.py`) nor of taking over what they suggest (`hub/suggesting.py`).
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.pulls import actions, queries
from hub.pulls.models import Comment


def answer(remark: Comment, author: User, body: str) -> Comment:
    """Say something in the thread of a remark on a line.

    Raises:
        NotAllowed, NotNow: as `actions.comment`.
        BadInput: empty or too long, or the remark stands on no line.
    """
    first = _thread_of(remark)
    return actions.comment(first.patch_set, author, body, first.path, first.side, first.line, thread=first)


def resolve(remark: Comment, by: User) -> None:
    """Say that what was remarked on is done with.

    Raises:
        NotAllowed: neither the author of the work or of the remark, nor a mentor; or it is hidden from them.
        NotNow: somebody was first.
        BadInput: it stands on no line.
    """
    first = _may_resolve(remark, by)
    open_ones = Comment.objects.filter(pk=first.pk, resolved_at=None)
    with transaction.atomic():
        if open_ones.update(resolved_at=clock.now(), resolved_by=by) != 1:
            raise NotNow(_("This thread is resolved already."))
        record(by, "thread.resolved", first, pull=first.patch_set.pull_id)


def unresolve(remark: Comment, by: User) -> None:
    """Take that back; raises what `resolve` raises."""
    first = _may_resolve(remark, by)
    done = Comment.objects.filter(pk=first.pk, resolved_at__isnull=False)
    with transaction.atomic():
        if done.update(resolved_at=None, resolved_by=None) != 1:
            raise NotNow(_("This thread is open already."))
        record(by, "thread.opened", first, pull=first.patch_set.pull_id)


def _may_resolve(remark: Comment, by: User) -> Comment:
    first = _thread_of(remark)
    if (why := queries.why_not_see(first.patch_set.pull, by)) is not None:
        raise NotAllowed(why)
    if not queries.may_resolve(first, first.patch_set.pull, by):
        raise NotAllowed(
            _("Only the author of the work, whoever made the remark, or a mentor resolves a thread.")
        )
    return first


def _thread_of(remark: Comment) -> Comment:
    first = remark.thread or remark
    if not first.path:
        raise BadInput(_("This remark stands on no line: answer it in the conversation."))
    return first
