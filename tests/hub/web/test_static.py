"""Static files: from where they lie, versioned, squeezed."""

from __future__ import annotations

import gzip
import re

from django.conf import settings
from django.templatetags.static import static
from django.test import Client


def test_an_address_carries_the_version_and_answers() -> None:
    address = static("css/touchstone.css")
    assert re.fullmatch(r"/static/css/touchstone\.css\?v=[0-9a-f]{12}", address)
    answer = Client().get(address)
    assert answer.status_code == 200
    assert "max-age=31536000" in answer.headers["cache-control"]


def test_text_is_squeezed_for_who_can_take_it() -> None:
    path = settings.BASE_DIR / "static" / "css" / "touchstone.css"
    plain = Client().get("/static/css/touchstone.css")
    small = Client().get("/static/css/touchstone.css", headers={"accept-encoding": "br, gzip"})
    assert plain.content == path.read_bytes()
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert int(small.headers["content-length"]) == len(small.content) < len(plain.content) / 2
    assert gzip.decompress(small.content) == plain.content


def test_what_the_browser_has_is_not_sent_again() -> None:
    first = Client().get("/static/css/touchstone.css")
    again = Client().get("/static/css/touchstone.css", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_plotly_and_htmx_come_from_their_packages() -> None:
    for name in ("plotly/plotly.min.js", "django_htmx/htmx-2.min.js"):
        assert Client().head(static(name)).status_code == 200


def test_a_static_file_that_is_not_there_is_not_found() -> None:
    assert Client().get("/static/../pyproject.toml").status_code == 404
    assert Client().get("/static/no/such.css").status_code == 404
