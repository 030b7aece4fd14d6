"""Writes about courses: publishing one, and that somebody has read a lesson."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from hub.accounts.models import User
from hub.audit.actions import record
from hub.catalog.actions import retire
from hub.catalog.models import Task
from hub.catalog.queries import spec_of
from hub.core import clock
from hub.core.errors import NotNow
from hub.learning.models import Course, Lesson, Progress
from tasks.spec import Course as Spec
from tasks.spec import Lesson as LessonSpec


@transaction.atomic
def publish_course(spec: Spec, by: User | None = None) -> Course:
    """Make the course and its lessons what the folder says; publishing it again changes nothing.

    A lesson that is no longer there goes, with who has read it; verdicts of its exercise stay.

    Raises:
        NotNow: the exercise of a lesson is not published.
    """
    columns = {
        "title_en": spec.title.en,
        "title_zh": spec.title.zh,
        "summary_en": spec.summary.en,
        "summary_zh": spec.summary.zh,
        "position": spec.order,
    }
    course, created = Course.objects.update_or_create(slug=spec.slug, defaults=columns)
    course.lessons.exclude(slug__in=[lesson.slug for lesson in spec.lessons]).delete()
    for position, lesson in enumerate(spec.lessons, 1):
        _publish_lesson(course, position, lesson)
    if created:
        record(by, "course.published", course, lessons=len(spec.lessons))
    return course


def _publish_lesson(course: Course, position: int, spec: LessonSpec) -> None:
    columns = {
        "position": position,
        "title_en": spec.title.en,
        "title_zh": spec.title.zh,
        "text_en": spec.text.en,
        "text_zh": spec.text.zh,
        "minutes": spec.minutes,
        "exercise": None,
        "target": None,
    }
    if spec.exercise:
        task = Task.objects.filter(slug=spec.slug, kind=Task.Kind.EXERCISE).select_related("current").first()
        if task is None or task.current is None:
            raise NotNow(f"tasks/courses/{course.slug}/{spec.slug}: this exercise is not published")
        target = spec_of(task.current).speed.target
        columns |= {"exercise": task, "target": target if target >= 1 else None}
    Lesson.objects.update_or_create(course=course, slug=spec.slug, defaults=columns)


@transaction.atomic
def retire_course(course: Course, by: User | None = None) -> None:
    """Take a course away, with who has read its lessons; its exercises are retired, their verdicts stay."""
    for exercise in Task.objects.filter(lesson__course=course):
        retire(exercise, by)
    record(by, "course.retired", course, slug=course.slug)
    course.delete()


def mark_read(lesson: Lesson, user: User) -> None:
    """Note that somebody has read a lesson without exercise; doing so again changes nothing.

    Raises:
        NotNow: the lesson has an exercise, and only a verdict on that counts.
    """
    if lesson.exercise_id is not None:
        raise NotNow(_("This lesson is done when its exercise has passed: push a solution."))
    Progress.objects.get_or_create(user=user, lesson=lesson, defaults={"at": clock.now()})
