"""A person's page: points are the sum of the ledger's lines; a refused proposal is nobody else's business."""

from __future__ import annotations

from datetime import date

import pytest

from hub.claims.actions import answer, withdraw
from hub.rewards.actions import book, reverse
from hub.rewards.models import Reward
from hub.web.medals import year
from tests import people
from tests.hub.web.conftest import Town, Visitor


def test_points_are_shown_with_the_lines_that_they_sum(cast: people.Cast) -> None:
    book(cast.alice, "merge", 20, None, "a")
    book(cast.alice, "review", 5, None, "b")
    reverse(Reward.objects.get(dedupe_key="b"), cast.max, "paid by mistake")
    page = Visitor(None).get("/people/alice/points/")
    assert '<dd class="is-gold">20</dd>' in page
    for line in ("<b>+20</b>", "<b>+5</b>", "<b>-5</b>"):
        assert line in page


def test_merged_work_and_open_work_are_listed(town: Town) -> None:
    assert f'href="/pulls/{town.merged.pk}/"' in Visitor(None).get("/people/alice/contributions/")
    page = Visitor(None).get("/people/bob/contributions/")
    assert f'href="/pulls/{town.failing.pk}/"' in page
    assert "failing" in page


@pytest.mark.parametrize("refused", [True, False])
def test_a_proposal_that_came_to_nothing_is_for_its_author_alone(town: Town, refused: bool) -> None:
    if refused:
        answer(town.proposal, town.people.mei, accept=False, text="Too vague.")
    else:
        withdraw(town.proposal, town.people.bob)
    title = f'href="/tasks/{town.guarded.slug}/"'
    assert title in Visitor(town.people.bob).get("/people/bob/contributions/")
    assert title not in Visitor(town.people.alice).get("/people/bob/contributions/")


def test_an_unknown_person_is_not_found(db: None) -> None:
    Visitor(None).get("/people/nobody/", status=404)


def test_a_profile_tells_what_somebody_did(town: Town) -> None:
    page = Visitor(None).get("/people/alice/")
    assert '<dd class="is-gold">10</dd>' in page
    assert "First streak" in page
    assert "Right at once" in page
    assert "1 contribution (pushes, reviews, posts) · active on 1 of" in page
    assert page.count('class="day-1"') == 1
    stands = Visitor(None).get("/people/alice/standing/")
    assert "1 merged · 0 reviewed" in stands
    assert "Contributor" in stands
    assert "Place 1 of 1" in stands
    assert "1 person has it, 50 % of those with any" in Visitor(None).get("/badges/")
    reviewer = Visitor(None).get("/people/mei/")
    assert f'href="/pulls/{town.merged.pk}/"' in reviewer
    assert "Second pair of eyes" in reviewer


def test_the_statement_of_points_is_for_the_person_and_for_maintainers(town: Town) -> None:
    for who in (town.people.alice, town.people.max):
        lines = Visitor(who).get("/people/alice/points.csv").splitlines()
        assert lines[0] == "at,kind,points,sum,task,pull_request,key"
        assert lines[1].endswith(f",merge,10,10,vector-add,{town.merged.pk},merge:vector-add:alice")
    Visitor(town.people.bob).get("/people/alice/points.csv", status=403)
    assert Visitor(None).client.get("/people/alice/points.csv").url.startswith("/login/?next=")


def test_a_year_has_a_square_for_each_day_and_ends_today() -> None:
    today = date(2026, 11, 22)  # a Sunday
    drawn = year({today: 4, date(2026, 1, 1): 1, date(2020, 1, 1): 9}, today)
    assert (len(drawn.squares), drawn.squares[0].day, drawn.squares[-1].day) == (
        371,
        date(2025, 11, 17),
        today,
    )
    assert drawn.squares[-1].strength == 2
    assert (drawn.total, drawn.days) == (5, 2)
    assert drawn.by_month == [(date(2026, 11, 1), 4), (date(2026, 1, 1), 1)]
