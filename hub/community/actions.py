"""Writes about discussions: saying something, hiding it, showing it again."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog.models import Task
from hub.community import queries
from hub.community.models import Post
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow

BODY_LONGEST = 10_000  # characters
POSTS_AN_HOUR = 20  # of a person, on all tasks
WHY_LONGEST = 200


def say(task: Task, author: User, body: str, thread: Post | None = None) -> Post:
    """Begin a thread on a task, or say something in one; a reply to a reply joins the same thread.

    Raises:
        BadInput: empty, too long, or a thread of another task.
        NotNow: too much within the hour.
    """
    body = body.replace("\r\n", "\n").strip()
    if not body:
        raise BadInput(_("There is no text: write what you want to ask or tell."))
    if len(body) > BODY_LONGEST:
        raise BadInput(
            _("The text has %(length)s characters: at most %(most)s fit.")
            % {"length": len(body), "most": BODY_LONGEST}
        )
    if thread is not None and thread.task_id != task.pk:
        raise BadInput(_("That thread belongs to another task."))
    since = clock.now() - timedelta(hours=1)
    if Post.objects.filter(author=author, at__gt=since).count() >= POSTS_AN_HOUR:
        raise NotNow(
            _("You have said %(most)s things within an hour: go on a little later.") % {"most": POSTS_AN_HOUR}
        )
    start = thread and (thread.thread or thread)
    post = Post.objects.create(task=task, author=author, thread=start, body=body, at=clock.now())
    record(author, "post.said", post, task=task.slug)
    return post


def hide(post: Post, by: User, why: str = "") -> None:
    """Hide what somebody said; its place stays, with who hid it and why.

    Raises:
        NotAllowed: neither its author nor a mentor of the task nor a maintainer.
        BadInput: somebody else's, and no reason given.
        NotNow: it is hidden already.
    """
    if not queries.may_hide(post, by):
        raise NotAllowed(_("Only its author, a mentor of the task or a maintainer hides a post."))
    why = " ".join(why.split())[:WHY_LONGEST]
    if not why and by.pk != post.author_id:
        raise BadInput(_("Say why you hide it: its author reads the reason."))
    shown = Post.objects.filter(pk=post.pk, hidden_at=None)
    if not shown.update(hidden_at=clock.now(), hidden_by=by, hidden_why=why):
        raise NotNow(_("It is hidden already."))
    record(by, "post.hidden", post, why=why)


def show(post: Post, by: User) -> None:
    """Show it again.

    Raises:
        NotAllowed: the person may not; what a moderator hid its author cannot bring back.
        NotNow: it is not hidden.
    """
    if not queries.may_show(post, by):
        raise NotAllowed(_("Only who may moderate this discussion shows it again."))
    hidden = Post.objects.filter(pk=post.pk, hidden_at__isnull=False)
    if not hidden.update(hidden_at=None, hidden_by=None, hidden_why=""):
        raise NotNow(_("It is not hidden."))
    record(by, "post.shown", post)
