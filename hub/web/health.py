"""/healthz: whether the site can do its work. Strangers get one word, operators' machines what it rests on.

503 when the database or the disk fails: a page would fail too. Without Redis it is "degraded" and still 200:
pages and pushes work, and idle workers find their jobs by asking.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from hmac import compare_digest

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.http.request import split_domain_port
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis import Redis, RedisError

from hub.bench.alarms import LEAST_FREE_BYTES

PATIENCE = 1.0  # seconds for Redis
LOCAL = ("127.0.0.1", "::1", "localhost", "[::1]")
FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")

log = logging.getLogger(__name__)


def is_trusted(request: HttpRequest) -> bool:
    """Whether this request may read how the hub does: it has the token, or no token is set and it is local.

    A proxy on this machine makes everybody look local. So what was forwarded, or asked for under another name
    than this machine's own, is not.
    """
    if settings.METRICS_TOKEN:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and compare_digest(
            token.strip().encode(), settings.METRICS_TOKEN.encode()
        )
    host, _port = split_domain_port(request.get_host())
    near = request.META.get("REMOTE_ADDR", "") in LOCAL and host in LOCAL
    return near and not any(name in request.headers for name in FORWARDED)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    found = {name: _found(name, check) for name, check in CHECKS.items()}
    broken = any(found[name] != "ok" for name in ("database", "disk"))
    word = "broken" if broken else "ok" if found["redis"] == "ok" else "degraded"
    said = {"status": word} | (found if is_trusted(request) else {})
    return JsonResponse(said, status=503 if broken else 200)


def _found(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except (DatabaseError, RedisError, OSError) as error:
        log.error("health: %s: %s", name, error)
        return f"{type(error).__name__}: {error}"
    return "ok"


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _redis() -> None:
    with Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE
    ) as redis:
        redis.ping()


def _disk() -> None:
    free = shutil.disk_usage(settings.DATA_DIR).free
    if free < LEAST_FREE_BYTES:
        raise OSError(f"{free >> 20} MB free, at least {LEAST_FREE_BYTES >> 20} MB are needed")
    if not os.access(settings.DATA_DIR, os.W_OK):
        raise OSError("the data folder cannot be written")


CHECKS = {"database": _database, "redis": _redis, "disk": _disk}
