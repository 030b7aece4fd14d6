"""A canary takes the road of a job; who does not answer is deaf, and counts for nothing where jobs wait."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from pytest_django import Settings

from bench_runner.contract import Canary
from hub import flow
from hub.bench import actions as bench
from hub.bench import canaries, queries, wake
from hub.bench.models import Job, Worker
from hub.bench.places import Line
from hub.core import clock
from tests.hub.story import HARDWARE, Story, hello
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Canaries that went out: the worker's name and the canary."""
    out: list[tuple[str, str]] = []
    monkeypatch.setattr(wake, "send_canary", lambda worker, canary: out.append((worker.name, canary)) or True)
    return out


@pytest.fixture
def worker(story: Story) -> Worker:
    return story.worker()


def long_ago(**columns: float) -> None:
    Worker.objects.update(**{name: clock.now() - timedelta(seconds=ago) for name, ago in columns.items()})


def fall_deaf() -> None:
    canaries.send_out()
    long_ago(unanswered_since=101, canary_sent_at=31)


def test_an_idle_worker_gets_one_every_half_minute(worker: Worker, sent: list[tuple[str, str]]) -> None:
    assert canaries.send_out() == 1
    assert canaries.send_out() == 0
    assert canaries.answered(worker, Canary(sent[0][1])) is True
    long_ago(canary_sent_at=31)
    assert canaries.send_out() == 1
    assert [name for name, _ in sent] == [worker.name, worker.name]
    assert sent[0] != sent[1]


def test_one_that_may_be_lost_is_sent_again(worker: Worker, sent: list[tuple[str, str]]) -> None:
    canaries.send_out()
    long_ago(canary_sent_at=31)
    canaries.send_out()
    assert sent[0] == sent[1]
    assert canaries.answered(worker, Canary(sent[0][1])) is True


@pytest.mark.parametrize("why", ["busy", "silent", "retired"])
def test_a_worker_that_is_busy_silent_or_retired_gets_none(
    story: Story, cast: Cast, worker: Worker, sent: list[tuple[str, str]], why: str
) -> None:
    if why == "busy":
        story.push(cast.alice)
        story.claim(story.live()[0])
    elif why == "silent":
        long_ago(last_seen_at=46)
    else:
        bench.retire_worker(worker)
    assert canaries.send_out() == 0


@pytest.mark.usefixtures("sent")
def test_who_answers_no_canary_is_deaf_and_hears_so(worker: Worker) -> None:
    canaries.send_out()
    long_ago(unanswered_since=99)
    assert not canaries.is_deaf(worker)
    fall_deaf()
    assert canaries.is_deaf(worker)
    assert queries.is_online(worker)


@pytest.mark.usefixtures("sent")
def test_a_deaf_a_resting_and_a_troubled_worker_count_for_nothing_where_jobs_wait(
    story: Story, cast: Cast, worker: Worker
) -> None:
    story.push(cast.alice)
    assert queries.workers_online(HARDWARE) == 1
    bench.hello(worker, hello(resting_seconds=60.0))
    assert queries.workers_online(HARDWARE) == 0
    bench.hello(worker, hello(trouble="no sandbox"))
    assert queries.workers_online(HARDWARE) == 0
    bench.hello(worker, hello())
    assert queries.workers_online(HARDWARE) == 1
    fall_deaf()
    assert queries.workers_online(HARDWARE) == 0
    assert [place.workers_online for place in Line(HARDWARE).places] == [0]


def test_an_answer_to_another_canary_is_none(worker: Worker, sent: list[tuple[str, str]]) -> None:
    assert canaries.answered(worker, Canary("")) is False
    fall_deaf()
    assert canaries.answered(worker, Canary("0" * 16)) is False
    assert canaries.is_deaf(worker)
    assert canaries.answered(worker, Canary(sent[-1][1], trouble="no sandbox\x00")) is True
    worker.refresh_from_db()
    assert (canaries.is_deaf(worker), worker.trouble) == (False, "no sandbox")


@pytest.mark.usefixtures("sent")
def test_a_claim_is_an_answer(story: Story, cast: Cast, worker: Worker) -> None:
    story.push(cast.alice)
    fall_deaf()
    story.run(story.live()[0], "wrong_answer")
    assert not canaries.is_deaf(worker)


@pytest.mark.usefixtures("sent")
def test_what_it_did_not_hear_before_its_start_is_forgotten(worker: Worker) -> None:
    fall_deaf()
    bench.hello(worker, hello(up_seconds=500.0))
    assert canaries.is_deaf(worker)
    bench.hello(worker, hello(up_seconds=3.0))
    assert not canaries.is_deaf(worker)


def test_while_the_broker_is_away_nobody_is_called_deaf(worker: Worker, settings: Settings) -> None:
    settings.WORKER_DEAF_SECONDS = -1
    assert canaries.send_out() == 0  # no broker listens in tests
    assert not canaries.is_deaf(worker)


# A claim whose answer was lost


@pytest.fixture
def job(story: Story, cast: Cast, worker: Worker) -> Job:
    story.push(cast.alice)
    return story.live()[0]


def test_an_attempt_whose_answer_was_lost_is_given_again(story: Story, worker: Worker, job: Job) -> None:
    lost = story.claim(job)
    again = bench.claim_job(job.pk, worker)
    assert again is not None
    assert (again.attempt, again.job) == (lost.attempt, lost.job)
    assert again.token != lost.token
    assert job.attempts.count() == 1


def test_it_is_not_given_again_for_ever(story: Story, worker: Worker, job: Job) -> None:
    story.claim(job)
    job.attempts.update(started_at=clock.now() - bench.GIVEN_AGAIN)
    job.attempts.update(heard_at=F("started_at"))
    assert bench.claim_job(job.pk, worker) is None
    assert [attempt.state for attempt in job.attempts.all()] == ["lost"]


def test_asking_for_another_job_gives_up_the_attempt_that_was_heard(
    story: Story, cast: Cast, worker: Worker, job: Job
) -> None:
    first = story.claim(job)
    bench.heartbeat(job.attempts.get().pk, first.token, [])
    story.push(cast.bob)
    other = Job.objects.get(state="queued")
    assert bench.claim_job(other.pk, worker) is not None
    assert (job.attempts.get().state, job.attempts.get().fault) == (
        "lost",
        "its worker asked for another job",
    )


def test_two_workers_do_not_take_each_other_s_attempts(story: Story, cast: Cast, job: Job) -> None:
    story.claim(job)
    story.push(cast.bob)
    second = story.worker(name="second")
    spec = bench.claim_job(job.pk, second)
    assert spec is not None
    assert spec.job != str(job.pk)
    assert job.attempts.get().state == "open"


def test_hello_says_what_the_worker_says_of_itself(worker: Worker) -> None:
    flow.worker_reported(worker, hello(resting_seconds=1e12, trouble="no room\x07"))
    worker.refresh_from_db()
    assert worker.trouble == "no room"
    assert timedelta(days=364) < worker.resting_until - clock.now() <= timedelta(days=365)
