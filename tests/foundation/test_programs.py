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
