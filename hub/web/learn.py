"""Courses, one course, one lesson with its exercise; marking a lesson as read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.catalog.markup import render_markdown
from hub.catalog.queries import spec_of, statement_html
from hub.learning import actions, queries
from hub.learning.models import Course, Lesson
from hub.learning.queries import Standing
from hub.web.acting import act, member_post
from hub.web.tasks import commands


@require_safe
def course_list(request: HttpRequest) -> HttpResponse:
    return render(request, "learn/list.html", {"standings": queries.standings(request.user)})


@require_safe
def course_page(request: HttpRequest, slug: str) -> HttpResponse:
    course = get_object_or_404(Course, slug=slug)
    return render(request, "learn/course.html", {"standing": queries.standing(course, request.user)})


@require_safe
def lesson_page(request: HttpRequest, slug: str, lesson: str) -> HttpResponse:
    found = _lesson(slug, lesson)
    standing = queries.standing(found.course, request.user)
    shown = {
        "lesson": found,
        "standing": standing,
        "text": render_markdown(found.text),
        **_place(standing, found),
        **(_exercise(request, found) if found.exercise else {}),
    }
    return render(request, "learn/lesson.html", shown)


@member_post
def mark_read(request: HttpRequest, slug: str, lesson: str) -> HttpResponse:
    found = _lesson(slug, lesson)
    after = _place(queries.standing(found.course, None), found)["after"]
    if after is None:
        back = reverse("web:course", args=[slug])
    else:
        back = reverse("web:lesson", args=[slug, after.slug])
    return act(
        request,
        lambda: actions.mark_read(found, request.user),
        done=_("“%(lesson)s” is done.") % {"lesson": found.title},
        back=back,
    )


def _lesson(slug: str, lesson: str) -> Lesson:
    rows = Lesson.objects.select_related("course", "exercise__current")
    return get_object_or_404(rows, course__slug=slug, slug=lesson)


def _place(standing: Standing, lesson: Lesson) -> dict[str, Any]:
    """The lessons before and after this one, and whether it is done."""
    steps = list(standing.steps)
    at = [step.lesson.pk for step in steps].index(lesson.pk)
    return {
        "done": steps[at].done,
        "before": steps[at - 1].lesson if at else None,
        "after": steps[at + 1].lesson if at + 1 < len(steps) else None,
    }


def _exercise(request: HttpRequest, lesson: Lesson) -> dict[str, Any]:
    task = lesson.exercise
    spec = spec_of(task.current)
    user = request.user
    return {
        "task": task,
        "spec": spec,
        "statement": statement_html(task.current, get_language() or "en"),
        "commands": commands(task, spec, user.username or "<username>"),
        "verdict": queries.last_verdict(lesson, user) if user.is_authenticated else None,
    }
