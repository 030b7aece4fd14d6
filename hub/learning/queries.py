"""Reads about courses: how far somebody is, what comes next, what a task requires.

An exercise is solved when a verdict on it counts as passed: on its check or, where it has a target, on a
timing whose whole interval reaches it. So progress is computed, for one person in three queries.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from bench_runner.contract import JobKind, Outcome
from hub.accounts.models import User
from hub.bench.models import Verdict
from hub.catalog.models import Task
from hub.catalog.queries import spec_of
from hub.learning.models import Course, Lesson, Progress
from hub.pulls.standing import counts, stands_as

TIMED = (JobKind.RANK, JobKind.CONFIRM)


@dataclass(frozen=True)
class Step:
    """A lesson as one person sees it."""

    lesson: Lesson
    done: bool


@dataclass(frozen=True)
class Standing:
    """How far a person is in a course; a stranger is at its beginning."""

    course: Course
    steps: tuple[Step, ...]

    @property
    def done(self) -> int:
        return sum(step.done for step in self.steps)

    @property
    def percent(self) -> int:
        return 100 * self.done // len(self.steps) if self.steps else 0

    @property
    def minutes(self) -> int:
        """That the lessons take which are left."""
        return sum(step.lesson.minutes for step in self.steps if not step.done)

    @property
    def exercises(self) -> int:
        return sum(step.lesson.exercise_id is not None for step in self.steps)

    @property
    def next(self) -> Lesson | None:
        """The first lesson that is not done; None when the course is."""
        return next((step.lesson for step in self.steps if not step.done), None)


@dataclass(frozen=True)
class Requirement:
    """A course or an exercise that a task asks for first. One of the two is set."""

    done: bool
    course: Course | None = None
    lesson: Lesson | None = None

    @property
    def title(self) -> str:
        found = self.course or self.lesson
        return found.title if found else ""


def courses() -> QuerySet[Course]:
    """All courses with their lessons, without the lessons' texts."""
    lessons = Lesson.objects.defer("text_en", "text_zh").order_by("position")
    return Course.objects.prefetch_related(Prefetch("lessons", lessons))


def standings(user: User | None) -> list[Standing]:
    """Every course, and how far this person is in it."""
    return _standings(list(courses()), user)


def standing(course: Course, user: User | None) -> Standing:
    return _standings(list(courses().filter(pk=course.pk)), user)[0]


def begun(user: User) -> list[Standing]:
    """The courses of which this person has done something."""
    return [found for found in standings(user) if found.done]


def lesson_of(task: Task) -> Lesson | None:
    """The lesson that an exercise belongs to."""
    return Lesson.objects.filter(exercise=task).select_related("course").first()


def lesson_after(lesson: Lesson) -> Lesson | None:
    """The one that follows in its course."""
    later = Lesson.objects.filter(course=lesson.course_id, position__gt=lesson.position)
    return later.select_related("course").order_by("position").first()


def is_solved(lesson: Lesson, user: User) -> bool:
    """Whether somebody has solved the exercise of a lesson."""
    return lesson.pk in _done([lesson], user)


def last_verdict(lesson: Lesson, user: User) -> Verdict | None:
    """The newest verdict on somebody's work on the exercise, with its pull request."""
    own = Verdict.objects.filter(
        counts("job__"), job__patch_set__pull__task=lesson.exercise_id, job__patch_set__pull__author=user
    )
    kept = own.select_related("job__patch_set__pull").defer("log", "cases", "environment")
    return kept.order_by("-at").first()


def requirements(task: Task, user: User | None) -> list[Requirement]:
    """What a task asks for before it is claimed, and what of that this person has done.

    A name that this hub does not know asks for nothing: that is a mistake of the task, not of the person.
    """
    names = spec_of(task.current).requires if task.current else ()
    if not names:
        return []
    found = {known.course.slug: known for known in standings(user)}
    steps = {
        step.lesson.slug: step for known in found.values() for step in known.steps if step.lesson.exercise_id
    }
    asked = []
    for name in names:
        if name in found:
            whole = found[name]
            asked.append(Requirement(whole.next is None, course=whole.course))
        elif name in steps:
            asked.append(Requirement(steps[name].done, lesson=steps[name].lesson))
    return asked


def why_not_begin(task: Task, user: User) -> str | None:
    """What this person must learn before they claim the task, as a sentence; None if nothing is left."""
    left = [asked for asked in requirements(task, user) if not asked.done]
    if not left:
        return None
    titles = _(", ").join(_("“%(title)s”") % {"title": asked.title} for asked in left)
    return _("This task asks for %(titles)s first: the page of the task leads you there.") % {
        "titles": titles
    }


def _standings(found: list[Course], user: User | None) -> list[Standing]:
    lessons = [lesson for course in found for lesson in course.lessons.all()]
    done = _done(lessons, user) if user is not None and user.is_authenticated else set[int]()
    standings = []
    for course in found:
        for lesson in course.lessons.all():
            lesson.course = course  # known already; saves a query for each address
        steps = tuple(Step(lesson, lesson.pk in done) for lesson in course.lessons.all())
        standings.append(Standing(course, steps))
    return standings


def _done(lessons: list[Lesson], user: User) -> set[int]:
    """Of these lessons the keys of those that a person has done."""
    by_task = {lesson.exercise_id: lesson for lesson in lessons if lesson.exercise_id is not None}
    read = Progress.objects.filter(user=user, lesson__in=lessons, lesson__exercise=None)
    done = set(read.values_list("lesson", flat=True))
    for task, kind, low in _passed(user, list(by_task)):
        target = by_task[task].target
        reached = target is None or (kind in TIMED and low is not None and low >= target)
        if reached:
            done.add(by_task[task].pk)
    return done


def _passed(user: User, tasks: list[int]) -> list[tuple[int, str, float | None]]:
    """Of each verdict on somebody's work that counts as passed: task, kind of job, lower end of the ratio."""
    if not tasks:
        return []
    rows = Verdict.objects.filter(
        counts("job__"),
        outcome__in=(Outcome.PASSED, Outcome.SUSPICIOUS),
        job__patch_set__pull__author=user,
        job__patch_set__pull__task__in=tasks,
    ).order_by("rulings__pk")
    columns = ("job__patch_set__pull__task", "job__kind", "low", "pk", "outcome", "rulings__kind")
    last = {}  # of a verdict with several rulings the last one tells
    for task, kind, low, pk, outcome, ruling in rows.values_list(*columns):
        last[pk] = (task, kind, low, stands_as(outcome, ruling))
    return [(task, kind, low) for task, kind, low, stands in last.values() if stands == Outcome.PASSED]
