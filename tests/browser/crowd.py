"""A hub with a made-up community, and somebody who walks through all of its pages in Chromium.

Theory of operation
- The walk begins at the first page and follows links, `EACH` times a view at most. So a new page is visited
  as soon as another one leads to it; nothing has to be listed.
- People get their session straight from the database: how one logs in is not what is tried here.
"""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import django
from django.urls import Resolver404, resolve
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page

from tests.small_tasks import small_tasks
from tests.whole import WholeHub

PEOPLE = ("alice", "mentor", "maintainer")
EACH = 1  # addresses of one view
NOT_PAGES = ("/admin/", "/git/", "/static/", "/i18n/", "/metrics", "/healthz")
FILES = (".csv", ".json", ".svg", ".ics", ".pem", ".pdf", ".sig", ".ico")
SESSIONS = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from hub.accounts.models import User
keys = {{}}
for user in User.objects.filter(username__in={people!r}):
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "hub.accounts.backend.OpenAccounts"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    keys[user.username] = session.session_key
print("keys", json.dumps(keys))
"""


@dataclass(frozen=True)
class Crowd:
    hub: WholeHub
    sessions: dict[str, str]

    def context(self, browser: Browser, who: str = "", **options: object) -> BrowserContext:
        """Somebody at a browser of their own; nobody's name is a stranger's."""
        context = browser.new_context(reduced_motion="reduce", **options)  # type: ignore[arg-type]
        context.set_default_timeout(20_000)
        if who:
            cookie = {"name": "sessionid", "value": self.sessions[who], "url": self.hub.url}
            context.add_cookies([cookie])  # type: ignore[list-item]
        return context


@contextmanager
def crowded_hub(folder: Path) -> Iterator[Crowd]:
    hub = WholeHub(folder, workers=0, tasks=small_tasks(folder / "tasks"))
    try:
        hub.manage("migrate", "--verbosity", "0")
        hub.manage("demo_data", "small")  # the crowd comes first: it takes an empty database
        hub.start()
        said = hub.manage("shell", "--verbosity", "0", "--command", SESSIONS.format(people=PEOPLE)).stdout
        line = next(line for line in said.splitlines() if line.startswith("keys "))
        yield Crowd(hub, json.loads(line.removeprefix("keys ")))
    finally:
        hub.stop()


def knows_the_site() -> None:
    """For programs: Django tells which view an address belongs to. pytest sets it up for tests."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()


@dataclass(frozen=True)
class Visit:
    """A page that is open now, loaded without a cache."""

    page: Page
    view: str
    path: str
    status: int
    transferred: int  # bytes on the wire, with all that the page loads
    has_plot: bool


def walk(crowd: Crowd, context: BrowserContext, *first: str) -> Iterator[Visit]:
    """Every page that can be reached from the first page, and from `first`."""
    page = context.new_page()
    wire = Wire(context.new_cdp_session(page))
    waiting, seen, visits = deque(["/", *first]), set[str](), Counter[str]()
    while waiting:
        path = waiting.popleft()
        view = view_of(path)
        if path in seen or not view or visits[view] >= EACH:
            continue
        seen.add(path)
        visits[view] += 1
        wire.transferred = 0
        answer = page.goto(crowd.hub.url + path, wait_until="load")
        assert answer is not None
        yield Visit(
            page, view, path, answer.status, wire.transferred, page.locator("[data-plot]").count() > 0
        )
        if urlsplit(page.url).path == path.partition("?")[0]:
            waiting += links(page, crowd.hub.url)
    page.close()


class Wire:
    """Counts what arrives."""

    def __init__(self, session: CDPSession) -> None:
        self.transferred = 0
        session.on("Network.loadingFinished", self._count)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def _count(self, told: dict[str, float]) -> None:
        self.transferred += int(told["encodedDataLength"])


def links(page: Page, site: str) -> list[str]:
    """Addresses of this site that the page links to, each once, in its order."""
    found = page.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)")
    inside = [urldefrag(url).url.removeprefix(site) for url in found if url.startswith(f"{site}/")]
    return list(dict.fromkeys(inside))


def view_of(path: str) -> str:
    """The name of the page's view; empty if it is no page of ours."""
    plain = path.partition("?")[0]
    if plain.startswith(NOT_PAGES) or plain.endswith(FILES):
        return ""
    try:
        return resolve(plain).view_name
    except Resolver404:
        return ""
