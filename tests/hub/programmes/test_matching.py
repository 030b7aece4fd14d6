"""The match is stable, fits the slots, and gives applicants the best that any stable match gives them."""

from __future__ import annotations

import itertools
import random

from hub.programmes.matching import stable_match

Wishes = dict[str, list[str]]
Ranks = dict[str, dict[str, int]]


def test_both_sides_first_choice_is_a_match() -> None:
    assert stable_match({"ann": ["gemm"]}, {"gemm": {"ann": 1}}, {"gemm": 1}) == {"ann": "gemm"}


def test_who_is_turned_away_gets_the_next_wish() -> None:
    wishes = {"ann": ["gemm", "scan"], "bo": ["gemm"]}
    ranks = {"gemm": {"bo": 1, "ann": 2}, "scan": {"ann": 1}}
    assert stable_match(wishes, ranks, {"gemm": 1, "scan": 1}) == {"ann": "scan", "bo": "gemm"}


def test_whom_no_mentor_ranked_gets_nothing() -> None:
    assert stable_match({"ann": ["gemm"]}, {}, {"gemm": 2}) == {}


def test_a_task_that_is_gone_is_passed_over() -> None:
    assert stable_match({"ann": ["gone", "gemm"]}, {"gone": {"ann": 1}, "gemm": {"ann": 1}}, {"gemm": 1}) == {
        "ann": "gemm"
    }


def worlds() -> list[tuple[Wishes, Ranks, dict[str, int]]]:
    """Small ones, so that every match of each can be tried."""
    dice = random.Random(7)
    people, places = ("ann", "bo", "cy", "di"), ("p", "q", "r")
    found = []
    for _ in range(60):
        wishes = {one: dice.sample(places, dice.randint(1, 3)) for one in people}
        ranks: Ranks = {}
        for place in places:
            liked = dice.sample(people, dice.randint(1, 4))
            ranks[place] = {one: rank for rank, one in enumerate(liked, 1)}
        found.append((wishes, ranks, {place: dice.randint(0, 2) for place in places}))
    return found


def is_stable(match: dict[str, str], wishes: Wishes, ranks: Ranks, slots: dict[str, int]) -> bool:
    for person, wanted in wishes.items():
        own = wanted.index(match[person]) if person in match else len(wanted)
        for place in wanted[:own]:
            if person not in ranks[place]:
                continue
            held = [ranks[place][one] for one, at in match.items() if at == place]
            if len(held) < slots[place] or (held and max(held) > ranks[place][person]):
                return False
    return True


def every_match(wishes: Wishes, ranks: Ranks, slots: dict[str, int]) -> list[dict[str, str]]:
    """All that fit the slots and give nobody what either side does not want."""
    options = [[None, *(place for place in wanted if one in ranks[place])] for one, wanted in wishes.items()]
    found = []
    for chosen in itertools.product(*options):
        match = {one: place for one, place in zip(wishes, chosen, strict=True) if place is not None}
        if all(list(match.values()).count(place) <= slots[place] for place in slots):
            found.append(match)
    return found


def test_no_stable_match_gives_any_applicant_something_dearer() -> None:
    for wishes, ranks, slots in worlds():
        made = stable_match(wishes, ranks, slots)
        assert is_stable(made, wishes, ranks, slots)
        for other in every_match(wishes, ranks, slots):
            if is_stable(other, wishes, ranks, slots):
                for person, place in other.items():
                    assert person in made
                    assert wishes[person].index(made[person]) <= wishes[person].index(place)
