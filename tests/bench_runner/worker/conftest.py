"""A hub to speak with and a sandbox that starts nothing: what a worker does around its judging."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench_runner import client as client_module
from bench_runner import reporter as reporter_module
from tests.bench_runner.worker.hub_double import HubDouble, serving
from tests.bench_runner.worker.sandbox_double import SandboxDouble


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    monkeypatch.setattr(reporter_module, "NEWS_SECONDS", 0.02)
    monkeypatch.setattr(client_module, "FIRST_PAUSE", 0.01)
    with serving() as double:
        yield double


@pytest.fixture
def sandbox() -> SandboxDouble:
    return SandboxDouble()
