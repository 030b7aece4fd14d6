"""Courses: what is done is told by verdicts, what was read by rows; what is learnt opens tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
import pytest_django
from django.core.management import CommandError, call_command

from hub import flow, studying
from hub.bench.models import Job
from hub.catalog.models import Task
from hub.catalog.queries import published_tasks
from hub.claims.models import Claim
from hub.claims.queries import live_claim
from hub.core.errors import NotNow
from hub.learning import actions, queries
from hub.learning.models import Course, Lesson, Progress
from hub.pulls import queries as pulls
from hub.pulls.desk import desk
from hub.rewards.queries import points_of
from hub.rulings.models import Ruling
from tasks.spec import Course as CourseSpec
from tests import people
from tests.hub.learning.conftest import FAST
from tests.hub.story import Story


def done(course: Course, who: object) -> list[str]:
    return [step.lesson.slug for step in queries.standing(course, who).steps if step.done]


def test_a_push_that_reaches_the_target_does_the_lesson_and_pays_its_point_once(
    course: Course, learner_story: Story, cast: people.Cast
) -> None:
    learner_story.worker()
    pull = learner_story.push(cast.alice).pull
    check, *_ = learner_story.live()
    learner_story.run(check)
    assert done(course, cast.alice) == []  # right, but this exercise is about speed
    learner_story.run_all(ratio=1.51)  # its interval, of 2 % to each side, crosses the target
    assert done(course, cast.alice) == []
    assert points_of(cast.alice) == 0
    for _ in range(2):
        learner_story.push(cast.alice)
        learner_story.run_all(ratio=3.0)
    assert done(course, cast.alice) == [FAST]
    assert done(course, cast.bob) == []
    assert points_of(cast.alice) == learner_story.task.points == 1
    assert live_claim(learner_story.task, cast.alice) is None
    assert set(Claim.objects.values_list("state", flat=True)) == {"fulfilled"}
    assert pulls.stage(pull) is pulls.Stage.PASSED


def test_where_speed_does_not_count_a_passed_check_is_enough(
    course: Course, learner_story: Story, cast: people.Cast
) -> None:
    Lesson.objects.filter(slug=FAST).update(target=None)
    learner_story.worker()
    learner_story.push(cast.alice)
    learner_story.run(learner_story.live()[0])
    assert done(course, cast.alice) == [FAST]


def test_a_suspicious_verdict_counts_once_a_maintainer_has_cleared_it(
    course: Course, learner_story: Story, cast: people.Cast
) -> None:
    Lesson.objects.filter(slug=FAST).update(target=None)
    learner_story.worker()
    learner_story.push(cast.alice)
    verdict = learner_story.run(learner_story.live()[0], "suspicious")
    assert done(course, cast.alice) == []
    flow.rule(verdict, cast.max, Ruling.Kind.CLEAR, "A false alarm.")
    assert done(course, cast.alice) == [FAST]
    flow.rule(verdict, cast.max, Ruling.Kind.UPHOLD, "It reads the clock of the judge.")
    assert done(course, cast.alice) == []


def test_learners_who_write_the_same_are_not_held_nor_confirmed_nor_on_a_mentors_desk(
    course: Course, learner_story: Story, cast: people.Cast
) -> None:
    learner_story.worker()
    files = {"solution.c": b"int a[9];\n" * 400}
    for who in (cast.alice, cast.bob):
        learner_story.push(who, files=files)
        learner_story.run_all(ratio=3.0)
    assert not Ruling.objects.exists()
    assert not Job.objects.filter(kind="confirm").exists()
    assert [row for row in desk(cast.mei) if row.pull] == []
    assert done(course, cast.bob) == [FAST]


def test_an_exercise_is_neither_reviewed_nor_merged(
    course: Course, learner_story: Story, cast: people.Cast
) -> None:
    learner_story.worker()
    pull = learner_story.push(cast.alice).pull
    learner_story.run_all(ratio=3.0)
    assert pulls.why_not_review(pull, cast.mei) == (
        "The judge alone grades an exercise. You are welcome to comment."
    )
    assert pulls.why_not_merge(pull, cast.max) == "An exercise is not merged: its verdict is what counts."


def test_exercises_are_not_among_the_tasks(course: Course, make_task: Callable[..., Task]) -> None:
    make_task("vector-add")
    assert [task.slug for task in published_tasks()] == ["vector-add"]


def test_a_lesson_without_exercise_is_done_when_somebody_has_read_it(
    course: Course, cast: people.Cast
) -> None:
    lesson = course.lessons.get(slug="where-time-goes")
    for _ in range(2):
        actions.mark_read(lesson, cast.alice)
    assert Progress.objects.count() == 1
    standing = queries.standing(course, cast.alice)
    assert (standing.done, standing.percent, standing.next.slug) == (1, 50, FAST)


def test_a_lesson_with_an_exercise_cannot_be_marked_as_read(course: Course, cast: people.Cast) -> None:
    with pytest.raises(NotNow, match="done when its exercise has passed"):
        actions.mark_read(course.lessons.get(slug=FAST), cast.alice)


def test_publishing_again_changes_nothing_and_a_lesson_that_is_gone_goes(
    course: Course, spec: CourseSpec, cast: people.Cast
) -> None:
    actions.mark_read(course.lessons.get(slug="where-time-goes"), cast.alice)
    actions.publish_course(spec)
    assert done(course, cast.alice) == ["where-time-goes"]
    actions.publish_course(dataclasses.replace(spec, lessons=spec.lessons[1:]))
    assert [lesson.slug for lesson in course.lessons.all()] == [FAST]


def test_a_course_whose_exercise_is_not_published_is_refused(db: None, spec: CourseSpec) -> None:
    with pytest.raises(NotNow, match=f"courses/first-operator/{FAST}: this exercise is not published"):
        actions.publish_course(spec)
    assert not Course.objects.exists()


def test_a_course_goes_when_its_folder_has_gone_and_what_was_earned_stays(
    course: Course, learner_story: Story, cast: people.Cast, settings: pytest_django.Settings, tmp_path: Path
) -> None:
    learner_story.worker()
    learner_story.push(cast.alice)
    learner_story.run_all(ratio=3.0)
    with pytest.raises(CommandError, match="would be published again: delete the folder first"):
        call_command("retire_course", "first-operator")
    settings.TASKS_DIR = tmp_path
    call_command("retire_course", "first-operator", stdout=StringIO())
    assert not Course.objects.exists()
    assert Task.objects.get(slug=FAST).state == Task.State.RETIRED
    assert points_of(cast.alice) == 1
    with pytest.raises(CommandError, match="No course 'first-operator'; there are: none"):
        call_command("retire_course", "first-operator")


@pytest.mark.parametrize("name", ["first-operator", FAST])
def test_a_task_that_asks_for_a_course_or_an_exercise_is_claimed_once_it_is_done(
    course: Course, learner_story: Story, cast: people.Cast, make_task: Callable[..., Task],
    monkeypatch: pytest.MonkeyPatch, name: str,
) -> None:  # fmt: skip
    task = make_task("row-softmax")
    spec = dataclasses.replace(queries.spec_of(task.current), requires=(name, "no-such-course"))
    monkeypatch.setattr(queries, "spec_of", lambda revision: spec)
    with pytest.raises(NotNow, match=r"This task asks for “.+” first"):
        studying.claim(task, cast.alice)
    learner_story.worker()
    learner_story.push(cast.alice)
    learner_story.run_all(ratio=3.0)
    if name == course.slug:
        with pytest.raises(NotNow):
            studying.claim(task, cast.alice)
        actions.mark_read(course.lessons.get(slug="where-time-goes"), cast.alice)
    assert studying.claim(task, cast.alice).state == Claim.State.ACTIVE
