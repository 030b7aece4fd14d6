"""Every page that links lead to, for people of each kind: no barrier for axe-core, and little to load."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.crowd import Crowd, crowded_hub, walk

pytestmark = [
    pytest.mark.slow,
    pytest.mark.sandbox,
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
]

LOCK = Path(__file__).parent / "axe"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """([rules, contrast]) => axe.run(document, {
    runOnly: rules, resultTypes: ["violations"], rules: {"color-contrast": {enabled: contrast}},
}).then(found =>
    found.violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 160)}`)))"""
MOST_BYTES = 200_000  # of a page without a plot
MISSING = "/tasks/no-such-task/"
NARROWEST = 320  # WCAG 1.4.10: nothing scrolls in two directions
STRANGERS = ("/login/", "/signup/", "/password/reset/", MISSING)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    with crowded_hub(tmp_path_factory.mktemp("crowd")) as started:
        yield started


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """axe-core in the version and with the digest that its lock names, from whatever registry npm asks."""
    if shutil.which("npm") is None:
        pytest.skip("axe-core comes by npm, which is not installed: apt-get install npm")
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCK / name, folder)
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=300)
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


@dataclass(frozen=True)
class Found:
    """What was seen of one page."""

    status: int
    transferred: int
    has_plot: bool
    barriers: dict[str, list[str]]  # by theme
    narrow_barriers: list[str]
    narrow: int  # CSS pixels that it needs where there are NARROWEST


@pytest.fixture(
    scope="module", params=["", "alice", "maintainer"], ids=["stranger", "contributor", "maintainer"]
)
def walked(request: pytest.FixtureRequest, browser: Browser, crowd: Crowd, axe: str) -> dict[str, Found]:
    """Each page once, by its path."""
    context = crowd.context(browser, request.param)
    first = () if request.param else STRANGERS
    found = {
        visit.path: Found(
            visit.status,
            visit.transferred,
            visit.has_plot,
            {theme: barriers_of(visit.page, axe, theme) for theme in ("light", "dark")},
            *narrow(visit.page, axe),
        )
        for visit in walk(crowd, context, *first)
    }
    context.close()
    assert len(found) > 10
    return found


def barriers_of(page: Page, axe: str, theme: str) -> list[str]:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    return run_axe(page, axe, contrast=True)


def run_axe(page: Page, axe: str, *, contrast: bool) -> list[str]:
    page.evaluate(f"window.axe === undefined && (() => {{{axe}}})()")
    return list(page.evaluate(RUN, [RULES, contrast]))


def narrow(page: Page, axe: str) -> tuple[list[str], int]:
    """Barriers that only a narrow screen has (colours are the same there), and the width that is needed."""
    before = page.viewport_size
    page.set_viewport_size({"width": NARROWEST, "height": 800})
    if page.locator("[data-plot]").count():
        page.reload(wait_until="load")  # a figure follows a window's new size only after a while
    width = int(page.evaluate("document.documentElement.scrollWidth"))
    found = run_axe(page, axe, contrast=False)
    assert before is not None
    page.set_viewport_size(before)
    return found, width


def test_axe_finds_no_barrier_on_any_page_in_either_theme(walked: dict[str, Found]) -> None:
    found = {path: page.barriers for path, page in walked.items() if any(page.barriers.values())}
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


def test_axe_finds_no_barrier_where_it_is_narrow(walked: dict[str, Found]) -> None:
    found = {path: page.narrow_barriers for path, page in walked.items() if page.narrow_barriers}
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


def test_a_page_without_a_plot_takes_little_to_load(walked: dict[str, Found]) -> None:
    sizes = {path: page.transferred for path, page in walked.items() if not page.has_plot}
    assert {path: size for path, size in sizes.items() if not 0 < size <= MOST_BYTES} == {}


def test_a_page_fits_the_narrowest_screen(walked: dict[str, Found]) -> None:
    assert {path: page.narrow for path, page in walked.items() if page.narrow > NARROWEST} == {}


def test_no_link_leads_to_a_page_that_is_broken_or_missing(walked: dict[str, Found]) -> None:
    wrong = {path: page.status for path, page in walked.items() if page.status >= 400}
    assert wrong.keys() - {MISSING} == set(), wrong
