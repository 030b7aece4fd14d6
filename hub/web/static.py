"""Static files, served from where they lie: no collecting step to forget, and small on the wire.

Addresses carry the version of the file, so that browsers may keep it for a year. Not in charge of which files
there are (`STATICFILES_DIRS`).
"""

from __future__ import annotations

import gzip
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware

WORTH_SQUEEZING = ("text/", "image/svg")
SMALLEST = 1024  # bytes; below, the headers weigh more than what gzip saves


class VersionedFiles(StaticFilesStorage):
    def url(self, name: str | None) -> str:
        plain = str(super().url(name))
        path = finders.find(name) if name else None
        if not isinstance(path, str):
            return plain
        return f"{plain}?v={_version(path, Path(path).stat().st_mtime_ns)}"


class StaticFiles(WhiteNoiseMiddleware):
    """whitenoise that squeezes text by itself (Plotly: 4.8 MB to 1.4) and answers in one piece.

    In one piece, because under ASGI Django reads a file that is streamed synchronously to its end in any
    case, and warns each time.
    """

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = static_file.get_response(request.method, request.META)
        answer = HttpResponse(status=int(found.status))
        del answer["content-type"]
        for name, value in found.headers:
            answer[name] = value
        if found.file is not None:
            with found.file as file:
                answer.content = file.read()
        if found.status == 200 and _squeezable(request, answer):
            path = static_file.alternatives[0][1]
            answer.content = _squeezed(path, answer["ETag"])
            answer["Content-Encoding"] = "gzip"
            answer["Content-Length"] = str(len(answer.content))
        answer["Vary"] = "Accept-Encoding"
        return answer


def _squeezable(request: HttpRequest, answer: HttpResponse) -> bool:
    wanted = "gzip" in request.headers.get("Accept-Encoding", "")
    kind = answer.get("Content-Type", "")
    return wanted and len(answer.content) >= SMALLEST and kind.startswith(WORTH_SQUEEZING)


@lru_cache(maxsize=64)
def _squeezed(path: str, etag: str) -> bytes:
    """`etag` makes a new key when the file is written."""
    return gzip.compress(Path(path).read_bytes(), 6)


@lru_cache(maxsize=512)
def _version(path: str, changed: int) -> str:
    """The first characters of the content's hash; `changed` makes a new key when the file is written."""
    return sha256(Path(path).read_bytes()).hexdigest()[:12]
