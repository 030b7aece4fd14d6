"""What never leaves: secrets in logs; what every answer brings: headers that keep browsers in check."""

from __future__ import annotations

import logging
import re

import pytest

from hub.bench.actions import register_worker
from tests import people
from tests.hub.security.world import World, addresses

HEADERS = {
    "content-security-policy": "default-src '",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=()",
}
OTHERS = ("/static/css/touchstone.css", "/no-such-page", "/tasks", "/settings/tokens/", "/api/worker/hello")


@pytest.mark.slow
def test_every_answer_has_the_security_headers(world: World) -> None:
    client = world.client("maintainer")
    paths = [world.address(address) for address in addresses() if address.view != "web:pull_events"]
    for path in (*paths, *OTHERS):
        answer = client.get(path)
        missing = {name for name, value in HEADERS.items() if value not in answer.headers.get(name, "")}
        assert not missing, (path, missing)


@pytest.mark.slow
def test_no_secret_gets_into_the_logs(world: World, caplog: pytest.LogCaptureFixture) -> None:
    client = world.client("author")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("django.db.backends").setLevel(logging.INFO)  # queries are logged nowhere in life
        made = client.post("/settings/tokens/create/", {"name": "x", "days": "30"})
        token = re.search(r"ts_[A-Za-z0-9_-]{43}", made.content.decode())
        worker = register_worker("leaky")
        assert token is not None and worker is not None  # noqa: PT018
        client.post("/api/worker/hello", {}, headers={"authorization": f"Bearer {worker}"})
        client.get("/tasks/", headers={"authorization": f"Bearer {token[0]}"})
        client.get(f"/events/own/{world.named['secret']}.ics")
        login = {"login": "alice", "username": "alice", "password": people.PASSWORD}
        world.client("stranger").post("/login/", login)
        world.client("stranger").post("/login/", {**login, "password": people.PASSWORD + "?"})
    assert "/events/own/" in caplog.text
    session = client.cookies["sessionid"].value
    for secret in (token[0], worker, world.named["secret"], people.PASSWORD, session):
        assert secret not in caplog.text
