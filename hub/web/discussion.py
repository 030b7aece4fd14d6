"""The discussion on a task's page: saying something, replying, hiding what does not belong there."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from hub import speaking
from hub.catalog.models import Task
from hub.community import actions
from hub.community.models import Post
from hub.core.errors import BadInput, NotNow
from hub.web import tasks
from hub.web.acting import act, member_post


@member_post
def say(request: HttpRequest, slug: str) -> HttpResponse:
    """Begin a thread, or with `thread` reply in one. What was typed is not lost when it is refused."""
    task = get_object_or_404(Task.objects.select_related("current"), slug=slug)
    body, given = request.POST.get("body", ""), request.POST.get("thread", "")
    thread = get_object_or_404(task.posts, pk=given) if given.isdecimal() and len(given) < 18 else None
    try:
        post = speaking.say(task, request.user, body, thread)
    except (BadInput, NotNow) as refusal:
        written = {"body": body, "thread": thread and thread.pk, "problem": str(refusal)}
        return tasks.show(request, task, written=written, status=422)
    return HttpResponseRedirect(_place(post))


@member_post
def hide(request: HttpRequest, post_id: int) -> HttpResponse:
    post = _post(post_id)
    return act(
        request,
        lambda: actions.hide(post, request.user, request.POST.get("why", "")),
        done=_("It is hidden."),
        back=_place(post),
    )


@member_post
def show(request: HttpRequest, post_id: int) -> HttpResponse:
    post = _post(post_id)
    return act(
        request, lambda: actions.show(post, request.user), done=_("It is shown again."), back=_place(post)
    )


def _post(post_id: int) -> Post:
    return get_object_or_404(Post.objects.select_related("task"), pk=post_id)


def _place(post: Post) -> str:
    return f"{reverse('web:task', args=[post.task.slug])}#post-{post.pk}"
