"""Speaking to the hub: what is asked again, what is not, and what each refusal becomes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench_runner import client as client_module
from bench_runner.client import HubClient
from bench_runner.contract import CaseResult, Hello, JobKind, Outcome, Phase, ProgressEvent, Result
from bench_runner.errors import AttemptLost, HubRefused, HubUnreachable
from tests.bench_runner.worker.hub_double import TOKEN, HubDouble, serving

HELLO = Hello("w", "cpu-x86", {"cores": 2}, sandboxed=True)
RESULT = Result(Outcome.PASSED, "all_cases_right")


@pytest.fixture
def hub() -> Iterator[HubDouble]:
    with serving() as double:
        yield double


@pytest.fixture
def client(hub: HubDouble, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubClient]:
    monkeypatch.setattr(client_module, "FIRST_PAUSE", 0.01)
    opened = HubClient(hub.url, TOKEN)
    yield opened
    opened.close()


def test_the_requests_carry_the_records_and_the_right_token(hub: HubDouble, client: HubClient) -> None:
    spec = hub.add_job("j1", "vector-add", {"task.toml": b"x"}, {"solution.c": b"\0\xff"}, JobKind.RANK)
    hub.waiting = ["j1"]
    welcome = client.hello(HELLO)
    assert (welcome.worker, welcome.jobs) == ("w1", ("j1",))
    assert client.claim("j1") == spec
    assert client.revision(spec.revision) == {"task.toml": b"x"}
    event = ProgressEvent(1, 1.0, Phase.BUILDING, "log")
    assert client.heartbeat(spec.attempt, spec.token, [event]) is False
    client.result(spec.attempt, spec.token, RESULT)
    client.fault(spec.attempt, spec.token, "it broke")
    assert Hello.from_json(hub.hellos[0]) == HELLO
    assert ProgressEvent.from_json(hub.events[0]) == event
    assert Result.from_json(hub.results[0]) == RESULT
    assert hub.faults == ["it broke"]
    assert hub.authorizations == [f"Bearer {TOKEN}"] * 3 + [f"Bearer {spec.token}"] * 3
    assert hub.connections == 1  # kept open


def test_numbers_that_json_does_not_have_travel_as_words(hub: HubDouble, client: HubClient) -> None:
    case = CaseResult("tiny", ok=False, detail={"got": [float("nan"), float("inf"), 1.5]})
    client.result("a", "t", Result(Outcome.WRONG_ANSWER, "wrong_values", cases=[case]))
    assert hub.results[0]["cases"][0]["detail"] == {"got": ["nan", "inf", 1.5]}


def test_a_hub_that_restarts_is_asked_again(hub: HubDouble, client: HubClient) -> None:
    hub.broken, hub.dropped = 2, 1
    client.hello(HELLO, patience=5)
    assert len(hub.hellos) == 1


def test_an_answer_that_breaks_off_in_the_middle_is_asked_for_again(
    hub: HubDouble, client: HubClient
) -> None:
    spec = hub.add_job("j1", "vector-add", {"task.toml": b"x" * 1000}, {})
    hub.cut = 2
    assert client.revision(spec.revision, patience=5) == {"task.toml": b"x" * 1000}
    assert len(hub.requests) == 3


def test_a_kept_connection_that_the_hub_closed_is_no_failure(hub: HubDouble, client: HubClient) -> None:
    client.hello(HELLO)
    hub.dropped = 1
    client.hello(HELLO, patience=0)
    assert len(hub.hellos) == 2


def test_patience_ends(hub: HubDouble, client: HubClient) -> None:
    hub.broken = 1000
    with pytest.raises(HubUnreachable, match="answered 503 to POST /api/worker/hello"):
        client.hello(HELLO, patience=0.05)


def test_nobody_listening_is_said_with_the_address() -> None:
    with pytest.raises(HubUnreachable, match=r"127\.0\.0\.1:1 ConnectionRefusedError"):
        HubClient("http://127.0.0.1:1", TOKEN).hello(HELLO)


def test_a_lost_race_is_no_error_and_is_not_asked_again(hub: HubDouble, client: HubClient) -> None:
    hub.add_job("j1", "t", {}, {})
    client.claim("j1")
    with pytest.raises(AttemptLost, match="409: job j1 is not queued"):
        client.claim("j1")
    with pytest.raises(AttemptLost, match="404"):
        client.claim("unknown")
    assert len(hub.requests) == 3


def test_a_wrong_token_is_told_from_a_lost_race(hub: HubDouble, client: HubClient) -> None:
    hub.refuse["claim"] = 403
    with pytest.raises(HubRefused, match="403: as the test wants it"):
        client.claim("j1")


@pytest.mark.parametrize("status", [401, 404, 409, 410])
def test_an_attempt_that_the_hub_has_ended_is_cancelled(
    hub: HubDouble, client: HubClient, status: int
) -> None:
    hub.refuse = {"heartbeat": status, "result": status}
    assert client.heartbeat("a", "t", []) is True
    with pytest.raises(AttemptLost, match=str(status)):
        client.result("a", "t", RESULT)


def test_a_hub_below_a_path_is_reached(hub: HubDouble) -> None:
    client = HubClient(hub.url + "/touchstone/", TOKEN)
    client.hello(HELLO)
    client.close()
    assert hub.requests == ["POST /touchstone/api/worker/hello"]
