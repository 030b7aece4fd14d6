"""People of `staging.py` at browsers of their own, in one language; what their pages must never do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.small_tasks import small_tasks
from tests.whole import WholeHub

ACTED_COOKIE = "acted"  # as in hub/web/kept.py, which nobody imports without Django's settings

STAGE = "from tests.browser.staging import stage; stage()"
LOCALES = {"en": "en-GB", "zh": "zh-CN"}
HTML_LANG = {"en": "en", "zh": "zh-Hans"}
PATIENCE = 30_000  # milliseconds: two processors may be busy with other tests


@dataclass
class Person:
    """Somebody at a browser."""

    url: str
    language: str
    username: str
    page: Page

    def open(self, path: str, status: int = 200) -> None:
        self.want_all()
        answer = self.page.goto(self.url + path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status}"
        expect(self.page.locator("html")).to_have_attribute("lang", HTML_LANG[self.language])

    def want_all(self) -> None:
        """No copy of a page: what others have just done is seen some seconds later otherwise."""
        now = {"name": ACTED_COOKIE, "value": f"{time.time():.6f}", "url": self.url}
        self.page.context.add_cookies([now])  # type: ignore[list-item]

    def find(self, selector: str) -> Locator:
        return self.page.locator(selector).first

    def sees(self, selector: str, text: str = "") -> None:
        found = self.page.locator(selector)
        expect((found.filter(has_text=text) if text else found).first).to_be_visible()

    def sees_no(self, selector: str) -> None:
        expect(self.page.locator(selector)).to_have_count(0)

    def form(self, action: str) -> Locator:
        """The form that goes to an address ending so, unfolded where it is folded."""
        form = self.find(f'form[action$="{action}"]')
        form.wait_for(state="attached")
        if not form.is_visible():
            form.locator("xpath=ancestor::details[1]/summary").click()
        return form

    def send(self, action: str, button: str = "", **fields: str) -> None:
        """Fill in that form's fields and send it by its first button, or by the one that `button` selects."""
        self.fill_and_send(self.form(action), button, **fields)

    def fill_and_send(self, form: Locator, button: str = "", **fields: str) -> None:
        for name, value in fields.items():
            box = form.locator(f'[name="{name}"]').first
            if box.evaluate("box => box.tagName") == "SELECT":
                box.select_option(value)
            else:
                box.fill(value)
        with self.page.expect_navigation():
            form.locator(f"button{button}").first.click()

    def follow(self, selector: str) -> None:
        self.want_all()
        with self.page.expect_navigation():
            self.find(selector).click()

    def is_done(self) -> None:
        """The page says that what was sent is done."""
        expect(self.find(".notices .is-success, .notices .is-info")).to_be_visible()

    def fetched(self, path: str) -> str:
        """A file, as a link to it would load it."""
        answer = self.page.request.get(self.url + path)
        assert answer.ok, f"{path}: {answer.status}"
        return answer.text()


@dataclass
class Company:
    """Everybody of one language, and the facts that `staging.py` made for them."""

    hub: WholeHub
    browser: Browser
    language: str
    facts: dict[str, Any]
    contexts: list[BrowserContext] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __getitem__(self, fact: str) -> Any:
        return self.facts[fact]

    def stranger(self, **options: Any) -> Person:
        return self._person("", **options)

    def person(self, role: str, **options: Any) -> Person:
        return self._person(role, **options)

    def name(self, role: str) -> str:
        return f"{role}-{self.language}"

    def _person(self, role: str, **options: Any) -> Person:
        context = self.browser.new_context(locale=LOCALES[self.language], reduced_motion="reduce", **options)
        self.contexts.append(context)
        context.set_default_timeout(PATIENCE)
        if role:
            value = self.facts["sessions"][role]
            context.add_cookies([{"name": "sessionid", "value": value, "url": self.hub.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("console", lambda said: self._heard(page, said))
        return Person(self.hub.url, self.language, self.name(role) if role else "", page)

    def _heard(self, page: Page, said: ConsoleMessage) -> None:
        if "Content Security Policy" in said.text:
            self.faults.append(f"{page.url}: {said.text}")

    def leave(self) -> None:
        for context in self.contexts:
            context.close()


@contextmanager
def staged_hub(folder: Path) -> Iterator[tuple[WholeHub, dict[str, Any]]]:
    """A hub without a judge, and the facts of each language."""
    hub = WholeHub(folder, workers=0, tasks=small_tasks(folder / "tasks"))
    try:
        hub.start()
        said = hub.manage("shell", "--verbosity", "0", "--command", STAGE).stdout
        line = next(line for line in said.splitlines() if line.startswith("facts "))
        yield hub, json.loads(line.removeprefix("facts "))
    finally:
        hub.stop()
