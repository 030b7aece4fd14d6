"""Who gets a claim, who does not, and what they are told."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from hub.claims import actions, queries
from hub.claims.models import Claim
from hub.core.errors import BadInput, NotAllowed, NotNow
from tests.hub.racing import at_once

PROPOSAL = "I would fuse both passes and keep a row in registers; two weeks, benchmarks included."


def test_an_exclusive_task_gives_its_slots_to_the_first_who_ask(cast, make_task):
    task = make_task(policy="exclusive", slots=1)
    first = actions.claim(task, cast.alice)
    assert (first.state, first.slot) == ("active", 1)
    with pytest.raises(NotNow, match="1 slots are taken"):
        actions.claim(task, cast.bob)


def test_a_slot_is_free_the_minute_its_claim_ends(cast, make_task):
    task = make_task(policy="exclusive", slots=1)
    actions.release(actions.claim(task, cast.alice), cast.alice, "got as far as the first pass")
    assert actions.claim(task, cast.bob).slot == 1


def test_an_open_task_needs_no_slot_and_takes_everybody(cast, make_task):
    task = make_task(policy="open")
    assert queries.slots_left(task) is None
    assert actions.claim(task, cast.alice).slot is None
    assert actions.claim(task, cast.bob).state == "active"


def test_the_first_push_to_an_open_task_claims_it(cast, make_task):
    task = make_task(policy="open")
    actions.note_activity(task, cast.alice, pushed=True)
    claim = queries.live_claim(task, cast.alice)
    assert claim.state == "active"
    assert claim.pushed_at is not None


def test_a_proposal_waits_for_a_mentor_who_accepts_it(cast, make_task):
    task = make_task(policy="proposal")
    claim = actions.claim(task, cast.alice, PROPOSAL)
    assert claim.state == "requested"
    assert "waits for a mentor" in queries.why_not_push(task, cast.alice)
    assert list(queries.open_proposals(cast.mei)) == [claim]
    actions.answer(claim, cast.mei, accept=True, text="Go ahead.")
    assert (claim.state, claim.slot, claim.answered_by) == ("active", 1, cast.mei)
    assert queries.may_push(task, cast.alice)


def test_a_proposal_that_says_nothing_is_refused(cast, make_task):
    with pytest.raises(BadInput, match="has 5 characters; write between 40"):
        actions.claim(make_task(policy="proposal"), cast.alice, "hello")


def test_a_refusal_needs_a_reason(cast, make_task):
    claim = actions.claim(make_task(policy="proposal"), cast.alice, PROPOSAL)
    with pytest.raises(BadInput, match="Say why"):
        actions.answer(claim, cast.mei, accept=False)
    actions.answer(claim, cast.mei, accept=False, text="Taken up in another group.")
    assert claim.state == "refused"


def test_nobody_answers_their_own_proposal(cast, make_task):
    task = make_task(policy="proposal")
    claim = actions.claim(task, cast.mei, PROPOSAL)
    with pytest.raises(NotAllowed, match="never their own"):
        actions.answer(claim, cast.mei, accept=True)
    with pytest.raises(NotAllowed, match="Only a mentor"):
        actions.answer(claim, cast.bob, accept=True)


def test_an_answered_proposal_cannot_be_answered_again(cast, make_task):
    claim = actions.claim(make_task(policy="proposal"), cast.alice, PROPOSAL)
    actions.answer(claim, cast.mei, accept=True)
    with pytest.raises(NotNow, match="nothing was changed"):
        actions.answer(claim, cast.max, accept=False, text="too late")
    assert claim.state == "active"


def test_two_claims_at_a_time_are_enough(cast, make_task):
    for slug in ("vector-add", "row-softmax"):
        actions.claim(make_task(slug, policy="exclusive"), cast.alice)
    with pytest.raises(NotNow, match="You hold 2 of 2 claims"):
        actions.claim(make_task("layer-norm-gelu", policy="exclusive"), cast.alice)


@pytest.mark.django_db(transaction=True)
def test_claims_made_at_the_same_moment_are_counted_too(cast, make_task):
    tasks = [make_task(slug, policy="exclusive") for slug in ("vector-add", "row-softmax", "layer-norm-gelu")]
    found = at_once([lambda task=task: actions.claim(task, cast.alice) for task in tasks])
    assert sorted(type(each).__name__ for each in found) == ["Claim", "Claim", "NotNow"]
    assert Claim.objects.filter(user=cast.alice, state="active").count() == 2


def test_words_of_any_length_and_with_any_character_are_stored(cast, make_task):
    claim = actions.claim(make_task(policy="proposal"), cast.alice, PROPOSAL + "\x00")
    actions.answer(claim, cast.mei, accept=False, text="No\x00" * 5000)
    assert claim.proposal == PROPOSAL
    assert claim.answer == ("No" * 5000)[:4000]


def test_giving_up_cools_down_before_the_same_task_again(cast, make_task):
    task = make_task(policy="exclusive")
    actions.release(actions.claim(task, cast.alice), cast.alice)
    with pytest.raises(NotNow, match="claim it again on"):
        actions.claim(task, cast.alice)


def test_somebody_elses_claim_is_not_yours_to_release(cast, make_task):
    claim = actions.claim(make_task(policy="exclusive"), cast.alice)
    with pytest.raises(NotAllowed, match="alice's claim"):
        actions.release(claim, cast.bob)


def test_a_claim_is_extended_once(cast, make_task):
    claim = actions.claim(make_task(policy="exclusive"), cast.alice)
    before = queries.clock(claim).lapses_at
    actions.extend(claim, cast.alice)
    assert (queries.clock(claim).lapses_at - before).days == 14
    with pytest.raises(NotNow, match="once only"):
        actions.extend(claim, cast.alice)


def test_a_retired_task_takes_no_claims(cast, make_task):
    with pytest.raises(NotNow, match="retired"):
        actions.claim(make_task(state="retired"), cast.alice)


@pytest.mark.parametrize(
    ("constraint", "columns"),
    [
        ("claim_one_active_per_slot", {"slot": 1, "who": "bob"}),
        ("claim_one_live_per_person", {"slot": 2, "who": "alice"}),
    ],
)
def test_the_database_itself_refuses_a_second_claim(cast, make_task, constraint, columns):
    task = make_task(policy="exclusive", slots=2)
    actions.claim(task, cast.alice)
    with pytest.raises(IntegrityError, match=r"claims_claim|claim_one"), transaction.atomic():
        Claim.objects.create(
            task=task,
            user=getattr(cast, columns["who"]),
            slot=columns["slot"],
            state="active",
            requested_at=timezone.now(),
        )
