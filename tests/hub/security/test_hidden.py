"""While a programme hides others' work, no address that names it does anything for them, by GET or POST."""

from __future__ import annotations

import pytest

from hub.catalog.models import Programme, Task
from tests.hub.programmes.conftest import new_programme
from tests.hub.security.test_access import METHODS, once, quiet, row_of, site
from tests.hub.security.world import World
from tests.people import Cast

pytestmark = pytest.mark.slow

ABOUT_WORK = {"pull_id", "comment_id", "verdict_id", "set_id"}
REFUSED = set("nmg")
HARMLESS = {"web:review_give_back"}  # nothing is said and nothing done for who has not taken it
OUTSIDERS = ("contributor", "other", "other mentor")  # the last mentors other tasks, and all by the account
__all__ = ["quiet"]


@pytest.fixture
def unseen(world: World, cast: Cast) -> Programme:
    task = Task.objects.get(slug=world.named["slug"])
    dates = {"starts_at": -5, "ends_at": 5}
    return new_programme(
        cast, [task], slug="unseen", kind="contest", policy="open", hides_entries=True, **dates
    )


@pytest.mark.usefixtures("quiet", "unseen")
def test_outsiders_are_refused_wherever_hidden_work_is_named(world: World) -> None:
    named = [one for one in site() if ABOUT_WORK & set(one.arguments) and one.view not in HARMLESS]
    assert len(named) > 20
    let_in = []
    for role in OUTSIDERS:
        client = world.client(role)
        for address in named:
            row = row_of(address)
            assert row is not None, address
            got = {method: once(client, method, world.address(address), row) for method in METHODS}
            let_in += [
                f"{role}: {method} {address.view}: {one}" for method, one in got.items() if one not in REFUSED
            ]
    assert let_in == []


@pytest.mark.usefixtures("quiet", "unseen")
def test_whoever_looks_after_the_task_still_answers(world: World) -> None:
    posts = {"web:pull_comment", "web:pull_review", "web:thread_answer", "web:thread_resolve"}
    for address in (one for one in site() if one.view in posts):
        row = row_of(address)
        assert row is not None
        assert once(world.client("mentor"), "post", world.address(address), row) == "o", address.view
