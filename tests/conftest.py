"""What every test gets, whatever it tests, and the order in which they run."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_django
from django.utils import translation

from hub.services import translations
from tests.live import live_site, served_site

__all__ = ["live_site", "served_site"]  # a site over HTTP, for whoever asks for it

# The longest first, so that several processes end at about the same time.
LONGEST = (
    "tests/flow",
    "tests/browser",
    "tests/foundation/test_up",
    "tests/bench_runner/worker/test_process",
    "tests/adversary",
    "tests/bench_runner",
    "tests/tasks",
)
# What these find depends on how long something takes: nothing may run beside them.
MEASURING = ("tests/bench_runner/test_channel.py", "tests/bench_runner/test_director.py")
MEASURED_IN = ("tests/bench_runner/", "tests/adversary/")  # as MEASURING in the Makefile
_STATES: dict[str, Any] = {}  # of modules' generators, before their first test


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # once, not in every xdist worker
        translations.compile_stale()


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        slow = item.get_closest_marker("slow") is not None
        if item.nodeid.startswith(MEASURING) or (slow and item.nodeid.startswith("tests/adversary")):
            item.add_marker("alone")
        if item.get_closest_marker("alone") and not item.nodeid.startswith(MEASURED_IN):
            raise pytest.UsageError(f"{item.nodeid} would never run: see MEASURING in the Makefile")
    items.sort(key=_turn)


def pytest_collection_finish() -> None:
    """What was imported and collected stays: no need to walk through it at each collection of garbage."""
    gc.collect()
    gc.freeze()


def _turn(item: pytest.Item) -> int:
    places = (place for place, start in enumerate(LONGEST) if item.nodeid.startswith(start))
    return next(places, len(LONGEST))


@pytest.fixture(autouse=True)
def _numbers_of_its_own(request: pytest.FixtureRequest) -> None:
    """A test draws the same from its module's generator whichever tests ran before it in this process."""
    generator = getattr(request.module, "rng", getattr(request.module, "RNG", None))
    if isinstance(generator, np.random.Generator):
        first = _STATES.setdefault(request.module.__name__, generator.bit_generator.state)
        generator.bit_generator.state = first


@pytest.fixture(autouse=True)
def _language_of_its_own() -> None:
    """A page that a test before it read in Chinese has left the thread in that language."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def _repositories_of_its_own(settings: pytest_django.Settings, tmp_path: Path) -> None:
    """No test sees the bare repositories of another."""
    settings.GIT_ROOT = tmp_path / "git"
