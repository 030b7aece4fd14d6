"""Health, metrics, request ids: what monitoring reads, what strangers do not, and no secret in a log."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path

import pytest
from django.test import Client
from redis import RedisError

from hub.core import trace
from hub.core.meter import BOUNDS, Meter
from hub.web import health
from tests import people
from tests.hub.story import HARDWARE, Story
from tests.hub.web import scenes

SAMPLE = re.compile(r'[a-z_]+(\{([a-z_]+="[^"\\]*",?)+\})? (\d+(\.\d+)?([eE][+-]\d+)?)')
TOKEN = "tsw_" + "k" * 43


@pytest.fixture
def redis_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(health.CHECKS, "redis", lambda: None)


def local(path: str, **headers: str) -> tuple[int, str]:
    answer = Client(headers={"host": "localhost", **headers}).get(path)
    return answer.status_code, answer.content.decode()


def test_strangers_hear_one_word_and_the_machine_itself_what_it_rests_on(
    db: None, redis_answers: None
) -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}
    status, said = local("/healthz")
    assert (status, json.loads(said)) == (
        200,
        {"status": "ok", "database": "ok", "redis": "ok", "disk": "ok"},
    )


def test_without_redis_it_is_degraded_and_without_room_broken(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise RedisError("away")

    monkeypatch.setitem(health.CHECKS, "redis", away)
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "degraded"})
    usage = shutil.disk_usage("/")._replace(free=5 << 20)
    monkeypatch.setattr(health.shutil, "disk_usage", lambda _path: usage)
    answer = Client().get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "broken"})
    assert "5 MB free" in local("/healthz")[1]


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_metrics_are_closed_to_whoever_comes_through_a_proxy(db: None, header: str) -> None:
    assert local("/metrics", **{header: "203.0.113.9"})[0] == 403
    assert Client().get("/metrics").status_code == 403  # asked for under the site's public name


def test_with_a_token_it_opens_metrics_and_being_local_does_not(db: None, settings: object) -> None:
    settings.METRICS_TOKEN = "a-long-secret"  # type: ignore[attr-defined]
    assert local("/metrics")[0] == 403
    assert local("/metrics", Authorization="Bearer wrong")[0] == 403
    answer = Client(headers={"Authorization": "Bearer a-long-secret"}).get("/metrics")
    assert answer.status_code == 200


def test_metrics_hold_queue_durations_verdicts_faults_and_workers(
    story: Story, cast: people.Cast, django_assert_max_num_queries: object
) -> None:
    scenes.in_stage("needs_review", story, cast)
    scenes.abandoned(story, story.push(cast.bob))
    story.push(cast.bob, "waits")
    with django_assert_max_num_queries(15):  # type: ignore[operator]
        status, text = local("/metrics")
    assert status == 200
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert [line for line in samples if not SAMPLE.fullmatch(line)] == []
    of_class = f'hardware_class="{HARDWARE}"'
    for shown in (
        f'touchstone_jobs{{{of_class},state="queued"}} 1',
        f'touchstone_jobs{{{of_class},state="running"}} 0',
        'touchstone_verdicts_last_hour{outcome="passed"} 3',
        f'touchstone_attempts_last_hour{{worker="{HARDWARE}",state="infra_error"}} 3',
        f'touchstone_worker_up{{worker="{HARDWARE}",{of_class}}} 1',
        "touchstone_alarms 1",
    ):
        assert shown in samples
    assert f'touchstone_job_seconds{{kind="check",{of_class},quantile="0.95"}}' in text


def test_requests_are_counted_over_processes_and_restarts(tmp_path: Path) -> None:
    one, other = Meter(tmp_path), Meter(tmp_path)
    one.note("page", 200, 0.02)
    other.note("page", 204, 0.5)
    other.note("api", 503, 20.0)
    assert len(list(tmp_path.iterdir())) == 2
    del other  # its process ends: the next one goes on adding to its file
    Meter(tmp_path).note("page", 200, 0.02)
    found = {(row.kind, row.status): row for row in one.readings()}
    assert set(found) == {("page", "2xx"), ("api", "5xx")}
    counts = found["page", "2xx"].counts
    assert [counts[BOUNDS.index(bound)] for bound in (0.025, 0.6)] == [2.0, 1.0]
    assert found["page", "2xx"].seconds == pytest.approx(0.54)


def test_a_folder_that_cannot_be_written_stops_no_request(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    meter = Meter(tmp_path / "file")
    meter.note("page", 200, 0.1)
    assert list(meter.readings()) == []


def test_an_answer_an_error_page_and_the_log_name_the_same_request(
    db: None, caplog: pytest.LogCaptureFixture
) -> None:
    lines = logging.Handler()
    said: list[str] = []
    lines.emit = lambda record: said.append(trace.Lines().format(record))  # type: ignore[method-assign]
    logging.getLogger("hub.http").addHandler(lines)
    try:
        with caplog.at_level(logging.INFO, "hub.http"):
            answer = Client().get(
                "/no/such/place/?token=secret-words", headers={"X-Request-ID": "from-a-proxy"}
            )
    finally:
        logging.getLogger("hub.http").removeHandler(lines)
    assert answer.headers["X-Request-ID"] == "from-a-proxy"
    assert "<code>from-a-proxy</code>" in answer.content.decode()
    assert "GET /no/such/place/ 404 in" in said[0]
    assert said[0].endswith("request=from-a-proxy")
    assert "secret-words" not in said[0]
    assert trace.ids() == {}


@pytest.mark.parametrize("given", ["short", "<script>alert(1)</script>", "x" * 65, "a b c d e f g"])
def test_an_id_that_is_none_is_replaced(db: None, given: str) -> None:
    number = Client().get("/login/", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{16}", number)


@pytest.mark.parametrize("layout", [trace.Lines, trace.Json])
def test_no_token_reaches_a_log_even_in_a_traceback(layout: type[logging.Formatter]) -> None:
    try:
        raise ValueError(f"Authorization: Bearer {TOKEN} at redis://:hunter2@10.0.0.1:6379/0")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    with trace.about(request="abcdefgh", job="j1"):
        record = logging.LogRecord("hub", 40, "f", 1, "token %s, /feed/%s.ics", (TOKEN, "q" * 43), info)
        text = layout().format(record)
    for secret in ("kkkk", "hunter2", "qqqq"):
        assert secret not in text
    assert "ValueError" in text
    if layout is trace.Json:
        assert {"level": "ERROR", "request": "abcdefgh", "job": "j1"}.items() <= json.loads(text).items()
    else:
        assert "request=abcdefgh job=j1" in text


def test_a_workers_request_is_logged_with_its_job_and_worker(
    story: Story, cast: people.Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[dict[str, str]] = []
    monkeypatch.setattr("hub.web.tracing.meter.note", lambda *_: known.append(trace.ids()))
    story.worker()
    spec = story.claim(story.live(patch_set=story.push(cast.alice))[0])
    path = f"/api/worker/attempts/{spec.attempt}/heartbeat"
    headers = {"Authorization": f"Bearer {spec.token}"}
    Client(headers=headers).post(path, '{"events": []}', content_type="application/json")
    assert known[0].items() >= {"attempt": spec.attempt, "job": spec.job, "worker": HARDWARE}.items()
