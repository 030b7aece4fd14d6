"""Filters, their counts and the order of tasks."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from hub.catalog.actions import retire, save_filter
from hub.catalog.finding import FACETS, TaskFilter, find, reward_of
from hub.catalog.models import SavedFilter, Task
from hub.catalog.queries import tasks_of
from hub.claims.actions import claim
from tests import people

SLUGS = ("vector-add", "row-softmax", "layer-norm-gelu")


@pytest.fixture
def tasks(make_task: Callable[..., Task], cast: people.Cast) -> list[Task]:
    made = [make_task(slug) for slug in SLUGS]
    made[1].mentors.add(cast.mei)
    return made


def slugs(**asked: list[str]) -> list[str]:
    return [task.slug for task in tasks_of(find(TaskFilter.read(asked)).keys)]


def counts(facet: str, **asked: list[str]) -> dict[str, int]:
    found = find(TaskFilter.read(asked))
    return dict(next(one.values for one in found.facets if one.name == facet))


def test_each_value_finds_as_many_as_it_counts(tasks: list[Task]) -> None:
    wrong = {
        (facet.name, value): count
        for facet in find(TaskFilter()).facets
        for value, count in facet.values
        if len(slugs(**{facet.name: [value]})) != count
    }
    assert wrong == {}
    assert [facet.name for facet in find(TaskFilter()).facets] == list(FACETS)


def test_of_a_facet_any_value_will_do_and_of_facets_all_must_fit(tasks: list[Task]) -> None:
    assert slugs(level=["1", "2"]) == ["vector-add", "row-softmax"]
    assert slugs(level=["1", "2"], language=["cpp"]) == ["row-softmax"]
    assert slugs(mentor=["mei"]) == ["row-softmax"]
    assert slugs(reward=["10", "40"]) == ["vector-add", "layer-norm-gelu"]


def test_a_count_says_what_a_further_choice_would_leave(tasks: list[Task]) -> None:
    assert counts("kind") == {"operator": 2, "performance": 1}
    assert counts("kind", language=["cpp"]) == {"operator": 1, "performance": 1}
    found = counts("language", language=["cpp"])
    assert [found[name] for name in ("c", "cpp", "python")] == [3, 2, 3], "its own facet is open"
    assert counts("kind", text=["expf"]) == {"operator": 1, "performance": 0}


def test_what_is_unknown_fits_nothing_and_breaks_nothing(tasks: list[Task]) -> None:
    for asked in ({"level": ["one"]}, {"level": ["9" * 5000]}, {"kind": ["\0"]}, {"state": ["gone"]}):
        assert slugs(**asked) == []
    assert TaskFilter.read({"order": ["; DROP"], "unknown": ["x"], "kind": [""]}) == TaskFilter()


def test_a_task_is_free_taken_or_retired(tasks: list[Task], cast: people.Cast) -> None:
    Task.objects.filter(pk=tasks[1].pk).update(policy="exclusive", slots=1)
    tasks[1].refresh_from_db()
    claim(tasks[1], cast.alice)
    retire(tasks[0])
    assert counts("state") == {"free": 1, "taken": 1, "retired": 1}
    assert slugs() == ["row-softmax", "layer-norm-gelu"], "what is retired is off the list …"
    assert slugs(state=["retired"]) == ["vector-add"], "… unless it is asked for"


def test_the_order_is_by_level_unless_asked_or_searched(tasks: list[Task]) -> None:
    assert slugs() == list(SLUGS)
    assert slugs(order=["points"]) == list(reversed(SLUGS))
    assert slugs(order=["newest"])[0] == "layer-norm-gelu"
    assert slugs(text=["layer norm"])[0] == "layer-norm-gelu"
    assert slugs(text=["vector"], order=["level"])[0] == "vector-add"


def test_an_address_says_the_same_search(tasks: list[Task]) -> None:
    wanted = TaskFilter.read({"text": [" softmax "], "kind": ["port", "operator"], "order": ["newest"]})
    assert wanted.pairs() == [
        ("text", "softmax"),
        ("kind", "operator"),
        ("kind", "port"),
        ("order", "newest"),
    ]


def test_finding_takes_four_queries_however_many_tasks(tasks: list[Task]) -> None:
    with CaptureQueriesContext(
        connection,
    ) as made:
        find(TaskFilter(text="softmax"))
    assert len(made) == 4


@pytest.mark.parametrize(("points", "band"), [(1, "10"), (10, "10"), (11, "20"), (40, "40"), (41, "more")])
def test_rewards_are_found_in_bands(points: int, band: str) -> None:
    assert reward_of(points) == band


def test_a_search_is_kept_under_a_name_once(cast: people.Cast) -> None:
    save_filter(cast.alice, "rows", TaskFilter(text="row"))
    save_filter(cast.alice, " rows", TaskFilter(text="rows"))
    assert [saved.query for saved in cast.alice.saved_filters.all()] == ["text=rows"]
    with pytest.raises(IntegrityError), transaction.atomic():
        SavedFilter.objects.create(user=cast.alice, name="rows", query="kind=port")
