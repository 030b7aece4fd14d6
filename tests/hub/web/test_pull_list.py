"""The list of pull requests is found through, and is as quick however long it is."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from tests import people
from tests.hub.story import Story
from tests.hub.web import scenes
from tests.hub.web.conftest import Visitor
from tests.hub.web.markup import problems


@pytest.mark.slow
def test_the_list_filters_by_stage_task_and_author(story: Story, cast: people.Cast) -> None:
    open_one = scenes.in_stage("needs_review", story, cast)
    failing = story.push(cast.bob, subject="Bob tries").pull
    story.run(story.live()[0], "wrong_answer")
    visitor = Visitor(None)

    def found(query: str) -> set[int]:
        page = visitor.get(f"/pulls/?{query}")
        return {pull.pk for pull in (open_one, failing) if f'href="/pulls/{pull.pk}/"' in page}

    assert found("") == {open_one.pk, failing.pk}
    assert found("stage=failing") == {failing.pk}
    assert found("stage=open") == {open_one.pk, failing.pk}
    assert found("stage=merged") == set()
    assert found("author=bob") == {failing.pk}
    assert found(f"task={story.task.slug}&author=alice") == {open_one.pk}
    assert "No pull request fits" in visitor.get("/pulls/?stage=merged")
    assert problems(visitor.get("/pulls/?stage=no-such-stage&page=99")) == []


def test_an_empty_list_says_how_to_fill_it(db: None) -> None:
    assert "Nobody has pushed yet" in Visitor(None).get("/pulls/")
    assert "还没有人推送" in Visitor(None, "zh-hans").get("/pulls/")


@pytest.mark.slow
def test_queries_of_the_list_do_not_grow_with_its_length(
    story: Story, cast: people.Cast, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for topic in "abcdefgh":
        story.push(cast.alice, topic)
    with django_assert_max_num_queries(12):
        Visitor(None).get("/pulls/")
