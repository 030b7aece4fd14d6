"""How soon a page is painted and how much it loads: `make bench-pages` prints a line a page.

Site and Chromium share this machine; each page is loaded once, and nothing is cached. Kept in
`docs/pages.json` with the processor's name.
"""

from __future__ import annotations

import json
import platform
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from hub.services.programs import ROOT
from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.crowd import Visit, crowded_hub, knows_the_site, walk

FILE = ROOT / "docs" / "pages.json"
WHO = "maintainer"
PAINTED = """() => new Promise(done => {
    const seen = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
    if (seen()) return done(seen());
    new PerformanceObserver(() => seen() && done(seen())).observe({type: "paint", buffered: true});
})"""


def main() -> None:
    knows_the_site()
    with (
        tempfile.TemporaryDirectory() as folder,
        crowded_hub(Path(folder)) as crowd,
        sync_playwright() as made,
    ):
        browser = made.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        lines = [measured(visit) for visit in walk(crowd, crowd.context(browser, WHO))]
        browser.close()
    for line in sorted(lines, key=lambda line: -line["first_contentful_paint_s"]):
        plot = " with a plot" if line["has_plot"] else ""
        print(
            f"{line['first_contentful_paint_s']:6.2f} s {line['bytes'] / 1e3:8.1f} kB  {line['path']}{plot}"
        )
    kept = {"cpu": _processor(), "cpus": len(_processors()), "chromium": browser.version, "pages": lines}
    FILE.write_text(json.dumps(kept, indent=1) + "\n")


def measured(visit: Visit) -> dict[str, Any]:
    return {
        "path": visit.path,
        "view": visit.view,
        "first_contentful_paint_s": round(painted(visit.page) / 1e3, 3),
        "bytes": visit.transferred,
        "has_plot": visit.has_plot,
    }


def painted(page: Page) -> float:
    """Milliseconds from asking for the page to its first text or picture."""
    return float(page.evaluate(PAINTED))


def _processors() -> list[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]


def _processor() -> str:
    return next(iter(_processors()), platform.machine())


if __name__ == "__main__":
    main()
