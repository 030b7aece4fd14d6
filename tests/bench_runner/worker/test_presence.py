"""Hello every ten seconds, whatever else happens; waiting jobs become wake-ups, a deaf worker starts anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bench_runner.client import HubClient
from bench_runner.contract import Hello
from bench_runner.presence import WAKE_AT_ONCE, Presence
from bench_runner.spool import Spool
from tests.bench_runner.worker.hub_double import TOKEN, HubDouble, serving, wait_for


class Queue:
    def __init__(self) -> None:
        self.woken: list[str] = []
        self.away = self.occupied = False
        self.listens = True

    def wake(self, jobs: Sequence[str]) -> bool:
        if not self.away:
            self.woken += jobs
        return not self.away

    def busy(self) -> bool:
        return self.occupied

    def listen(self, on: bool) -> None:
        self.listens = on


@pytest.fixture
def hub() -> Iterator[HubDouble]:
    with serving() as double:
        yield double


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def restarts() -> list[str]:
    return []


@pytest.fixture
def presence(hub: HubDouble, queue: Queue, restarts: list[str], tmp_path: Path) -> Presence:
    hello = Hello("w", "cpu-x86", {}, sandboxed=True)
    return Presence(
        HubClient(hub.url, TOKEN), lambda: hello, Spool(tmp_path), queue, lambda: restarts.append("now")
    )


def test_the_thread_says_hello_at_once_and_ends_when_told(hub: HubDouble, presence: Presence) -> None:
    presence.start()
    wait_for(lambda: hub.hellos)
    presence.stop()


def test_waiting_jobs_wake_an_idle_worker(hub: HubDouble, presence: Presence, queue: Queue) -> None:
    hub.waiting = [f"j{number}" for number in range(20)]
    presence.say_hello()
    assert queue.woken == hub.waiting[:WAKE_AT_ONCE]


def test_a_busy_worker_says_hello_and_wakes_nobody(hub: HubDouble, presence: Presence, queue: Queue) -> None:
    hub.waiting, queue.occupied = ["j"], True
    presence.say_hello()
    assert len(hub.hellos) == 1
    assert queue.woken == []


def test_the_spool_is_emptied_when_the_hub_is_back(
    hub: HubDouble, presence: Presence, tmp_path: Path
) -> None:
    Spool(tmp_path).put("/api/worker/attempts/a/fault", "t", {"what": "late news"})
    hub.broken = 1
    presence.say_hello()
    assert hub.faults == []
    presence.say_hello()
    assert hub.faults == ["late news"]


def test_a_worker_that_the_hub_calls_deaf_starts_anew(
    hub: HubDouble, presence: Presence, restarts: list[str]
) -> None:
    presence.say_hello()
    assert restarts == []
    hub.deaf = True
    presence.say_hello()
    assert restarts == ["now"]


def test_a_paused_worker_leaves_its_queue_to_others_until_it_is_told_to_go_on(
    hub: HubDouble, presence: Presence, queue: Queue
) -> None:
    hub.paused = True
    presence.say_hello()
    assert not queue.listens
    hub.paused = False
    presence.say_hello()
    assert queue.listens


def test_a_refused_token_does_not_stop_the_worker(hub: HubDouble, presence: Presence) -> None:
    hub.refuse["hello"] = 401
    presence.say_hello()
    presence.say_hello()
    assert len(hub.requests) == 2
