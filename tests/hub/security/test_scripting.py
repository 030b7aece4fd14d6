"""What strangers write is shown and does nothing, wherever it stands: stored, reflected, in code, in logs."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db.models import CharField, Field, Model, TextField

from hub import flow
from hub.bench import actions as bench
from tests.hub.security.matrix import MATRIX
from tests.hub.security.test_access import quiet
from tests.hub.security.world import World, addresses
from tests.hub.story import SOLUTION, Story, attempt_id, event

__all__ = ["quiet"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quiet")]

SEEN = "alert(1)"  # stands in every attempt, so that a page that shows one is known
ATTEMPTS = (
    f"\"'><script>{SEEN}</script>",
    f"</textarea></title></script><img src=x onerror={SEEN}>",
    f"[read](javascript:{SEEN}) <a href='javascript:{SEEN}'>x</a> `</code><svg onload={SEEN}>`",
    f"![x](javascript:{SEEN}) <iframe srcdoc='<script>{SEEN}</script>'> {{{{ {SEEN} }}}}",
)
# Written by us alone: names in addresses, digests, closed sets; a page would fail before it shows them.
OURS = {
    "slug", "username", "digest", "head_sha", "base_sha", "sha", "hardware_class", "topic", "path", "icon",
    "likeness", "password", "what", "kind", "key", "dedupe_key", "language", "ref", "state", "number",
    "time_zone", "sig", "nonce", "salt", "old", "new", "url", "currency",
    "statement", "signature", "device", "speed", "stopped", "phase", "badge", "rules",
}  # fmt: skip
APART = {"sessions", "contenttypes", "admin", "auth", "account", "mfa", "socialaccount", "usersessions"}
NAMES = (
    "text", "q", "stage", "page", "order", "language", "level", "comment", "since", "patch_set", "next",
    "kind", "mentor", "task", "view", "revision", "sort", "who", "what", "metric", "state", "sig",
)  # fmt: skip


class Page(HTMLParser):
    """What on a page would run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.running: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        data = values.get("type") == "application/json"
        if tag == "script" and not data and not values.get("src", "").startswith("/static/"):
            self.running.append(f"<{tag}>")
        if tag in ("iframe", "object", "embed", "base"):
            self.running.append(f"<{tag}>")
        for name, value in values.items():
            where = value.strip().lower()
            if name.startswith("on") or where.startswith(("javascript:", "data:text", "vbscript:")):
                self.running.append(f"<{tag} {name}={value[:60]}>")

    handle_startendtag = handle_starttag


def pages(
    world: World, role: str, query: str = "", *, may_break: bool = False
) -> tuple[dict[str, list[str]], int]:
    """By page what would run there; and how many pages show an attempt."""
    client, running, shown = world.client(role), {}, 0
    for address in addresses():
        row = MATRIX.get(address.view)
        if row is None or address.view in ("web:pull_events", "account_logout"):
            continue
        answer = client.get(world.address(address) + query)
        assert may_break or answer.status_code < 500, address.view
        if answer.headers.get("content-type", "").startswith(("text/html", "image/svg")):
            text = answer.content.decode()
            shown += SEEN in text
            if found := Page(text).running:
                running[address.view] = found
    return running, shown


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_that_is_stored_runs(world: World, attempt: str) -> None:
    for model in apps.get_models():
        if model._meta.app_label not in APART:
            write(model, attempt)
    # What only we write may be in a column that is not in OURS: then its page breaks, and runs nothing.
    running, shown = pages(world, "maintainer", may_break=True)
    assert running == {}
    assert shown > 20


def write(model: type[Model], attempt: str) -> None:
    """Put the attempt into every column of every row that a person's words could reach."""
    for field in model._meta.concrete_fields:
        if isinstance(field, CharField | TextField) and not field.choices and field.name not in OURS:
            text = attempt[: field.max_length] if field.max_length else attempt
            try:
                with transaction.atomic():
                    model._base_manager.update(**{field.name: text})
            except IntegrityError:  # unique, or kept to a form by the database itself
                assert is_kept(model, field), f"{model.__name__}.{field.name}"


def is_kept(model: type[Model], field: Field[Any, Any]) -> bool:
    constraints = [str(constraint.deconstruct()) for constraint in model._meta.constraints]
    return field.unique or any(repr(field.name)[1:-1] in constraint for constraint in constraints)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_in_an_address_runs(world: World, attempt: str) -> None:
    query = "?" + "&".join(f"{name}={quote(attempt)}" for name in NAMES)
    running, shown = pages(world, "author", query)
    assert running == {}
    assert shown > 0


def test_nothing_that_a_form_gives_back_runs(world: World) -> None:
    for address in addresses():
        row = MATRIX.get(address.view)
        if row is None or set(row.post) & set("mub") or address.view.startswith("account_log"):
            continue
        with transaction.atomic():
            names = (*row.data, "body", "text", "why", "username", "login", "email")
            form = dict.fromkeys(names, ATTEMPTS[0])
            answer = world.client("maintainer").post(world.address(address), form, follow=True)
            assert answer.status_code < 500, address.view
            assert Page(answer.content.decode()).running == [], address.view
            transaction.set_rollback(True)


def test_names_of_files_code_and_logs_do_not_run(world: World, story: Story) -> None:
    alice = world.people["author"]
    assert alice is not None
    name = f"<img src=x onerror={SEEN}>.c"
    code = "\n".join(ATTEMPTS).encode()
    pushed = story.push(alice, "evil", files={SOLUTION: code, name: code}, subject=ATTEMPTS[1])
    spec = story.claim(story.live(patch_set=pushed)[0])
    bench.heartbeat(attempt_id(spec), spec.token, [event(1, "\n".join(ATTEMPTS))])
    client = world.client("maintainer")
    paths = [f"/pulls/{pushed.pull_id}/", f"/pulls/{pushed.pull_id}/diff/"]
    running = [client.get(path).content.decode() for path in paths]
    flow.attempt_failed(attempt_id(spec), spec.token, ATTEMPTS[1])
    failed = client.get(paths[0]).content.decode()
    for text in (*running, failed):
        assert Page(text).running == []
    assert all(SEEN in text for text in running)
