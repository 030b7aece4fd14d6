"""Every address of the site × everybody: GET and POST end as the matrix says; what it leaves out fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from copy import copy
from itertools import product

import pytest
from django.contrib.messages import get_messages
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from tests.hub.security.matrix import ADMIN, ADMIN_ROWS, MATRIX, MEANING, STAFF_ALONE, Row
from tests.hub.security.world import ROLES, Address, World, addresses

LETTERS = {200: "o", 400: "b", 401: "u", 403: "n", 404: "g", 405: "m", 422: "r"}
TRIED = {*MEANING} - {"."}
DENIED = set("lngub")
METHODS = ("get", "post")
HOW = """
The matrix of access has no row for {views}.
1. Add a line for each to MATRIX in tests/hub/security/matrix.py: what GET and POST are for each of
   {roles}
   in this order, by the letters {meaning}
2. If its address names something new (<int:badge_id>), create one in `build` of tests/hub/security/world.py
   and add it to `named` there.
3. Run: pytest tests/hub/security/test_access.py
"""


def row_of(address: Address) -> Row | None:
    if address.view.startswith(ADMIN):
        return ADMIN_ROWS.get(address.view, STAFF_ALONE)
    return MATRIX.get(address.view)


def test_every_address_has_its_row() -> None:
    views = {address.view for address in addresses()}
    missing = sorted(view for view in views if not view.startswith(ADMIN) and view not in MATRIX)
    meaning = ", ".join(f"{letter} ({text})" for letter, text in MEANING.items())
    assert not missing, HOW.format(views=", ".join(missing), roles=", ".join(ROLES), meaning=meaning)
    gone = {*MATRIX, *ADMIN_ROWS} - views
    assert not gone, f"MATRIX in tests/hub/security/matrix.py has rows of views that are gone: {sorted(gone)}"


def test_every_row_has_a_letter_for_each_role() -> None:
    rows = {**MATRIX, **ADMIN_ROWS, "administration": STAFF_ALONE}
    wrong = {
        view: letters
        for view, row in rows.items()
        for letters in (row.get, row.post)
        if len(letters) != len(ROLES) or set(letters) - set(MEANING)
    }
    assert wrong == {}


@pytest.fixture
def quiet() -> Iterator[None]:
    """Without a line in the log for each refusal."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
def test_whoever_signs_up_gets_nowhere_that_the_matrix_says_no(world: World) -> None:
    found = differences(world, site(), DENIED, ("contributor",))
    assert not found, f"\n{found}"


@pytest.mark.slow
@pytest.mark.usefixtures("quiet")
def test_everybody_gets_what_the_matrix_says(world: World) -> None:
    found = differences(world, site(), TRIED)
    assert not found, f"\n{found}"


@pytest.mark.slow
@pytest.mark.usefixtures("quiet")
def test_nobody_of_the_site_does_anything_in_the_administration(world: World) -> None:
    found = differences(world, administration(), TRIED, ("stranger", "contributor", "maintainer", "operator"))
    assert not found, f"\n{found}"


def site() -> list[Address]:
    return [address for address in addresses() if not address.view.startswith(ADMIN)]


def administration() -> list[Address]:
    return [address for address in addresses() if address.view.startswith(ADMIN)]


def differences(
    world: World,
    tried: list[Address],
    letters: set[str],
    roles: tuple[str, ...] = ROLES,
) -> str:
    """What came instead of what the matrix says, a line an address; only cells of these letters are tried."""
    clients = {role: world.client(role) for role in roles}
    found = []
    for address, method in product(tried, METHODS):
        row = row_of(address)
        if row is None:  # another test says so
            continue
        expected, path = getattr(row, method), world.address(address)
        got = "".join(
            once(clients[role], method, path, row) if letter in letters and role in roles else letter
            for role, letter in zip(ROLES, expected, strict=True)
        )
        if got != expected:
            found.append(f"{address.view}: {method.upper()} {path} gives {got}, the matrix says {expected}")
    return "\n".join(found)


def once(client: Client, method: str, path: str, row: Row) -> str:
    """The letter of what comes of it; nothing stays of what was done."""
    cookies = copy(client.cookies)
    with transaction.atomic():
        answer = getattr(client, method)(path, row.data if method == "post" else {})
        letter = letter_of(answer)
        transaction.set_rollback(True)
    client.cookies = cookies
    return letter


def letter_of(answer: HttpResponse) -> str:
    if answer.status_code not in (301, 302):
        return LETTERS.get(answer.status_code, str(answer.status_code))
    if "/login/" in answer.headers["location"]:
        return "l"
    queued = getattr(get_messages(answer.wsgi_request), "_queued_messages", ())
    return "r" if "error" in [message.level_tag for message in queued] else "o"
