"""Where a hub listens, and what its first words say of that."""

from __future__ import annotations

import io
import time

import pytest
import pytest_django

from hub.management.commands.up import Command
from hub.services import programs
from hub.services.progress import Progress

HERE = "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("host", "site_url", "others"),
    [
        ("127.0.0.1", HERE, False),
        ("localhost", "http://localhost:8000", False),
        ("0.0.0.0", HERE, True),
        ("192.168.1.7", "http://192.168.1.7:8000", True),
        ("127.0.0.1", "https://hub.example.org", True),  # behind a proxy
    ],
)
def test_a_public_demo_is_warned_of(
    host: str, site_url: str, others: bool, settings: pytest_django.Settings
) -> None:
    settings.SITE_URL = site_url
    place = programs.place(host, 8000, given={})
    assert place.reached_by_others(site_url) is others
    for demo in (True, False):
        settings.DEMO = demo
        out = io.StringIO()
        command = Command()
        command.progress = Progress(time.monotonic(), out)
        command._greet(place)
        assert ("WARNING: other machines reach this hub" in out.getvalue()) is (others and demo)


@pytest.mark.parametrize(("cpus", "nice"), [(1, 0), (2, programs.BEFORE_BUILDS)])
def test_pages_go_before_builds_where_the_worker_measures_elsewhere(
    cpus: int, nice: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(cpus)))
    at = programs.place("127.0.0.1", 8000, {})
    assert (programs.site(at).nice, programs.worker(at).nice) == (nice, 0)


@pytest.mark.parametrize(("cpus", "number"), [(1, 1), (2, 1), (3, 2), (64, programs.MOST_BY_ITSELF)])
def test_the_site_has_a_process_for_each_processor_beside_the_workers(
    cpus: int, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(cpus)))
    assert programs.site_processes({}) == number
    command = list(programs.site(programs.place("127.0.0.1", 8000, given={})).command)
    assert ("--workers" in command) is (number > 1)


def test_the_number_of_processes_can_be_given() -> None:
    assert programs.site_processes({"SITE_PROCESSES": "3"}) == 3


@pytest.mark.parametrize("told", ["0", "-1", "two", "1000"])
def test_a_number_of_processes_that_is_none_is_refused_with_what_is_allowed(told: str) -> None:
    with pytest.raises(ValueError, match=f"{told}.*give a number from 1 to"):
        programs.site_processes({"SITE_PROCESSES": told})
