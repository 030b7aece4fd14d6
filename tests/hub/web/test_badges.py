"""Badges: rules over facts, each awarded once, to old facts as well."""

from __future__ import annotations

import pytest

from hub import honours
from hub.rewards import rules as book_of_rules
from hub.rewards.models import Award, Evaluation
from hub.rewards.rules import FILE, RARITIES, read
from hub.web.medals import MEDALS
from tests.hub.web.conftest import Town

ONE_MORE = """
[[badge]]
id = "present"
icon = "stone"
rarity = "rare"
needs = { merged = 1, right_at_once = 1 }
title = { en = "Present", zh = "在场" }
about = { en = "Was there.", zh = "在场。" }
"""


def badges(user: object) -> set[str]:
    return set(Award.objects.filter(user=user).values_list("badge", flat=True))


def test_merging_a_confirmed_first_try_gives_the_author_and_the_reviewer_their_badges(town: Town) -> None:
    assert badges(town.people.alice) == {"first-merge", "right-at-once", "reproduced"}
    assert badges(town.people.mei) == {"first-review"}
    assert badges(town.people.max) == set()


@pytest.mark.slow
def test_a_badge_is_awarded_once(town: Town) -> None:
    assert honours.award(town.people.alice, town.people.mei) == 0
    assert honours.award_everybody() == 0
    assert Award.objects.count() == 4


@pytest.mark.slow
def test_the_house_gets_no_badge(town: Town) -> None:
    Award.objects.all()._raw_delete("default")
    type(town.people.alice).objects.filter(pk=town.people.alice.pk).update(is_house=True)
    honours.award_everybody()
    assert badges(town.people.alice) == set()
    assert badges(town.people.mei) == {"first-review"}


@pytest.mark.slow
def test_a_rule_that_is_added_later_reaches_old_facts(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    honours.award_everybody()
    new = read(FILE.read_bytes() + ONE_MORE.encode())
    monkeypatch.setattr(honours, "rules", lambda: new)
    assert honours.award_everybody() == 1
    assert "present" in badges(town.people.alice)
    assert honours.award_everybody() == 0
    assert [row.awarded for row in Evaluation.objects.all()] == [1, 0]


def test_every_rule_asks_for_facts_that_are_counted_and_has_a_drawing() -> None:
    known = book_of_rules.rules()
    assert {name for badge in known.badges.values() for name in badge.needs} <= set(honours.FACTS)
    assert {badge.icon for badge in known.badges.values()} <= set(MEDALS)
    assert {badge.rarity for badge in known.badges.values()} <= set(RARITIES)


def test_a_rarity_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="give one of common, uncommon"):
        read(FILE.read_bytes().replace(b'"legendary"', b'"mythical"'))


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        ({}, None),
        ({"merged": 1}, "contributor"),
        ({"merged": 5, "reviews": 2}, "contributor"),
        ({"merged": 5, "reviews": 3}, "regular"),
        ({"merged": 10, "reviews": 10, "top_entries": 3}, "expert"),
    ],
)
def test_a_level_asks_for_all_that_stands_below_it(facts: dict[str, float], level: str | None) -> None:
    found = book_of_rules.rules().level(facts)
    assert (found and found.id) == level
