"""Photographs ten pages of a made-up community: `make screenshots` writes them to docs/screenshots.

Each page twice: wide, light and in English; narrow, dark and in Chinese.
"""

from __future__ import annotations

import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from hub.services.programs import ROOT
from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.crowd import Crowd, crowded_hub, knows_the_site, walk

FOLDER = ROOT / "docs" / "screenshots"
QUALITY = 60  # of WebP
# Name of the file and of the view; who looks; the address is the first that a walk finds.
PAGES = {
    "home": "web:home",
    "tasks": "web:tasks",
    "task": "web:task",
    "board": "web:board",
    "pulls": "web:pulls",
    "pull": "web:pull",
    "learn": "web:lesson",
    "person": "web:person",
    "desk": "web:desk",
    "workers": "web:workers",
}
WHO = "maintainer"


@dataclass(frozen=True)
class Look:
    name: str
    width: int
    height: int
    theme: str
    language: str

    def context(self, crowd: Crowd, browser: Browser) -> BrowserContext:
        size = {"width": self.width, "height": self.height}
        return crowd.context(browser, WHO, viewport=size, color_scheme=self.theme, locale=self.language)


LOOKS = (
    Look("wide-light-en", 1280, 960, "light", "en-GB"),
    Look("narrow-dark-zh", 390, 844, "dark", "zh-CN"),
)


def main() -> None:
    knows_the_site()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        crowded_hub(Path(folder)) as crowd,
        sync_playwright() as made,
    ):
        browser = made.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        paths = addresses(crowd, browser)
        for look in LOOKS:
            context = look.context(crowd, browser)
            for name, view in PAGES.items():
                photograph(context, crowd.hub.url + paths[view], FOLDER / f"{name}-{look.name}.webp")
            context.close()
        browser.close()
    size = sum(file.stat().st_size for file in FOLDER.glob("*.webp"))
    print(f"{len(PAGES) * len(LOOKS)} screenshots in {FOLDER.relative_to(ROOT)}, {size / 1e6:.2f} MB")


def addresses(crowd: Crowd, browser: Browser) -> dict[str, str]:
    """An address of each view, as a stranger comes by it: so people are those with something to show."""
    context, found = crowd.context(browser), {}
    for visit in walk(crowd, context, "/desk/"):
        found[visit.view] = visit.path
        if found.keys() >= set(PAGES.values()):
            break
    context.close()
    return found


def photograph(context: BrowserContext, url: str, file: Path) -> None:
    page = context.new_page()
    page.goto(url, wait_until="load")
    page.wait_for_function(
        "[...document.querySelectorAll('[data-plot]')].every(plot => plot.children.length)"
    )
    session: Any = context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    file.write_bytes(base64.b64decode(taken["data"]))
    page.close()


if __name__ == "__main__":
    main()
