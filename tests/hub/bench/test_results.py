"""A result is taken once, for the open attempt, with its token, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bench_runner.contract import VERSION, Assembly, ContractError
from hub import flow
from hub.audit.models import Event
from hub.bench import actions as bench
from hub.bench.models import Attempt, Job, Measurement, Verdict, Worker
from hub.core import clock
from hub.core.errors import NotAllowed
from tests.hub.racing import at_once
from tests.hub.replay import played_once
from tests.hub.story import Story, attempt_id, result
from tests.people import Cast

pytestmark = pytest.mark.django_db


@played_once
def checking(story: Story, cast: Cast) -> tuple[Story, Job]:
    story.worker()
    story.push(cast.alice)
    return story, story.live()[0]


@pytest.fixture
def timing(checking: tuple[Story, Job]) -> tuple[Story, Job]:
    story, job = checking
    story.run(job)
    return story, story.live(kind="rank")[0]


def test_verdict_and_both_states_are_written_together(checking: tuple[Story, Job]) -> None:
    story, job = checking
    verdict = story.run(job, "wrong_answer", reason_args={"case": "tiny"}, log="line one\nline two\n")
    job.refresh_from_db()
    assert (job.state, job.attempts.get().state) == ("finished", "delivered")
    assert job.ended_at is not None
    assert (verdict.outcome, verdict.reason_args, verdict.log) == (
        "wrong_answer", {"case": "tiny"}, "line one\nline two\n",
    )  # fmt: skip
    assert verdict.cases == [{"case": "tiny", "ok": False, "seconds": 0.0, "detail": {}}]


def test_a_timing_keeps_its_interval_and_raw_samples(timing: tuple[Story, Job]) -> None:
    story, job = timing
    verdict = story.run(job, ratio=2.0)
    assert (verdict.ratio, verdict.low, verdict.high) == (2.0, 1.96, 2.04)
    assert (verdict.speed, verdict.stopped) == ("faster", "narrow")
    [row] = verdict.measurements.all()
    assert (row.case, row.calls_per_sample) == ("wide", 10)
    assert row.pairs == [{"baseline": [0.002], "candidate": [0.001]}]


def test_a_second_result_is_refused_and_booked(checking: tuple[Story, Job]) -> None:
    story, job = checking
    spec = story.claim(job)
    assert flow.result_arrived(attempt_id(spec), spec.token, result()) is not None
    assert flow.result_arrived(attempt_id(spec), spec.token, result("wrong_answer")) is None
    assert [verdict.outcome for verdict in Verdict.objects.filter(job=job)] == ["passed"]
    [event] = Event.objects.filter(verb="result.refused")
    assert event.data == {"state": "delivered", "outcome": "wrong_answer"}


def test_a_late_result_is_refused(checking: tuple[Story, Job]) -> None:
    story, job = checking
    spec = story.claim(job)
    Attempt.objects.update(heard_at=clock.now() - timedelta(minutes=5))
    bench.reap()
    assert flow.result_arrived(attempt_id(spec), spec.token, result()) is None
    job.refresh_from_db()
    assert job.state == "queued"
    assert not Verdict.objects.exists()
    assert Event.objects.get(verb="result.refused").data["state"] == "lost"


def test_the_result_of_a_lost_attempt_does_not_end_the_next_one(checking: tuple[Story, Job]) -> None:
    story, job = checking
    first = story.claim(job)
    Attempt.objects.update(heard_at=clock.now() - timedelta(minutes=5))
    bench.reap()
    second = story.claim(job)
    assert flow.result_arrived(attempt_id(first), first.token, result("wrong_answer")) is None
    assert flow.result_arrived(attempt_id(second), second.token, result()) is not None
    assert Verdict.objects.get(job=job).attempt.number == 2


def test_a_result_after_the_life_of_its_token_is_refused(checking: tuple[Story, Job]) -> None:
    story, job = checking
    spec = story.claim(job)
    Attempt.objects.update(started_at=clock.now() - timedelta(seconds=721))
    assert flow.result_arrived(attempt_id(spec), spec.token, result()) is None


def test_another_attempts_token_is_refused(checking: tuple[Story, Job]) -> None:
    story, job = checking
    spec = story.claim(job)
    with pytest.raises(NotAllowed, match="not that of the attempt"):
        flow.result_arrived(attempt_id(spec), "tsa_somebody-elses", result())
    assert not Verdict.objects.exists()


def test_a_result_made_without_a_sandbox_is_not_ranked(timing: tuple[Story, Job]) -> None:
    story, job = timing
    assert story.run(job, sandboxed=False).ranked is False


def test_a_worker_that_said_it_has_no_sandbox_is_believed_that_much(timing: tuple[Story, Job]) -> None:
    story, job = timing
    Worker.objects.update(sandboxed=False)
    assert story.run(job).ranked is False


def test_text_that_no_database_takes_is_cleaned(checking: tuple[Story, Job]) -> None:
    story, job = checking
    verdict = story.run(
        job,
        "runtime_error",
        log="a\x00b\x1b[31mred\x1b[0m\r\nc\ud800",
        reason_args={"key\x00": ["v\x00"]},
        environment={"cpu": "x\x07"},
    )
    verdict.refresh_from_db()
    assert verdict.log == "abred\nc"
    assert verdict.reason_args == {"key": ["v"]}
    assert verdict.environment == {"cpu": "x"}


def test_a_long_log_keeps_its_end(checking: tuple[Story, Job]) -> None:
    story, job = checking
    verdict = story.run(job, "build_failed", log="x" * 300_000 + "the error")
    assert len(verdict.log) == 256_000
    assert verdict.log.endswith("the error")


def test_of_long_machine_code_the_beginning_is_kept(checking: tuple[Story, Job]) -> None:
    story, job = checking
    verdict = story.run(job, assembly=Assembly("ret\x00" + "x" * 70_000))
    verdict.refresh_from_db()
    assert verdict.assembly == {"text": "ret" + "x" * 65_533, "cut": True, "missing": None}


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda r: replace(r, version=9), f"this hub speaks {VERSION}, the worker 9"),
        (lambda r: replace(r, figures={"joy": 1.0}), r"Result\.figures: one of size, memory, accuracy"),
        (
            lambda r: replace(r, figures={"size": -1.0}),
            r"figures\.size: a number from 0 is needed, got -1\.0",
        ),
        (lambda r: replace(r, reason="x" * 61), r"Result\.reason: at most 60 characters"),
        (lambda r: replace(r, summary=None), "needs a summary and measurements"),
        (lambda r: replace(r, measurements=r.measurements * 2), "time of 'wide' is there twice"),
        (
            lambda r: replace(r, measurements=[replace(r.measurements[0], candidate_seconds=0.0)]),
            r"measurements\.seconds: a positive number is needed, got 0\.0",
        ),
        (
            lambda r: replace(r, summary=replace(r.summary, high=float("inf"))),
            r"summary\.ratio: a positive number is needed, got inf",
        ),
        (
            lambda r: replace(r, measurements=[replace(r.measurements[0], calls_per_sample=0)]),
            "calls_per_sample: 1 or more is needed, got 0",
        ),
    ],
)
def test_a_result_that_does_not_answer_its_job_is_refused_whole(
    timing: tuple[Story, Job], spoil: Callable[..., object], sentence: str
) -> None:
    story, job = timing
    spec = story.claim(job)
    with pytest.raises(ContractError, match=sentence):
        flow.result_arrived(attempt_id(spec), spec.token, spoil(result(ratio=1.5)))
    job.refresh_from_db()
    assert job.state == "running"
    assert not Measurement.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_result_delivered_many_times_at_once_counts_once(checking: tuple[Story, Job]) -> None:
    story, job = checking
    spec = story.claim(job)
    key = attempt_id(spec)
    found = at_once([lambda: bench.deliver(key, spec.token, result()) for _ in range(5)])
    assert sum(isinstance(verdict, Verdict) for verdict in found) == 1
    assert found.count(None) == 4
    assert Verdict.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_a_result_and_a_cancellation_at_once_one_holds(checking: tuple[Story, Job]) -> None:
    story, job = checking
    spec = story.claim(job)
    key = attempt_id(spec)
    at_once([lambda: bench.deliver(key, spec.token, result()), lambda: bench.cancel_job(job, "test")])
    job.refresh_from_db()
    attempt = job.attempts.get()
    assert (job.state, attempt.state, Verdict.objects.count()) in {
        ("finished", "delivered", 1),
        ("cancelled", "cancelled", 0),
    }
