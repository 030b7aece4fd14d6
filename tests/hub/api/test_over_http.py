"""Late and second messages of a worker over real HTTP: refused, booked, logged, and without effect."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing

import pytest
from pytest_django import Settings

from bench_runner.client import HubClient
from bench_runner.contract import Canary, JobSpec, Outcome, Result
from bench_runner.errors import AttemptLost, HubRefused
from hub.audit.models import Event
from hub.bench import actions as bench
from hub.bench.models import Attempt, Job, Verdict
from hub.core import clock
from tests.hub.story import Story, hello
from tests.people import Cast

pytestmark = pytest.mark.django_db(transaction=True)
WRONG = Result(Outcome.WRONG_ANSWER, "wrong_values")


@pytest.fixture
def client(live_site: str, story: Story, cast: Cast) -> Iterator[HubClient]:
    with closing(HubClient(live_site, str(bench.register_worker("rack-7")))) as made:
        made.hello(hello())
        story.push(cast.alice)
        yield made


@pytest.fixture
def spec(client: HubClient) -> JobSpec:
    return client.claim(str(Job.objects.get().pk))


def refusals() -> list[tuple[str, str]]:
    return [(e.data["state"], e.data["outcome"]) for e in Event.objects.filter(verb="result.refused")]


def test_a_second_result_is_refused_booked_and_logged(
    client: HubClient, spec: JobSpec, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "hub.bench")
    client.result(spec.attempt, spec.token, WRONG)
    with pytest.raises(AttemptLost, match="409: attempt"):
        client.result(spec.attempt, spec.token, Result(Outcome.PASSED, "passed"))
    assert Verdict.objects.get().outcome == "wrong_answer"
    assert refusals() == [("delivered", "passed")]
    assert "came too late: delivered" in caplog.text


def test_the_result_of_an_attempt_that_was_given_up_is_refused(client: HubClient, spec: JobSpec) -> None:
    Attempt.objects.update(lease_until=clock.now())
    assert bench.reap() == 1
    with pytest.raises(AttemptLost, match="has ended before"):
        client.result(spec.attempt, spec.token, WRONG)
    with pytest.raises(AttemptLost, match="has ended before"):
        client.fault(spec.attempt, spec.token, "no sandbox")
    assert client.heartbeat(spec.attempt, spec.token, []) is True
    assert not Verdict.objects.exists()
    assert refusals() == [("lost", "wrong_answer")]
    assert (Job.objects.get().state, Attempt.objects.get().state) == ("queued", "lost")


def test_a_result_after_the_life_of_its_token_is_refused(
    client: HubClient, spec: JobSpec, settings: Settings
) -> None:
    settings.JOB_TIME_LIMIT_SECONDS = 0
    with pytest.raises(AttemptLost, match="has ended before"):
        client.result(spec.attempt, spec.token, WRONG)
    assert refusals() == [("open", "wrong_answer")]


def test_a_claim_whose_answer_was_lost_is_answered_again(client: HubClient, spec: JobSpec) -> None:
    again = client.claim(spec.job)
    assert again.attempt == spec.attempt
    with pytest.raises(AttemptLost, match="403"):
        client.result(spec.attempt, spec.token, WRONG)  # of whoever reads the lost answer later
    client.result(again.attempt, again.token, WRONG)
    assert Verdict.objects.count() == 1


def test_the_answer_to_a_canary_and_to_hello_go_over_http(client: HubClient) -> None:
    assert client.hello(hello()).deaf is False
    with pytest.raises(HubRefused, match="409: this is not the last canary"):
        client.canary(Canary("0" * 16))
