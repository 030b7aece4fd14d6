"""Every page that links lead to, for people of each kind: no barrier for axe-core, and little to load."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
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
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """rules => axe.run(document, {runOnly: rules, resultTypes: ["violations"]}).then(found =>
    found.violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.html.slice(0, 160)}`)))"""
MOST_BYTES = 200_000  # of a page without a plot
STRANGERS = ("/login/", "/signup/", "/password/reset/", "/no-such-page/")


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


@pytest.mark.parametrize("who", ["", "alice", "mentor", "maintainer"])
def test_axe_finds_no_barrier_on_any_page_in_either_theme(
    browser: Browser, crowd: Crowd, axe: str, who: str
) -> None:
    context = crowd.context(browser, who)
    found, broken = {}, {}
    for visit in walk(crowd, context, *(() if who else STRANGERS)):
        if visit.status >= 500:
            broken[visit.path] = visit.status
        for theme in ("light", "dark"):
            visit.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
            if barriers := barriers_of(visit.page, axe):
                found[f"{visit.path} {theme}"] = barriers
    context.close()
    assert broken == {}
    assert not found, json.dumps(found, indent=1, ensure_ascii=False)


def barriers_of(page: Page, axe: str) -> list[str]:
    page.evaluate(f"window.axe === undefined && (() => {{{axe}}})()")
    return list(page.evaluate(RUN, RULES))


def test_a_page_without_a_plot_takes_little_to_load(browser: Browser, crowd: Crowd) -> None:
    context = crowd.context(browser, "maintainer")
    sizes = {visit.path: visit.transferred for visit in walk(crowd, context) if not visit.has_plot}
    context.close()
    assert len(sizes) > 10
    assert {path: size for path, size in sizes.items() if not 0 < size <= MOST_BYTES} == {}
