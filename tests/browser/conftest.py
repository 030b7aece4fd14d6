from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.town import Company, staged_hub
from tests.small_tasks import small_tasks
from tests.whole import WholeHub, whole_hub

CHROMIUM = "/usr/bin/chromium"
# No process anew for each page that is opened: starting one takes longer than drawing most pages.
OPTIONS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--in-process-gpu",
           "--renderer-process-limit=1", "--process-per-site", "--disable-site-isolation-trials"]  # fmt: skip
expect.set_options(timeout=30_000)  # drawing a plot on a busy machine takes more than the 5 s of the default


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeHub]:
    folder = tmp_path_factory.mktemp("hub")
    with whole_hub(folder, tasks=small_tasks(folder / "tasks")) as started:
        yield started


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    # Ended with the package: its event loop would make Django refuse the database to the tests that follow.
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WholeHub, dict[str, Any]]]:
    with staged_hub(tmp_path_factory.mktemp("town")) as started:
        yield started


@pytest.fixture(params=["en", "zh"], ids=["English", "Chinese"])
def company(
    request: pytest.FixtureRequest, browser: Browser, town: tuple[WholeHub, dict[str, Any]]
) -> Iterator[Company]:
    """Everybody of one language; no page of theirs may have broken a script or its own rules."""
    hub, facts = town
    everybody = Company(hub, browser, request.param, facts[request.param])
    yield everybody
    everybody.leave()
    assert everybody.faults == []
