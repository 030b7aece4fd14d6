"""Claiming, as people do it: on the task's page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from hub.catalog.models import Task
from hub.claims.models import Claim
from hub.core import clock
from tests import people
from tests.hub.web.conftest import PROPOSAL, Town, Visitor


@pytest.fixture
def single(make_task: Callable[..., Task]) -> Task:
    return make_task("row-softmax", policy="exclusive", slots=1)


@pytest.fixture
def guarded(make_task: Callable[..., Task]) -> Task:
    return make_task("row-softmax", policy="proposal", slots=1)


def test_a_claim_shows_its_clock_and_the_next_step(single: Task, cast: people.Cast) -> None:
    page = Visitor(cast.alice).send("/tasks/row-softmax/claim/")
    assert "The task is yours." in page
    assert "This task is yours" in page
    assert "First push due" in page
    assert "in 7 days" in page


def test_the_second_in_line_reads_why_not(single: Task, cast: people.Cast) -> None:
    Visitor(cast.alice).send("/tasks/row-softmax/claim/")
    page = Visitor(cast.bob).get("/tasks/row-softmax/")
    assert "All 1 slots are taken" in page
    assert "Claim this task" not in page


def test_who_is_too_late_reads_so_and_nothing_happens(single: Task, cast: people.Cast) -> None:
    Visitor(cast.alice).send("/tasks/row-softmax/claim/")
    assert "All 1 slots are taken" in Visitor(cast.bob).send("/tasks/row-softmax/claim/")
    assert Claim.objects.count() == 1


def test_a_stranger_is_asked_to_log_in_and_comes_back(single: Task) -> None:
    assert 'href="/login/?next=/tasks/row-softmax/"' in Visitor(None).get("/tasks/row-softmax/")


def test_a_short_proposal_is_refused_and_not_lost(guarded: Task, cast: people.Cast) -> None:
    page = Visitor(cast.alice).send("/tasks/row-softmax/claim/", {"proposal": "Trust me."}, status=422)
    assert "Your proposal has 9 characters; write between 40 and 8000." in page
    assert ">Trust me.</textarea>" in page


def test_a_proposal_waits_can_be_withdrawn_and_sent_again(guarded: Task, cast: people.Cast) -> None:
    alice = Visitor(cast.alice)
    assert "Your proposal is sent." in alice.send("/tasks/row-softmax/claim/", {"proposal": PROPOSAL})
    assert "Your proposal waits for a mentor" in alice.get("/tasks/row-softmax/")
    assert "Your proposal is withdrawn." in alice.send(f"/claims/{Claim.objects.get().pk}/withdraw/")
    assert "Send the proposal" in alice.get("/tasks/row-softmax/")


def test_a_mentor_answers_on_the_tasks_page(guarded: Task, cast: people.Cast) -> None:
    alice, mei = Visitor(cast.alice), Visitor(cast.mei)
    alice.send("/tasks/row-softmax/claim/", {"proposal": PROPOSAL})
    claim = Claim.objects.get()
    assert PROPOSAL in mei.get("/tasks/row-softmax/")
    refused = mei.send(f"/claims/{claim.pk}/answer/", {"accept": "0", "text": ""})
    assert "a refusal without a reason helps nobody" in refused
    mei.send(f"/claims/{claim.pk}/answer/", {"accept": "0", "text": "Say how you measure."})
    assert "Say how you measure." in alice.get("/tasks/row-softmax/")
    alice.send("/tasks/row-softmax/claim/", {"proposal": PROPOSAL})
    mei.send(f"/claims/{Claim.objects.first().pk}/answer/", {"accept": "1"})
    assert "This task is yours" in alice.get("/tasks/row-softmax/")


def test_the_mentor_lands_where_the_form_said_but_never_elsewhere(guarded: Task, cast: people.Cast) -> None:
    Visitor(cast.alice).send("/tasks/row-softmax/claim/", {"proposal": PROPOSAL})
    path = f"/claims/{Claim.objects.get().pk}/answer/"
    data = {"accept": "1", "next": "https://elsewhere.example/"}
    assert Visitor(cast.mei).post(path, data).headers["location"] == "/tasks/row-softmax/"


def test_a_released_task_passes_its_note_on(single: Task, cast: people.Cast) -> None:
    alice = Visitor(cast.alice)
    alice.send("/tasks/row-softmax/claim/")
    note = "The tail loop is right; the rest is <slow>."
    page = alice.send(f"/claims/{Claim.objects.get().pk}/release/", {"hand_over": note})
    assert "Thank you for making room." in page
    assert "You gave this task up lately" in page
    assert "the rest is &lt;slow&gt;." in Visitor(cast.bob).get("/tasks/row-softmax/")


def test_a_claim_is_extended_once(single: Task, cast: people.Cast) -> None:
    alice = Visitor(cast.alice)
    alice.send("/tasks/row-softmax/claim/")
    path = f"/claims/{Claim.objects.get().pk}/extend/"
    page = alice.send(path)
    assert "extended by 14 days" in page
    assert "in 21 days" in page
    assert "Extended already" in page
    assert "can be extended once only" in alice.send(path)


def test_an_idle_claim_says_when_it_lapses(single: Task, cast: people.Cast) -> None:
    alice = Visitor(cast.alice)
    alice.send("/tasks/row-softmax/claim/")
    earlier = clock.now() - timedelta(days=10)
    Claim.objects.update(pushed_at=earlier, last_activity_at=earlier)
    page = alice.get("/tasks/row-softmax/")
    assert "Lapses when idle" in page
    assert "in 11 days" in page


def test_an_unknown_claim_is_not_found(cast: people.Cast) -> None:
    Visitor(cast.alice).send("/claims/999/release/", status=404)


@pytest.mark.slow
def test_a_claim_is_handed_over_from_page_to_page(single: Task, cast: people.Cast) -> None:
    alice, bob = Visitor(cast.alice), Visitor(cast.bob)
    alice.send("/tasks/row-softmax/claim/")
    path = f"/claims/{Claim.objects.get().pk}"
    refused = alice.send(f"{path}/offer/", {"username": "bobby", "hand_over": "Half is <done>."}, status=422)
    assert "Nobody is called “bobby” here" in refused
    assert ">Half is &lt;done&gt;.</textarea>" in refused
    page = alice.send(f"{path}/offer/", {"username": "bob", "hand_over": "Half is <done>."})
    assert "Your offer is sent." in page
    assert "Take the offer back" in page
    assert "would like to hand" in bob.get("/")
    offered = bob.get("/tasks/row-softmax/")
    assert "Half is &lt;done&gt;." in offered
    assert "Take it over" in offered
    page = bob.send(f"{path}/take/", {"accept": "1"})
    assert "The task is yours now." in page
    assert "push something before you hand it on" in page
    assert "You gave this task up lately" in alice.get("/tasks/row-softmax/")


@pytest.mark.slow
def test_an_offer_is_taken_back_or_declined(single: Task, cast: people.Cast) -> None:
    alice, bob = Visitor(cast.alice), Visitor(cast.bob)
    alice.send("/tasks/row-softmax/claim/")
    path = f"/claims/{Claim.objects.get().pk}"
    alice.send(f"{path}/offer/", {"username": "bob"})
    assert "The task stays yours." in alice.send(f"{path}/keep/")
    assert "not on offer by now" in alice.send(f"{path}/keep/")
    alice.send(f"{path}/offer/", {"username": "bob"})
    assert "You have declined" in bob.send(f"{path}/take/", {"accept": "0"})
    assert "This task is yours" in alice.get("/tasks/row-softmax/")


def test_whoever_has_done_a_task_reads_so_and_finds_the_pull_request(cast: people.Cast, town: Town) -> None:
    task = town.task
    Task.objects.filter(pk=task.pk).update(policy="exclusive", slots=3)
    alice = Visitor(cast.alice)
    page = alice.get(f"/tasks/{task.slug}/")
    assert "You have done this task" in page
    assert f'href="/pulls/{town.merged.pk}/"' in page
    assert "Improve on it</summary>" in page
    Task.objects.filter(pk=task.pk).update(slots=1)  # bob's
    assert "Claim this task" not in alice.get(f"/tasks/{task.slug}/")
    Task.objects.filter(pk=task.pk).update(policy="open")
    page = alice.get(f"/tasks/{task.slug}/")
    assert "You may still improve on it" in page
    assert "Claim this task" not in page


@pytest.mark.slow
def test_a_claim_is_shared_from_page_to_page(single: Task, cast: people.Cast) -> None:
    Task.objects.filter(pk=single.pk).update(together=2, points=20)
    alice, bob, path = Visitor(cast.alice), Visitor(cast.bob), "/tasks/row-softmax/"
    alice.send(f"{path}claim/")
    invite = f"/claims/{Claim.objects.get().pk}/invite/"
    refused = alice.send(invite, {"username": "bob", "share": "96"}, status=422)
    assert "96 is no share that can be given: 5 to 95 percent can." in refused
    assert 'value="96"' in refused
    assert "Your invitation is sent." in alice.send(invite, {"username": "bob", "share": "40"})
    assert "invites you to share" in bob.get("/")
    page = bob.get(path)
    assert "You are invited" in page
    assert "60 %" in page
    assert "40 %" in page
    join = f"/claims/{Claim.objects.get(user=cast.bob).pk}/join/"
    page = bob.send(join, {"accept": "1"})
    assert "You share this task now." in page
    assert "No penalty. Your share goes back to alice" in page
    assert "with alice, 40 % of the points" in Visitor(None).get(path)
    assert "with alice, 40 % of the points" in Visitor(None).get("/people/bob/contributions/")
    assert "The first who shares it holds it then" in alice.get(path)


@pytest.mark.slow
def test_an_invitation_is_taken_back_or_declined(single: Task, cast: people.Cast) -> None:
    Task.objects.filter(pk=single.pk).update(together=2)
    alice, bob, path = Visitor(cast.alice), Visitor(cast.bob), "/tasks/row-softmax/"
    alice.send(f"{path}claim/")
    invite = f"/claims/{Claim.objects.get().pk}/invite/"
    for who in (alice, bob):
        alice.send(invite, {"username": "bob", "share": "40"})
        join = f"/claims/{Claim.objects.get(state='invited').pk}/join/"
        assert "The invitation is over" in who.send(join, {"accept": "0"})
    assert "You are invited" not in bob.get(path)
