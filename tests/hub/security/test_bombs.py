"""Uploads that are small to send and large to hold are refused with a sentence, and cost next to nothing."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from hub.catalog.models import Programme
from tests.hub.security.test_access import quiet
from tests.hub.security.world import World

__all__ = ["quiet"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quiet")]

BOMBS = {
    "deep": b"[" * 500_000,
    "deep objects": b'{"a":' * 200_000,
    "a long number": b'{"version": ' + b"9" * 50_000 + b"}",
    "not a number": b'{"version": NaN, "programme": Infinity}',
    "no text": b"\x00\xff\xfe" * 1000,
    "long": b'{"a": "' + b"x" * 9_000_000 + b'"}',
    "many": json.dumps({"programme": {str(key): key for key in range(100_000)}}).encode(),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_in_a_programmes_file_is_refused(world: World, name: str) -> None:
    before = Programme.objects.count()
    client = world.client("maintainer")
    answer = client.post(
        "/programmes/import/", {"file": SimpleUploadedFile("p.json", BOMBS[name])}, follow=True
    )
    assert answer.status_code == 200
    assert 'class="notice is-error' in answer.content.decode()
    assert Programme.objects.count() == before


def test_a_form_of_very_many_fields_is_refused(world: World) -> None:
    form = {f"field{number}": "" for number in range(2000)}
    assert world.client("author").post("/settings/tokens/create/", form).status_code == 400


def test_a_name_that_climbs_out_is_only_a_name(world: World) -> None:
    bomb = SimpleUploadedFile("../../../../etc/passwd", b"{}")
    answer = world.client("maintainer").post("/programmes/import/", {"file": bomb}, follow=True)
    assert answer.status_code == 200
