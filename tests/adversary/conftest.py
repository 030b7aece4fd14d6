"""A real sandbox for all cases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench_runner.sandbox import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    opened = Sandbox.open(slot=8)
    yield opened
    opened.close()
