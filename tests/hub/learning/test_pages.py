"""The pages of courses and lessons, as a stranger and as a learner, in both languages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hub.catalog.models import Task
from hub.learning import queries
from hub.learning.models import Course, Progress
from tests import people
from tests.hub.learning.conftest import FAST
from tests.hub.story import Story
from tests.hub.web.conftest import LANGUAGES, Visitor
from tests.hub.web.markup import problems

LESSON = f"/learn/first-operator/{FAST}/"
READING = "/learn/first-operator/where-time-goes/"
PAGES = ("/learn/", "/learn/first-operator/", LESSON, READING)
MOST_QUERIES = 15


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_answers_everybody_well_formed_in_few_queries(
    course: Course, learner_story: Story, cast: people.Cast, language: str
) -> None:
    learner_story.worker()
    learner_story.push(cast.alice)
    learner_story.run_all(ratio=3.0)
    for who in (None, cast.alice):
        visitor = Visitor(who, language)
        for path in PAGES:
            with CaptureQueriesContext(connection) as asked:
                page = visitor.get(path)
            assert problems(page) == [], path
            assert len(asked) <= MOST_QUERIES, path
            assert ("你的第一个算子" in page) == (language == "zh-hans"), path


def test_the_pages_that_show_progress_stay_quick(
    course: Course, learner_story: Story, cast: people.Cast
) -> None:
    learner_story.worker()
    learner_story.push(cast.alice)
    learner_story.run_all(ratio=3.0)
    visitor = Visitor(cast.alice)
    asked = {}
    for path in ("/", "/people/alice/", f"/tasks/{FAST}/"):
        with CaptureQueriesContext(connection) as queries_of:
            visitor.get(path)
        asked[path] = len(queries_of)
    assert all(number <= MOST_QUERIES for number in asked.values()), asked


def test_without_courses_the_list_says_how_to_add_one(db: None) -> None:
    assert "A course is a folder under tasks/courses/." in Visitor(None).get("/learn/")


def test_a_lesson_shows_its_maths_its_code_and_the_commands_of_its_exercise(
    course: Course, cast: people.Cast
) -> None:
    page = Visitor(cast.bob).get(LESSON)
    assert "<math" in page
    assert 'class="kt">float</span>' in page
    assert f"git clone http://127.0.0.1:8000/git/{FAST}.git\ncd {FAST}" in page
    assert "git push origin HEAD:bob/first-try" in page
    assert "is at 1.50× of the baseline or above" in page


def test_a_read_lesson_leads_to_the_next(course: Course, cast: people.Cast) -> None:
    visitor = Visitor(cast.alice)
    assert "I have read it: next lesson" in visitor.get(READING)
    page = visitor.send(f"{READING}read/")
    assert "“Where the time goes” is done." in page
    assert "<h1>Loops in the order of memory</h1>" in page
    assert "I have read it" not in visitor.get(READING)


def test_a_stranger_logs_in_before_reading_counts(course: Course) -> None:
    answer = Visitor(None).post(f"{READING}read/")
    assert answer.headers["location"].startswith("/login/?next=")
    assert not Progress.objects.exists()


def test_an_exercise_cannot_be_marked_as_read(course: Course, cast: people.Cast) -> None:
    page = Visitor(cast.alice).send(f"{LESSON}read/")
    assert "This lesson is done when its exercise has passed: push a solution." in page


def test_the_last_verdict_and_the_next_step_follow_the_learner(
    course: Course, learner_story: Story, cast: people.Cast
) -> None:
    learner_story.worker()
    visitor = Visitor(cast.alice)
    pull = learner_story.push(cast.alice).pull
    learner_story.run_all(ratio=1.2)
    assert "the timing must reach 1.50× of the baseline" in visitor.get(LESSON)
    page = visitor.get(f"/pulls/{pull.pk}/")
    assert "This is the exercise of <a" in page
    assert "when its whole interval is at 1.50× of the baseline" in page
    learner_story.push(cast.alice)
    learner_story.run_all(ratio=3.0)
    assert "solved" in visitor.get(LESSON)
    page = visitor.get(f"/pulls/{pull.pk}/")
    assert "is solved." in page
    assert "You have done the last lesson" in page
    for path in ("/", "/people/alice/"):
        page = visitor.get(path)
        assert "Your first operator: from NumPy to SIMD" in page
        assert "1 of 2 lessons" in page
    assert "The next lesson: Where the time goes." in visitor.get("/")


def test_an_exercise_is_on_no_list_and_its_page_leads_to_the_lesson(
    course: Course, cast: people.Cast
) -> None:
    assert FAST not in Visitor(None).get("/tasks/")
    page = Visitor(None).get(f"/tasks/{FAST}/")
    assert f'This is the exercise of a lesson of “{course.title}”: <a href="{LESSON}">' in page
    assert 'id="board"' not in page


def test_the_page_of_a_task_says_what_it_asks_for_first(
    course: Course, cast: people.Cast, make_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_task("row-softmax")
    asked = queries.Requirement(False, lesson=course.lessons.select_related("course").get(slug=FAST))
    for module in ("hub.web.tasks", "hub.learning.queries"):
        monkeypatch.setattr(f"{module}.requirements", lambda task, user: [asked])
    page = Visitor(cast.alice).get("/tasks/row-softmax/")
    assert f'<a href="{LESSON}#exercise">Loops in the order of memory</a>' in page
    assert "Claim this task" not in page
    page = Visitor(cast.alice).send("/tasks/row-softmax/claim/")
    assert "This task asks for “Loops in the order of memory” first" in page
