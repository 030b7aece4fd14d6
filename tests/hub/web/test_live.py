"""The stream of a pull request: sent as things happen, resumed, ended, and cheap for many viewers."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import iscoroutinefunction
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

from bench_runner.contract import JobSpec, Phase
from hub import flow
from hub.bench import actions as bench
from hub.pulls import actions as pulls
from hub.pulls.models import PatchSet
from hub.web import live
from tests import people
from tests.hub.story import Story, attempt_id, event, result

WAIT_SECONDS = 10


@dataclass
class Event:
    name: str
    id: str
    data: dict[str, Any]
    at: float  # when it arrived


class Viewer:
    """A browser's EventSource, down to the socket: what has arrived is seen when it arrives."""

    def __init__(self, url: str, path: str, **headers: str) -> None:
        parts = urlsplit(url)
        self.socket = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=WAIT_SECONDS)
        lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", "Accept: text/event-stream"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = dict(self._headers())

    def _headers(self) -> Iterator[tuple[str, str]]:
        while line := self.file.readline().strip():
            name, value = line.decode().split(":", 1)
            yield name.lower(), value.strip()

    def chunks(self) -> Iterator[str]:
        while size := int(self.file.readline() or b"0", 16):
            yield self.file.read(size).decode()
            self.file.readline()

    def events(self) -> Iterator[Event]:
        for chunk in self.chunks():
            for block in chunk.strip().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
                if "event" in fields:
                    data = json.loads(fields["data"])
                    yield Event(fields["event"], fields["id"], data, time.monotonic())

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@contextmanager
def viewing(url: str, pull_id: int, seen: str = "", **headers: str) -> Iterator[Viewer]:
    viewer = Viewer(url, f"/pulls/{pull_id}/events/?seen={seen}", **headers)
    try:
        yield viewer
    finally:
        viewer.close()


@pytest.fixture
def running(live_site: str, story: Story, cast: people.Cast) -> tuple[PatchSet, JobSpec]:
    """alice's patch set whose check a worker has claimed."""
    story.worker()
    patch_set = story.push(cast.alice)
    return patch_set, story.claim(story.live()[0])


def beat(spec: JobSpec, seq: int, **columns: Any) -> None:
    bench.heartbeat(attempt_id(spec), spec.token, [event(seq, **columns)])


def test_events_arrive_as_things_happen(live_site: str, running: tuple[PatchSet, JobSpec]) -> None:
    patch_set, spec = running
    with viewing(live_site, patch_set.pull_id) as viewer:
        assert viewer.status == 200
        assert viewer.headers["content-type"] == "text/event-stream"
        assert viewer.headers["cache-control"] == "no-cache"
        assert viewer.headers["x-accel-buffering"] == "no"
        events = viewer.events()
        first = next(events)
        assert "Fetching" in first.data["run"]
        time.sleep(0.3)
        sent = time.monotonic()
        beat(spec, 1, phase=Phase.CHECKING, case="empty", ok=True, done=1, total=5)
        second = next(events)
        assert sent < second.at < sent + 3
        assert '<li class="is-ok">' in second.data["run"]
        assert "sentence" not in second.data  # nothing but the run has changed: the page is not fetched again
        beat(spec, 2, phase=Phase.CHECKING, case="one", ok=False, done=2, total=5)
        third = next(events)
        assert third.at > second.at
        assert '<li class="is-failed">' in third.data["run"]


def test_a_verdict_makes_the_page_be_fetched_again(
    live_site: str, story: Story, running: tuple[PatchSet, JobSpec]
) -> None:
    patch_set, spec = running
    with viewing(live_site, patch_set.pull_id, Accept_Language="zh-hans") as viewer:
        events = viewer.events()
        next(events)
        flow.result_arrived(attempt_id(spec), spec.token, result("wrong_answer", reason="wrong_value"))
        changed = next(events)
        assert "看判定" in changed.data["sentence"]
        assert changed.data["run"].strip() == ""


@pytest.mark.slow
def test_a_viewer_that_comes_back_gets_only_what_is_new(
    live_site: str, running: tuple[PatchSet, JobSpec]
) -> None:
    patch_set, spec = running
    with viewing(live_site, patch_set.pull_id) as viewer:
        seen = next(viewer.events()).id
    beat(spec, 1, phase=Phase.BUILDING)
    with viewing(live_site, patch_set.pull_id, Last_Event_ID=seen) as viewer:
        again = next(viewer.events())
        assert again.id != seen
        assert list(again.data) == ["run"]
        seen = again.id
    with viewing(live_site, patch_set.pull_id, seen=seen) as viewer:
        beat(spec, 2, phase=Phase.CHECKING)
        assert "is-now" in next(viewer.events()).data["run"]


def test_the_stream_ends_with_the_pull_request(
    live_site: str, running: tuple[PatchSet, JobSpec], cast: people.Cast
) -> None:
    patch_set, _spec = running
    with viewing(live_site, patch_set.pull_id) as viewer:
        events = viewer.events()
        next(events)
        pulls.close(patch_set.pull, cast.alice)
        names = [found.name for found in events]
        assert names == ["change", "over"]


@pytest.mark.slow
def test_a_stream_ends_by_itself_and_says_when_to_come_back(
    live_site: str, running: tuple[PatchSet, JobSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAM_SECONDS", 0.6)
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.0)
    with viewing(live_site, running[0].pull_id) as viewer:
        text = "".join(viewer.chunks())
    assert text.startswith("retry: 2000\n\n")
    assert ": still here\n\n" in text


@pytest.mark.slow
def test_many_viewers_cost_neither_threads_nor_queries(
    live_site: str, running: tuple[PatchSet, JobSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    patch_set, spec = running
    drawn: list[float] = []
    real = live.draw
    monkeypatch.setattr(live, "draw", lambda *args: drawn.append(time.monotonic()) or real(*args))
    viewers = [Viewer(live_site, f"/pulls/{patch_set.pull_id}/events/") for _ in range(40)]
    streams = [viewer.events() for viewer in viewers]
    try:
        for stream in streams:
            next(stream)
        threads = threading.active_count()
        begin = time.monotonic()
        beat(spec, 1, phase=Phase.BUILDING)
        late = max(next(stream).at for stream in streams) - begin
    finally:
        for viewer in viewers:
            viewer.close()
    assert threads < 20
    assert late < 4
    shared = [at for at in drawn if at > begin]
    assert len(shared) <= (time.monotonic() - begin) / live.POLL_SECONDS + 2


def test_viewers_that_left_are_forgotten(live_site: str, running: tuple[PatchSet, JobSpec]) -> None:
    with viewing(live_site, running[0].pull_id) as viewer:
        next(viewer.events())
        assert live.FRAMES.viewers >= 1
    deadline = time.monotonic() + WAIT_SECONDS
    while live.FRAMES.viewers and time.monotonic() < deadline:
        time.sleep(0.05)
    assert live.FRAMES.viewers == 0


def test_too_many_viewers_are_asked_to_look_by_hand(
    live_site: str, running: tuple[PatchSet, JobSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_STREAMS", 0)
    with viewing(live_site, running[0].pull_id) as viewer:
        assert viewer.status == 503


def test_a_pulse_is_a_few_queries_and_draws_only_what_changed(story: Story, cast: people.Cast) -> None:
    story.worker()
    pull = story.push(cast.alice).pull
    with CaptureQueriesContext(connection) as queries:
        first = live.pulse(pull.pk)
    assert len(queries) <= 10
    with CaptureQueriesContext(connection) as queries:
        assert live.pulse(pull.pk) == first
    assert len(queries) <= 2, "all who look within a second share one look at the queue"
    frame = live.draw(pull.pk, "en")
    assert live.draw(pull.pk, "en", frame) is frame
    pulls.comment(pull.patch_sets.get(), cast.bob, "A word")
    again = live.pulse(pull.pk)
    assert first is not None
    assert again is not None
    assert (again.run, again.facts != first.facts) == (first.run, True)


def test_there_is_no_stream_of_nothing(live_site: str) -> None:
    with viewing(live_site, 4711) as viewer:
        assert viewer.status == 404


def test_every_view_that_streams_is_served_by_the_event_loop() -> None:
    """All else goes to threads, which a stream would hold as long as somebody looks."""
    from hub.asgi import STREAM  # once Django is set up

    views = _views("/", get_resolver().url_patterns)
    streaming = {path for path, view in views if iscoroutinefunction(view)}
    assert streaming == {"/pulls/<int:pull_id>/events/"}
    assert STREAM.fullmatch("/pulls/42/events/")
    assert not STREAM.fullmatch("/pulls/42/")


def _views(start: str, patterns: list[Any]) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = f"{start}{pattern.pattern}"
        if hasattr(pattern, "url_patterns"):
            yield from _views(path, pattern.url_patterns)
        else:
            yield path, pattern.callback
