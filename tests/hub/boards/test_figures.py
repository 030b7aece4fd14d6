"""Boards by size, memory and accuracy: the least first, equal ones share a rank, the rest is left out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hub.bench.models import Worker
from hub.boards import stored
from hub.boards.queries import board
from hub.catalog.models import Task
from hub.core import clock
from tests.hub.boards.test_boards import HARDWARE, Bench
from tests.people import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def bench(make_task: Callable[..., Task], cast: Cast) -> Bench:
    """Everybody's check tells an accuracy; of mei's timing no memory could be measured."""
    made = Bench(make_task(), Worker.objects.create(name="w", token_digest="x", registered_at=clock.now()))
    for who, ratio, memory in ((cast.alice, 3.0, 20.0), (cast.bob, 2.0, 10.0), (cast.max, 1.5, 10.0)):
        pushed = made.pull(who)
        made.verdict(pushed, 0.0, kind="check", figures={"accuracy": ratio / 10})
        made.verdict(pushed, ratio, figures={"memory": memory, "size": 100.0})
    made.verdict(made.pull(cast.mei), 1.0)
    return made


def ranked(bench: Bench, metric: str) -> list[tuple[int, bool, str]]:
    whole = stored.Whole(bench.task, HARDWARE, metric=metric)
    assert len(whole) == len(whole[:])
    return [(entry.rank, entry.tied, entry.user.username) for entry in whole[:]]


def test_the_least_memory_is_first_and_equal_ones_share_a_rank(bench: Bench) -> None:
    assert ranked(bench, "memory") == [(1, True, "bob"), (1, True, "max"), (3, False, "alice")]
    assert [entry.user.username for entry in stored.Whole(bench.task, HARDWARE, metric="memory")[1:3]] == [
        "max",
        "alice",
    ]
    assert [name for _rank, _tied, name in ranked(bench, "accuracy")] == ["max", "bob", "alice"]


def test_time_stays_the_first_metric_and_every_entry_tells_its_figures(bench: Bench) -> None:
    whole = stored.Whole(bench.task, HARDWARE)
    assert whole.metrics == ["time", "size", "memory", "accuracy"]
    assert tuple(whole[:]) == board(bench.task, HARDWARE).entries
    assert whole[0].figures == {"size": 100.0, "memory": 20.0, "accuracy": pytest.approx(0.3)}


def test_the_figures_are_those_of_the_run_that_is_shown(bench: Bench, cast: Cast) -> None:
    pushed = bench.task.pulls.get(author=cast.alice).patch_sets.get()
    bench.verdict(pushed, 2.9, kind="confirm", figures={"memory": 5.0, "size": 100.0})
    assert ranked(bench, "memory")[0] == (1, False, "alice")
