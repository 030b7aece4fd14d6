"""What workers ask over HTTP, and every refusal with its status and sentence."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from bench_runner.contract import JobSpec, decode_bundle
from hub.api.worker import MAX_BODY
from hub.bench import actions as bench
from hub.bench.models import Job, Worker
from hub.catalog.queries import files_of
from tests.hub.story import HARDWARE, Story, event, hello, result
from tests.people import Cast

pytestmark = pytest.mark.django_db


class Caller:
    """A worker's HTTP client; CSRF checks are on, as for a browser."""

    def __init__(self) -> None:
        self.token = str(bench.register_worker("rack-7"))
        self.client = Client(enforce_csrf_checks=True)

    def post(self, path: str, body: Any = None, token: str | None = None) -> tuple[int, dict[str, Any]]:
        text = body if isinstance(body, bytes | str) else json.dumps({} if body is None else body)
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        answer = self.client.post(
            f"/api/worker/{path}", text, content_type="application/json", headers=headers
        )
        return answer.status_code, answer.json()

    def claim(self) -> JobSpec:
        status, spec = self.post(f"jobs/{Job.objects.get(state='queued').pk}/claim")
        assert status == 200, spec
        return JobSpec.from_json(spec)


@pytest.fixture
def caller(opening: object) -> Caller:  # registered after the scene: that begins with nothing
    return Caller()


@pytest.fixture
def spec(caller: Caller, story: Story, cast: Cast) -> JobSpec:
    caller.post("hello", hello().to_json())
    story.push(cast.alice)
    return caller.claim()


def test_the_whole_run_of_a_job(caller: Caller, story: Story, cast: Cast) -> None:
    patch_set = story.push(cast.alice)
    status, welcome = caller.post("hello", hello().to_json())
    assert status == 200
    waiting = [str(patch_set.jobs.get().pk)]
    assert welcome == {
        "worker": str(Worker.objects.get().pk),
        "jobs": waiting,
        "deaf": False,
        "paused": False,
    }
    spec = caller.claim()
    assert spec.files["solution.c"].startswith(b"// version")
    path, beat = f"attempts/{spec.attempt}", {"events": [event(1, "hello").to_json()]}
    assert caller.post(f"{path}/heartbeat", beat, spec.token) == (200, {"cancelled": False})
    assert caller.post(f"{path}/result", result().to_json(), spec.token) == (200, {"accepted": True})
    assert patch_set.jobs.get(kind="check").verdict.outcome == "passed"
    assert patch_set.jobs.get(kind="rank").state == "queued"


def test_a_revision_is_given_to_workers_alone(caller: Caller, story: Story) -> None:
    path = f"/api/worker/revisions/{story.task.current.digest}"
    headers = {"Authorization": f"Bearer {caller.token}"}
    answer = caller.client.get(path, headers=headers)
    assert decode_bundle(answer.json()["files"]) == files_of(story.task.current)
    assert caller.client.get(path).status_code == 401
    assert caller.client.get("/api/worker/revisions/0000", headers=headers).status_code == 404


def test_a_claim_of_what_another_worker_has_is_a_conflict(caller: Caller, spec: JobSpec) -> None:
    other = str(bench.register_worker("rack-8"))
    caller.post("hello", hello().to_json(), other)
    status, said = caller.post(f"jobs/{spec.job}/claim", token=other)
    assert status == 409
    assert "not to be had" in said["error"]


def test_a_second_result_is_a_conflict(caller: Caller, spec: JobSpec) -> None:
    path = f"attempts/{spec.attempt}/result"
    caller.post(path, result().to_json(), spec.token)
    status, said = caller.post(path, result("wrong_answer").to_json(), spec.token)
    assert (status, "comes too late" in said["error"]) == (409, True)


def test_a_fault_queues_the_job_again_and_a_second_is_a_conflict(caller: Caller, spec: JobSpec) -> None:
    path = f"attempts/{spec.attempt}/fault"
    assert caller.post(path, {"what": "no sandbox"}, spec.token) == (200, {"accepted": True})
    assert Job.objects.get().state == "queued"
    assert caller.post(path, {"what": "no sandbox"}, spec.token)[0] == 409


def test_the_heartbeat_of_a_cancelled_attempt_says_so(caller: Caller, spec: JobSpec) -> None:
    bench.cancel_job(Job.objects.get(), "test")
    path = f"attempts/{spec.attempt}/heartbeat"
    assert caller.post(path, {"events": []}, spec.token) == (200, {"cancelled": True})


# A fixed id: a test must have the same name in every xdist worker.
@pytest.mark.parametrize("token", ["", "tsw_nobody-has-this"])
@pytest.mark.parametrize("path", ["hello", f"jobs/{UUID(int=7)}/claim"])
def test_without_a_workers_token_nothing_is_said(caller: Caller, path: str, token: str) -> None:
    status, said = caller.post(path, hello().to_json(), token)
    assert status == 401
    assert "token" in said["error"]


def test_a_retired_worker_is_told_so(caller: Caller) -> None:
    bench.retire_worker(Worker.objects.get())
    status, said = caller.post("hello", hello().to_json())
    assert (status, "is retired" in said["error"]) == (403, True)


@pytest.mark.parametrize(
    ("what", "body"),
    [("heartbeat", {"events": []}), ("result", result().to_json()), ("fault", {"what": "x"})],
)
def test_an_attempt_answers_to_its_own_token_alone(
    caller: Caller, spec: JobSpec, what: str, body: Any
) -> None:
    path = f"attempts/{spec.attempt}/{what}"
    assert caller.post(path, body, caller.token)[0] == 403
    assert caller.post(path, body, "")[0] == 401
    assert caller.post(f"attempts/{uuid4()}/{what}", body, spec.token)[0] == 404
    assert Job.objects.get().state == "running"


def test_an_unknown_job_is_not_found(caller: Caller) -> None:
    assert caller.post(f"jobs/{uuid4()}/claim") == (404, {"error": "there is no such job"})


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("{", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        ("[" * 100_000, "the body is not JSON"),
        ("[]", "Hello: an object is needed"),
        ('{"name": 1}', "Hello.name: str is needed, got 1"),
        ('{"name": "w", "x": 1}', "Hello: unknown field 'x'"),
        (json.dumps(hello("GPU!").to_json()), "hardware_class: small letters"),
        (json.dumps(hello(version=7).to_json()), "run the same release"),
        ('{"fingerprint": NaN}', "the number NaN"),
        ('{"fingerprint": 1e999}', "the number 1e999"),
        ('{"fingerprint": ' + "9" * 400 + "}", "at most 20 digits are taken"),
        ('{"fingerprint": ' + "[" * 300 + "]" * 300 + "}", "nested deeper than 30 levels"),
    ],
)
def test_a_message_that_does_not_fit_is_refused_with_what_is_wrong(
    caller: Caller, body: Any, sentence: str
) -> None:
    status, said = caller.post("hello", body)
    assert status == 400
    assert sentence in said["error"]


@pytest.mark.parametrize(
    "body", [{}, {"events": [], "more": 1}, {"events": {}}, {"events": [{}]}, {"events": [{}] * 501}]
)
def test_a_heartbeat_holds_a_bounded_list_of_events_and_nothing_else(
    caller: Caller, spec: JobSpec, body: Any
) -> None:
    assert caller.post(f"attempts/{spec.attempt}/heartbeat", body, spec.token)[0] == 400


def test_a_body_that_is_too_long_is_refused(caller: Caller) -> None:
    status, said = caller.post("hello", b" " * (MAX_BODY + 1))
    assert (status, said["error"]) == (413, f"the body is longer than {MAX_BODY} bytes")


def test_another_method_is_refused(caller: Caller) -> None:
    answer = caller.client.get("/api/worker/hello")
    assert (answer.status_code, answer.json()) == (405, {"error": "GET is not understood here: use POST"})


def test_strange_text_in_a_result_is_no_reason_to_fail(caller: Caller, spec: JobSpec) -> None:
    body = json.dumps(result("runtime_error", log="a\x00b", reason_args={"x": "\ud800"}).to_json())
    assert caller.post(f"attempts/{spec.attempt}/result", body, spec.token)[0] == 200
    assert Job.objects.get().verdict.log == "ab"


def test_the_class_of_the_job_is_told(spec: JobSpec) -> None:
    assert spec.hardware_class == HARDWARE
