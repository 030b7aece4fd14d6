"""A page asks the database a bounded number of times, however much there is to show and whoever looks."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hub.accounts.models import User
from hub.bench import actions as bench
from hub.bench.models import Worker
from hub.boards.models import Standing
from hub.catalog.models import Task
from hub.claims import together
from hub.claims.actions import answer, claim, release
from hub.community.actions import say
from hub.core import clock
from hub.pulls import actions as pulls
from hub.pulls import locks, threads
from hub.pulls.models import PullRequest
from hub.rulings.models import Ruling
from hub.web import live
from hub.web.home import TOP_BOARDS
from hub.web.tasks import WORKING
from tests.hub.conftest import new_task
from tests.hub.programmes.conftest import new_programme
from tests.hub.replay import played_once
from tests.hub.story import HARDWARE, Story, attempt_id, event
from tests.hub.web.conftest import Visitor
from tests.people import Cast

PATH = "solutions/alice/solution.c"
PROPOSAL = "First the plain loops, then blocks that fit the cache, then the vector units."
MOST = 15  # a request; session and reader are two of them


@played_once
def busy(story: Story, cast: Cast) -> dict[str, PullRequest]:
    """Pull requests that are merged, under review with two patch sets, running, failing; a result is held."""
    merged = story.merged(cast.alice, cast.mei, cast.max, topic="done").patch_set.pull
    reviewed = story.push(cast.alice, "second")
    story.run_all(1.6)
    pulls.review(reviewed, cast.mei, "changes", "Not yet.")
    reviewed = story.push(cast.alice, "second")
    story.run_all(1.7)
    pulls.review(reviewed, cast.max, "approve", "Good.")
    for line in (1, 2, 3):
        remark = pulls.comment(reviewed, cast.mei, "```suggestion\nx\n```", PATH, line=line)
        threads.answer(remark, cast.bob, "Yes")
    failing = story.push(cast.bob, "wrong")
    story.run(story.live()[0], "wrong_answer")
    story.push(cast.bob, "held")
    story.run(story.live()[0])
    story.run(story.live()[0], "suspicious")
    running = story.push(cast.bob, "running")
    spec = story.claim(story.live(patch_set=running)[0])
    bench.heartbeat(attempt_id(spec), spec.token, [event(1, "cc -O2\n")])
    return {
        "merged": merged,
        "reviewed": reviewed.pull,
        "failing": failing.pull,
        "running": running.pull,
    }


PAGES = [
    "/",
    "/tasks/",
    "/tasks/?text=nothing-like-this",
    "/tasks/vector-add/",
    "/boards/",
    f"/boards/vector-add/{HARDWARE}/",
    "/pulls/",
    "/pulls/?stage=needs_review",
    "/queue/",
    "/workers/",
    "/learn/",
    "/programmes/",
    "/audit/",
    "/healthz",
    "/metrics",
    f"/boards/vector-add/{HARDWARE}/?metric=size",
    f"/boards/vector-add/{HARDWARE}/?metric=memory",
    f"/boards/vector-add/{HARDWARE}/?metric=accuracy",
    "/tasks/vector-add/revisions/",
    "/notifications/",
    "/settings/notifications/",
    "/people/alice/",
    "/people/bob/",
    "/people/mei/",
    "/people/alice/contributions/",
    "/people/bob/contributions/",
    "/people/alice/points/",
    "/people/alice/standing/",
    "/people/bob/standing/",
    "/badges/",
    "/sigs/",
    "/sigs/kernels/",
    "/events/",
    "/desk/",
    "/desk/mentoring/",
    "/mentors/",
    "/held/",
    "/rejudging/",
    "/settings/",
    "/settings/tokens/",
    "/roles/",
    "/email/",
    "/2fa/",
]


@pytest.mark.slow
@pytest.mark.parametrize("who", ["alice", "bob", "mei"])
def test_so_does_the_page_of_a_task_whose_claim_is_shared(cast: Cast, who: str) -> None:
    task = new_task("row-softmax", policy="exclusive", slots=1, together=3)
    held = claim(task, cast.alice)
    together.join(together.invite(held, cast.alice, "bob", "40"), cast.bob)
    together.invite(held, cast.alice, "mei", "20")
    visitor = Visitor(getattr(cast, who))
    Visitor(None).get("/tasks/row-softmax/")
    for path in ("/", "/tasks/row-softmax/", f"/people/{who}/contributions/"):
        found = queries(visitor, path)
        assert len(found) <= MOST, path


@pytest.mark.parametrize("who", ["alice", "bob", "mei", "max"])
def test_so_does_a_task_of_a_programme_with_everything_on_its_page(
    busy: dict[str, PullRequest], story: Story, cast: Cast, who: str
) -> None:
    Task.objects.filter(pk=story.task.pk).update(policy="proposal", slots=20)
    story.task.refresh_from_db()
    story.task.mentors.add(cast.mei)
    paid = {"point_value": 50, "currency": "CNY", "payout_stages": "Mid-term / 中期: 45\nFinal / 结项: 55"}
    new_programme(cast, [story.task], kind="internship", starts_at=-9, ends_at=90, **paid)
    said = say(story.task, cast.bob, "Why is the tail slow?")
    say(story.task, cast.alice, "Unaligned loads?", said)
    for number in range(WORKING + 3):
        person = User.objects.create_user(f"person-{number}")
        made = claim(story.task, person, PROPOSAL)
        if number:
            answer(made, cast.mei, accept=True)
        if number == WORKING:
            release(made, person, "The tail is left.")
    pages = ["/tasks/vector-add/", "/programmes/spring/"]
    pages += [f"/programmes/spring/{part}/" for part in ("standing", "report", "statement", "stages")]
    asked = {path: queries(Visitor(getattr(cast, who)), path) for path in pages}
    assert {path: found for path, found in asked.items() if len(found) > MOST} == {}


def test_so_does_the_first_page_with_records_of_many_boards(busy: dict[str, PullRequest]) -> None:
    for row in Standing.objects.filter(place=1):
        for number in range(TOP_BOARDS):
            row.pk, row.hardware_class, row.is_record = None, f"cpu-{number}", bool(number % 2)
            row.save()
    found = queries(Visitor(None), "/")
    assert len(found) <= MOST, found


def test_so_does_the_desk_with_everything_on_it(
    busy: dict[str, PullRequest], cast: Cast, story: Story
) -> None:
    copy = busy["reviewed"].patch_sets.last().jobs.first().verdict
    other = busy["merged"].patch_sets.first()
    Ruling.objects.create(verdict=copy, kind=Ruling.Kind.HOLD, like=other, share=0.9, at=clock.now())
    story.task.mentors.add(cast.mei)
    claim(new_task("layer-norm-gelu", policy="proposal"), cast.bob, PROPOSAL)
    claim(new_task("row-softmax", policy="exclusive"), cast.mei)
    story.push(cast.mei, "own")
    locks.take(busy["reviewed"], cast.mei)
    for filters in ("", "?task=vector-add&language=c&hardware=cpu&whose=mine"):
        found = queries(Visitor(cast.mei), f"/desk/{filters}")
        assert len(found) <= MOST, found


def queries(visitor: Visitor, path: str) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        visitor.client.get(path)
    return [query["sql"] for query in asked.captured_queries]


@pytest.mark.parametrize(
    "who",
    [*(pytest.param(who, marks=pytest.mark.slow) for who in (None, "alice", "bob")), "mei"],
)
def test_every_page_asks_the_database_fifteen_times_at_most(
    busy: dict[str, PullRequest], cast: Cast, who: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LINE_SECONDS", 60.0)  # somebody looked at the queue just before
    visitor = Visitor(getattr(cast, who) if who else None)
    of_pulls = [f"/pulls/{pull.pk}/{part}" for pull in busy.values() for part in ("", "diff/", "timing/")]
    of_pulls += [f"/workers/{worker.pk}/" for worker in Worker.objects.all()]
    Visitor(None).get(of_pulls[0])
    asked = {path: queries(visitor, path) for path in (*PAGES, *of_pulls)}
    assert {path: len(found) for path, found in asked.items() if len(found) > MOST} == {}
