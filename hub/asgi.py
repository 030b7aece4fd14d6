"""One server for everything: `/git/` goes to the git door, all else to Django, its bodies bounded.

Streams go to Django's own handler, in the event loop; pages to `hub/web/serving.py`, in threads.
"""

from __future__ import annotations

import gc
import os
import re

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")

from django.core.asgi import get_asgi_application

streams = get_asgi_application()

# These need the app registry.
from hub import flow, publishing
from hub.bench.quotas import push_policy
from hub.core import clock
from hub.repos.backend import Message, Receive, Send
from hub.repos.door import AllTasks, Door
from hub.repos.models import Repository
from hub.web.serving import Pages
from hub.web.tracing import traced

# Django spools a body of any length to disk before a view sees the request, whoever sent it. The longest that
# we take is a worker's result, which has its own limit below this one and a better answer.
BODY_MOST = 16 * 1024 * 1024

STREAM = re.compile(r"/pulls/[0-9]+/events/")  # see hub/web/live.py

pages = Pages()
all_tasks = AllTasks(publishing.why_not_publish, publishing.mirror, publishing.absorb)


def hides_branches(repository: Repository) -> bool:
    """Whoever may see others' work all the same, sees it on the pages."""
    return repository.task.is_hidden(clock.now())


git_door = Door(
    all_tasks=all_tasks,
    policy_of=push_policy,
    on_push=flow.branches_moved,
    hides_branches=hides_branches,
)


# All that is loaded by now stays. Where the collector looks through it again, every page waits for 0.1 s.
gc.collect()
gc.freeze()


async def application(scope: Message, receive: Receive, send: Send) -> None:
    # In front of Django: it would spool the whole pack before the first byte is looked at.
    if scope["type"] == "http" and scope["path"].startswith("/git/"):
        await traced(git_door)(scope, receive, send)
    elif scope["type"] == "http" and (refusal := _refusal(scope)) is not None:
        status, text = refusal
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": f"{text}\n".encode()})
    elif scope["type"] == "http":
        answering = streams if STREAM.fullmatch(scope["path"]) else pages
        await answering(scope, _bounded(receive), send)


def _refusal(scope: Message) -> tuple[int, str] | None:
    if _told_length(scope) > BODY_MOST:
        return 413, f"The request is longer than {BODY_MOST} bytes."
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:  # PostgreSQL would fail at it, whatever asks
        return 400, "The address holds a NUL character, which no address of this site has."
    return None


def _told_length(scope: Message) -> int:
    told = dict(scope["headers"]).get(b"content-length", b"")
    return int(told) if told.isdigit() and len(told) < 20 else 0


def _bounded(receive: Receive) -> Receive:
    """A body that told no length and does not end is cut off: Django takes it for a client that left."""
    left = BODY_MOST

    async def received() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return message if left >= 0 else {"type": "http.disconnect"}

    return received
