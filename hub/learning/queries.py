"""Reads about courses: how far somebody is, what comes next, what a task requires.

An exercise is solved when a verdict on it counts as passed: on its check or, where it has a target, on a
timing whose whole interval reaches it. So progress is computed, for one person in two queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from bench_runner.contract import JobKind, Outcome
from hub.accounts.models import User
from hub.bench.models import Verdict
from hub.catalog.models import Task
from hub.catalog.queries import spec_of
from hub.core.prepared import prepared
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


def standings(user: User | None) -> list[Standing]:
    """Every course, and how far this person is in it."""
    return _standings(_lessons(_key_of(user)), user)


def standing(course: Course, user: User | None) -> Standing:
    found = _standings(_lessons_of(course.pk, _key_of(user)), user)
    return found[0] if found else Standing(course, ())


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
    return lesson.pk in _solved([lesson], user)


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


def why_not_begin(task: Task, user: User, asked: list[Requirement] | None = None) -> str | None:
    """What this person must learn before they claim the task, as a sentence; None if nothing is left.

    `asked`: the requirements, if the caller has read them.
    """
    left = [one for one in (requirements(task, user) if asked is None else asked) if not one.done]
    if not left:
        return None
    titles = _(", ").join(_("“%(title)s”") % {"title": one.title} for one in left)
    return _("This task asks for %(titles)s first: the page of the task leads you there.") % {
        "titles": titles
    }


def _standings(lessons: list[Any], user: User | None) -> list[Standing]:
    """In two queries with the one for the lessons: what this person has passed."""
    solved = _solved(lessons, user) if user is not None and user.is_authenticated else set[int]()
    steps: dict[Course, list[Step]] = {}
    for lesson in lessons:
        done = lesson.pk in solved if lesson.exercise_id else lesson.was_read
        steps.setdefault(lesson.course, []).append(Step(lesson, done))
    return [Standing(course, tuple(own)) for course, own in steps.items()]


def _key_of(user: User | None) -> int:
    """0 for a stranger, who has read nothing."""
    return user.pk or 0 if user else 0


@prepared
def _lessons(reader: int) -> QuerySet[Lesson]:
    return _all_lessons(reader)


@prepared
def _lessons_of(course: int, reader: int) -> QuerySet[Lesson]:
    return _all_lessons(reader).filter(course=course)


def _all_lessons(reader: int) -> QuerySet[Lesson]:
    """With their courses; `was_read` says whether the person with this key has read it."""
    read = Progress.objects.filter(lesson=OuterRef("pk"), user=reader)
    rows = Lesson.objects.select_related("course").annotate(was_read=Exists(read))
    return rows.defer("text_en", "text_zh").order_by("course__position", "course__slug", "position")


def _solved(lessons: Sequence[Lesson], user: User) -> set[int]:
    """Of these lessons the keys of those whose exercise a person has solved."""
    by_task = {lesson.exercise_id: lesson for lesson in lessons if lesson.exercise_id is not None}
    solved = set()
    for task, kind, low in _passed(user, list(by_task)):
        target = by_task[task].target
        if target is None or (kind in TIMED and low is not None and low >= target):
            solved.add(by_task[task].pk)
    return solved


def _passed(user: User, tasks: list[int]) -> list[tuple[int, str, float | None]]:
    """Of each verdict on somebody's work that counts as passed: task, kind of job, lower end of the ratio."""
    last = {}  # of a verdict with several rulings the last one tells
    for task, kind, low, pk, outcome, ruling in _verdicts(user.pk, tasks):
        last[pk] = (task, kind, low, stands_as(outcome, ruling))
    return [(task, kind, low) for task, kind, low, stands in last.values() if stands == Outcome.PASSED]


@prepared
def _verdicts(author: int, tasks: list[int]) -> QuerySet[Verdict, Any]:
    rows = Verdict.objects.filter(
        counts("job__"),
        outcome__in=(Outcome.PASSED, Outcome.SUSPICIOUS),
        job__patch_set__pull__author=author,
        job__patch_set__pull__task__pk__in=tasks,
    ).order_by("rulings__pk")
    columns = ("job__patch_set__pull__task", "job__kind", "low", "pk", "outcome", "rulings__kind")
    return rows.values_list(*columns)
