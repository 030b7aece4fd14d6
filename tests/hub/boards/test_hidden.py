"""What stored boards give to a reader while a programme hides entries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from hub.bench.models import Worker
from hub.boards import stored
from hub.catalog.models import Task
from hub.catalog.roles import Reader
from hub.core import clock
from tests.hub.boards.test_boards import HARDWARE, Bench
from tests.hub.programmes.conftest import new_programme
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def task(make_task: Callable[..., Task], cast: Cast) -> Task:
    """alice is first and bob second of a board whose entries are hidden."""
    bench = Bench(make_task(), Worker.objects.create(name="w", token_digest="x", registered_at=clock.now()))
    for who, ratio in ((cast.alice, 3.0), (cast.bob, 2.0)):
        bench.verdict(bench.pull(who), ratio)
    new_programme(cast, [bench.task], kind="contest", policy="open", ends_at=5, hides_entries=True)
    return Task.objects.get(pk=bench.task.pk)


def seen(task: Task, reader: Reader) -> list[tuple[str, int]]:
    """Names and ranks of the whole board; what pages show of it elsewhere must be the same."""
    whole = [(entry.user.username, entry.rank) for entry in stored.Whole(task, HARDWARE, reader)[:]]
    excerpts = stored.boards_of(task, 1, reader)
    assert [(one.user.username, one.rank) for found in excerpts for one in found.entries] == whole[:1]
    return whole


def test_the_own_entry_is_there_without_a_rank_and_no_other(task: Task, cast: Cast) -> None:
    assert seen(task, cast.bob) == [("bob", 0)]
    assert seen(task, stored.NOBODY) == []
    assert seen(task, cast.max) == [("alice", 1), ("bob", 2)]
    assert [(one.user, one.is_record) for one in stored.Whole(task, HARDWARE, cast.bob).moments(9)] == [
        (cast.bob, False)
    ]
    assert stored.Whole(task, HARDWARE, cast.bob).entry_of("alice") is None


def test_what_is_the_same_for_everybody_leaves_it_out(
    task: Task, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (stored.moved_last(5), stored.places_of(cast.bob, 5)) == ([], [])
    over = clock.now() + timedelta(days=6)
    monkeypatch.setattr(clock, "now", lambda: over)
    assert len(stored.moved_last(5)) == len(stored.places_of(cast.bob, 5)) == 1
    assert seen(task, stored.NOBODY) == [("alice", 1), ("bob", 2)]
