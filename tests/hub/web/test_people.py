"""A person's page: points are the sum of the ledger's lines; a refused proposal is nobody else's business."""

from __future__ import annotations

import pytest

from hub.claims.actions import answer, withdraw
from hub.rewards.actions import book, reverse
from hub.rewards.models import Reward
from tests import people
from tests.hub.web.conftest import Town, Visitor


def test_points_are_shown_with_the_lines_that_they_sum(cast: people.Cast) -> None:
    book(cast.alice, "merge", 20, None, "a")
    book(cast.alice, "review", 5, None, "b")
    reverse(Reward.objects.get(dedupe_key="b"), cast.max, "paid by mistake")
    page = Visitor(None).get("/people/alice/")
    assert '<dd class="is-gold">20</dd>' in page
    for line in ("<b>+20</b>", "<b>+5</b>", "<b>-5</b>"):
        assert line in page


def test_merged_work_and_open_work_are_listed(town: Town) -> None:
    assert f'href="/pulls/{town.merged.pk}/"' in Visitor(None).get("/people/alice/")
    page = Visitor(None).get("/people/bob/")
    assert f'href="/pulls/{town.failing.pk}/"' in page
    assert "failing" in page


@pytest.mark.parametrize("refused", [True, False])
def test_a_proposal_that_came_to_nothing_is_for_its_author_alone(town: Town, refused: bool) -> None:
    if refused:
        answer(town.proposal, town.people.mei, accept=False, text="Too vague.")
    else:
        withdraw(town.proposal, town.people.bob)
    title = f'href="/tasks/{town.guarded.slug}/"'
    assert title in Visitor(town.people.bob).get("/people/bob/")
    assert title not in Visitor(town.people.alice).get("/people/bob/")


def test_an_unknown_person_is_not_found(db: None) -> None:
    Visitor(None).get("/people/nobody/", status=404)
