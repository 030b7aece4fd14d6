"""One server for everything: `/git/` goes to the git door, all else to Django."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

# These need the app registry.
from hub import flow
from hub.pulls.pushing import push_policy
from hub.repos.door import Door

git_door = Door(policy_of=push_policy, on_push=flow.branches_moved)


async def application(scope, receive, send):  # type: ignore[no-untyped-def]
    # In front of Django: it would spool the whole pack before the first byte is looked at.
    if scope["type"] == "http" and scope["path"].startswith("/git/"):
        await git_door(scope, receive, send)
    elif scope["type"] == "http":
        await django_application(scope, receive, send)
