"""Maintainers read the record, by who, what, which thing and when; nobody else does."""

from __future__ import annotations

import datetime

import pytest

from hub.audit.actions import record
from hub.audit.models import Event
from hub.bench import operating
from hub.bench.models import Worker
from hub.core import clock
from hub.web import audit
from tests import people
from tests.hub.story import Story
from tests.hub.web.conftest import LANGUAGES, Visitor
from tests.hub.web.markup import problems


def verbs(page: str) -> list[str]:
    return [part.split("</code>")[0] for part in page.split('<th scope="row"><code>')[1:]]


def test_only_maintainers_read_it(db: None, cast: people.Cast) -> None:
    for person in (cast.alice, cast.mei):
        Visitor(person).get("/audit/", status=403)
    assert Visitor(None).client.get("/audit/").status_code == 302
    Visitor(cast.max).get("/audit/")


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_filtered_by_who_what_which_and_when(
    story: Story,
    cast: people.Cast,
    language: str,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: object,
) -> None:
    worker = story.worker()
    operating.pause(worker, cast.max, "new <memory>")
    long_ago = clock.now() - datetime.timedelta(days=9)
    monkeypatch.setattr("hub.audit.actions.clock.now", lambda: long_ago)
    record(cast.max, "task.retired", story.task)
    monkeypatch.undo()
    max_ = Visitor(cast.max, language)
    with django_assert_max_num_queries(15):  # type: ignore[operator]
        page = max_.get("/audit/?who=max")
    assert verbs(page) == ["task.retired", "worker.paused"]
    assert "new &lt;memory&gt;" in page
    assert problems(page) == []
    assert verbs(max_.get("/audit/?verb=worker.p")) == ["worker.paused"]
    assert "worker.registered" in verbs(max_.get("/audit/?who=-&subject_type=worker"))
    key = f"subject_type=worker&subject_id={worker.pk}"
    assert set(verbs(max_.get(f"/audit/?{key}"))) == {
        "worker.registered",
        "worker.classified",
        "worker.paused",
    }
    day = long_ago.date().isoformat()
    assert verbs(max_.get(f"/audit/?until={day}")) == ["task.retired"]
    assert "task.retired" not in verbs(max_.get(f"/audit/?since={clock.now().date().isoformat()}"))
    nothing = max_.get("/audit/?who=nobody-like-this")
    assert verbs(nothing) == []
    assert problems(nothing) == []


@pytest.mark.parametrize(
    "query", ["since=yesterday", "before=%F0", "before=-1", "before=9" + "9" * 40, "who=%00"]
)
def test_what_cannot_be_understood_is_said_and_breaks_nothing(
    db: None, cast: people.Cast, query: str
) -> None:
    Visitor(cast.max).get(f"/audit/?{query}")


def test_older_events_follow_on_the_next_page(
    db: None, cast: people.Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "ROWS", 2)
    worker = Worker.objects.create(name="w", token_digest="d", registered_at=clock.now())
    for number in range(3):
        record(cast.max, f"worker.{number}", worker)
    last = Event.objects.order_by("-pk")[1].pk
    page = Visitor(cast.max).get("/audit/?verb=worker.")
    assert verbs(page) == ["worker.2", "worker.1"]
    assert f'href="?verb=worker.&amp;before={last}"' in page
    assert verbs(Visitor(cast.max).get(f"/audit/?verb=worker.&before={last}")) == ["worker.0"]
