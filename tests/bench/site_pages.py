"""The pages that `site.py` asks for, who asks, and what they are about in the database of DATABASE_URL.

    python -m tests.bench.site_pages        prints the facts and each page's number of queries, as JSON

The largest there is, where there is a choice: the board with most entries, who has most pull requests.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

# (page, who asks, how often). {names} are what `facts` finds.
PAGES = (
    ("/", "stranger", 6),
    ("/", "contributor", 6),
    ("/", "mentor", 2),
    ("/tasks/", "stranger", 6),
    ("/tasks/", "contributor", 4),
    ("/tasks/?text=softmax", "stranger", 3),
    ("/tasks/?level=2&kind=operator&page=2", "contributor", 2),
    ("/tasks/{busy_task}/", "stranger", 4),
    ("/tasks/{task}/", "contributor", 6),
    ("/tasks/{task}/revisions/", "stranger", 1),
    ("/boards/", "stranger", 4),
    ("/boards/{busy_board}/", "stranger", 4),
    ("/boards/{board}/", "contributor", 4),
    ("/pulls/", "stranger", 4),
    ("/pulls/?stage=needs_review", "mentor", 2),
    ("/pulls/?author={person}", "contributor", 2),
    ("/pulls/{merged}/", "stranger", 3),
    ("/pulls/{merged}/timing/", "contributor", 1),
    ("/pulls/{open}/", "mentor", 4),
    ("/pulls/{open}/diff/", "mentor", 3),
    ("/desk/", "mentor", 2),
    ("/desk/", "contributor", 2),
    ("/desk/mentoring/", "mentor", 1),
    ("/mentors/", "stranger", 1),
    ("/queue/", "contributor", 2),
    ("/workers/", "stranger", 2),
    ("/learn/", "stranger", 2),
    ("/learn/", "contributor", 1),
    ("/people/{person}/", "stranger", 3),
    ("/people/{person}/", "contributor", 2),
    ("/people/{person}/contributions/", "stranger", 1),
    ("/people/{person}/points/", "contributor", 1),
    ("/badges/", "stranger", 1),
    ("/programmes/", "stranger", 1),
    ("/programmes/{programme}/", "stranger", 1),
    ("/programmes/{programme}/standing/", "contributor", 1),
    ("/sigs/", "stranger", 1),
    ("/events/", "stranger", 1),
    ("/held/", "maintainer", 1),
    ("/rejudging/", "maintainer", 1),
    ("/audit/", "maintainer", 1),
    ("/roles/", "maintainer", 1),
    ("/notifications/", "contributor", 1),
    ("/settings/", "contributor", 1),
    ("/settings/tokens/", "contributor", 1),
)


def main() -> int:
    import django
    from django.conf import settings

    django.setup()
    settings.KEEP_COPIES = False
    logging.disable()  # of the crowd's repositories there is none, nor is Redis up yet
    found = facts()
    print(json.dumps({**found, "queries": [queries(found, path, who) for path, who, _often in PAGES]}))
    return 0


def facts() -> dict[str, Any]:
    from django.db.models import Count

    from hub.accounts.models import User
    from hub.boards.models import Standing
    from hub.catalog.models import Programme
    from hub.pulls.models import PullRequest

    boards = Standing.objects.filter(revision__task__state="published")
    sizes = boards.values("revision__task__slug", "hardware_class").annotate(n=Count("pk")).order_by("-n")
    named = [(row["revision__task__slug"], row["hardware_class"]) for row in sizes]
    busy, middle = named[0], named[len(named) // 2]
    authors = PullRequest.objects.order_by().values("author").annotate(n=Count("pk")).order_by("-n")
    contributor = User.objects.get(pk=authors[0]["author"])
    maintainer, _new = User.objects.get_or_create(
        username="bench-maintainer", defaults={"is_maintainer": True, "is_demo": True, "password": "!"}
    )
    newest = {state: PullRequest.objects.filter(state=state).latest("pk").pk for state in ("merged", "open")}
    people = {
        "contributor": contributor,
        "mentor": User.objects.filter(is_mentor=True).earliest("pk"),
        "maintainer": maintainer,
    }
    return {
        "busy_task": busy[0],
        "busy_board": "/".join(busy),
        "task": middle[0],
        "board": "/".join(middle),
        "person": contributor.username,
        "programme": Programme.objects.earliest("pk").slug,
        "sessions": {name: session_of(user) for name, user in people.items()},
        **newest,
    }


def session_of(user: Any) -> str:
    """The key of a new session in which this person has logged in."""
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def queries(found: dict[str, Any], path: str, who: str) -> int:
    """How often the page asks the database when nobody has a copy of it."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"host": "127.0.0.1"})
    if who in found["sessions"]:
        client.cookies["sessionid"] = found["sessions"][who]
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(path.format_map(found))
    if answer.status_code != 200:
        raise RuntimeError(f"{path} as {who}: {answer.status_code}")
    return len(asked)


if __name__ == "__main__":
    sys.exit(main())
