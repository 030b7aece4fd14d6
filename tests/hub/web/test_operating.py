"""Operators add workers, pause, drain and resume them on the pages; nobody else does."""

from __future__ import annotations

import re

import pytest

from hub.accounts.models import User
from hub.audit.models import Event
from hub.bench import operating, queries
from hub.bench.models import Job, Worker
from tests import people
from tests.hub.story import Story
from tests.hub.web import scenes
from tests.hub.web.conftest import LANGUAGES, Visitor
from tests.hub.web.markup import problems

ACTIONS = ("pause", "resume", "token")


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_user(username="olga", is_operator=True)


def test_only_operators_and_maintainers_send_the_forms(story: Story, cast: people.Cast) -> None:
    page = f"/workers/{story.worker().pk}/"
    before = Worker.objects.values().get()
    for person in (cast.alice, cast.mei):
        assert "Operate it" not in Visitor(person).get(page)
        for action in ACTIONS:
            assert Visitor(person).post(f"{page}{action}/", {"why": "fun"}).status_code == 403
        assert Visitor(person).post("/workers/add/", {"name": "rack-7"}).status_code == 403
    assert Visitor(None).post(f"{page}pause/").headers["location"].startswith("/login/")
    assert Worker.objects.values().get() == before


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_worker_is_added_with_one_command_that_is_shown_once(operator: User, language: str) -> None:
    olga = Visitor(operator, language)
    assert 'action="/workers/add/"' in olga.get("/workers/")
    answer = olga.post("/workers/add/", {"name": "rack-7"})
    page = answer.content.decode()
    worker = Worker.objects.get(name="rack-7")
    (token,) = re.findall(r"WORKER_TOKEN=(tsw_[\w-]+) python -m bench_runner worker", page)
    assert queries.worker_by_token(token) == worker
    assert answer.headers["cache-control"].startswith("max-age=0")
    assert problems(page) == []
    assert "WORKER_TOKEN" not in olga.get(f"/workers/{worker.pk}/")
    assert token not in str(list(Event.objects.values()))


def test_a_name_in_use_is_refused_and_its_token_still_counts(operator: User) -> None:
    _worker, token = operating.add_worker("rack-7", operator)
    page = Visitor(operator).send("/workers/add/", {"name": "rack-7"})
    assert "There is a worker named “rack-7” already" in page
    assert queries.worker_by_token(token) is not None
    assert "cannot be a worker&#x27;s name" in Visitor(operator).send("/workers/add/", {"name": "../x"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_pause_and_resume(story: Story, operator: User, language: str) -> None:
    worker = story.worker()
    olga, page = Visitor(operator, language), f"/workers/{worker.pk}/"
    olga.send(f"{page}pause/", {"why": "new <memory>", "how": "pause"})
    shown = olga.get(page)
    assert "new &lt;memory&gt;" in shown
    assert problems(shown) == []
    assert "new &lt;memory&gt;" in Visitor(None, language).get("/workers/")
    olga.send(f"{page}resume/")
    worker.refresh_from_db()
    assert worker.paused_at is None
    verbs = Event.objects.filter(verb__startswith="worker.", actor=operator).values_list("verb", flat=True)
    assert list(verbs) == ["worker.paused", "worker.resumed"]


def test_without_a_reason_it_is_not_paused(story: Story, operator: User) -> None:
    page = f"/workers/{story.worker().pk}/"
    assert "Say why" in Visitor(operator).send(f"{page}pause/", {"why": " "})
    assert Worker.objects.filter(paused_at=None).count() == 1


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_worker_page_shows_what_it_did_and_its_faults_to_operators(
    story: Story,
    cast: people.Cast,
    operator: User,
    language: str,
    django_assert_max_num_queries: object,
) -> None:
    scenes.in_stage("needs_review", story, cast)
    worker = Worker.objects.get()
    scenes.abandoned(story, story.push(cast.bob))
    jobs = Job.objects.count()
    visitor = Visitor(operator, language)
    with django_assert_max_num_queries(15):  # type: ignore[operator]
        page = visitor.get(f"/workers/{worker.pk}/")
    assert "no &lt;b&gt;cgroup&lt;/b&gt;" in page
    assert page.count('<th scope="row"><a href="/pulls/') == jobs + 2  # three attempts at one of them
    assert problems(page) == []
    assert "cgroup" not in Visitor(cast.alice, language).get(f"/workers/{worker.pk}/")
