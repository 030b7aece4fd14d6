"""A claim that several people hold: invited for a share, joined, left, ended together, paid to the point."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from hub import flow, honours, leaving, studying
from hub.catalog.models import Task
from hub.claims import actions, queries, together
from hub.claims.models import Claim
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.notify.kinds import sentence
from hub.notify.models import Notification
from hub.pulls import actions as pulls
from hub.rewards.models import Reward
from hub.rewards.queries import points_of, split
from tests import people
from tests.hub.racing import at_once
from tests.hub.story import HARDWARE, Story
from tests.hub.web.conftest import Visitor

pytestmark = pytest.mark.slow


@pytest.fixture
def held(cast, make_task):
    """Alice's claim on the only slot of a task that up to three people may hold together."""
    return actions.claim(make_task(policy="exclusive", slots=1, together=3, points=10), cast.alice)


def shared(claim: Claim, with_whom: people.User, share: str = "40") -> Claim:
    """The claim of whoever was invited to this one and joined."""
    studying.invite(claim, claim.user, with_whom.username, share)
    invitation = Claim.objects.get(shared_with=claim, user=with_whom, state="invited")
    studying.join(invitation, with_whom)
    return invitation


def test_whoever_joins_may_push_and_has_the_share_of_the_invitation(cast, held):
    own = shared(held, cast.bob)
    assert (own.state, own.slot, own.share, own.shared_with) == ("active", None, 40, held)
    assert queries.may_push(held.task, cast.bob)
    assert queries.shares(held) == {cast.alice: 60, cast.bob: 40}
    assert queries.slots_left(held.task) == 0


def test_an_invitation_gives_nothing_and_holds_nothing_until_it_is_accepted(cast, held):
    together.invite(held, cast.alice, "bob", "40")
    assert not queries.may_push(held.task, cast.bob)
    assert queries.own_claims(held.task, cast.bob).held == 0
    assert queries.shares(held) == {cast.alice: 100}
    assert queries.shares(held, invited=True) == {cast.alice: 60, cast.bob: 40}


@pytest.mark.parametrize("share", ["0", "95", "100", "-1", "1.5", "", "half", "9999"])
def test_a_share_is_a_number_that_leaves_everybody_a_point(cast, held, share):
    with pytest.raises(BadInput, match="10 to 90 percent can"):
        together.invite(held, cast.alice, "bob", share)


def test_all_invitations_count_and_leave_their_holder_a_point(cast, held):
    together.invite(held, cast.alice, "bob", "80")
    with pytest.raises(BadInput, match="10 to 10 percent can"):
        together.invite(held, cast.alice, "mei", "11")
    together.invite(held, cast.alice, "mei", "10")
    with pytest.raises(NotNow, match="At most 3 people"):
        together.invite(held, cast.alice, "max", "10")


def test_a_task_that_does_not_say_so_is_held_by_one(cast, make_task):
    claim = actions.claim(make_task(policy="exclusive"), cast.alice)
    with pytest.raises(NotNow, match="At most 1 people"):
        together.invite(claim, cast.alice, "bob", "40")


def test_only_whose_slot_it_is_invites_and_only_who_is_invited_joins(cast, held):
    own = shared(held, cast.bob)
    with pytest.raises(NotAllowed, match="alice's claim"):
        together.invite(held, cast.bob, "mei", "10")
    with pytest.raises(NotNow, match="Only whoever holds the slot"):
        together.invite(own, cast.bob, "mei", "10")
    invitation = together.invite(held, cast.alice, "mei", "10")
    for act in (together.join, together.end_invitation):
        with pytest.raises(NotAllowed, match="not invited"):
            act(invitation, cast.bob)
    with pytest.raises(NotAllowed, match="not invited"):
        together.join(held, cast.alice)


def test_a_mentor_answers_no_invitation(cast, held):
    invitation = together.invite(held, cast.alice, "bob", "40")
    Task.objects.update(slots=2)
    invitation.task.refresh_from_db()
    with pytest.raises(NotNow, match="is invited to share by now"):
        actions.answer(invitation, cast.mei, accept=True)


def test_whoever_holds_enough_claims_cannot_join(cast, held, make_task):
    invitation = together.invite(held, cast.alice, "bob", "40")
    for slug in ("row-softmax", "layer-norm-gelu"):
        actions.claim(make_task(slug, policy="exclusive"), cast.bob)
    with pytest.raises(NotNow, match="You hold 2 of 2 claims"):
        together.join(invitation, cast.bob)


def test_a_shared_claim_counts_like_any_other(cast, held, make_task):
    shared(held, cast.bob)
    actions.claim(make_task("row-softmax", policy="exclusive"), cast.bob)
    with pytest.raises(NotNow, match="You hold 2 of 2 claims"):
        actions.claim(make_task("layer-norm-gelu", policy="exclusive"), cast.bob)


def test_a_push_of_one_winds_the_clock_of_all(cast, held, monkeypatch):
    own = shared(held, cast.bob)
    later = clock.now() + timedelta(days=6)
    monkeypatch.setattr(clock, "now", lambda: later)
    actions.note_activity(held.task, cast.bob, pushed=True)
    for claim in (held, own):
        claim.refresh_from_db()
        assert queries.clock(claim).lapses_at == later + timedelta(days=21)


def test_it_lapses_for_all_at_once_and_an_open_invitation_ends(cast, held, monkeypatch):
    own, invitation = shared(held, cast.bob), together.invite(held, cast.alice, "mei", "10")
    later = clock.now() + timedelta(days=7.1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert actions.expire_due(lambda _claim: False, studying.telling.expired) == 1
    states = [Claim.objects.get(pk=claim.pk).state for claim in (held, own, invitation)]
    assert states == ["expired", "expired", "withdrawn"]
    assert all("has expired" in told(person)[-1] for person in (cast.alice, cast.bob))


def test_whoever_leaves_gives_the_share_back(cast, held):
    own = shared(held, cast.bob)
    studying.release(own, cast.bob)
    assert queries.shares(held) == {cast.alice: 100}
    assert told(cast.alice)[-1].startswith("bob has left the claim")


def test_when_its_holder_leaves_the_first_who_shares_it_holds_the_slot(cast, held):
    bobs, meis = shared(held, cast.bob), shared(held, cast.mei, "20")
    studying.release(held, cast.alice)
    bobs.refresh_from_db()
    meis.refresh_from_db()
    assert (bobs.slot, bobs.shared_with, bobs.share) == (1, None, None)
    assert meis.shared_with == bobs
    assert queries.shares(bobs) == {cast.bob: 80, cast.mei: 20}
    with pytest.raises(NotNow, match="slots are taken"):
        actions.claim(held.task, cast.max)


def test_whoever_takes_the_slot_over_shares_it_with_the_same_people(cast, held):
    shared(held, cast.bob)
    actions.offer(held, cast.alice, "mei")
    taken = studying.take_over(held, cast.mei)
    assert queries.shares(taken) == {cast.mei: 60, cast.bob: 40}


def test_all_of_them_and_the_mentors_hear_of_who_joins(cast, held):
    held.task.mentors.add(cast.mei)
    shared(held, cast.bob)
    assert "alice invites you" in told(cast.bob)[0]
    assert "40 % of its points would be yours" in told(cast.bob)[0]
    for person in (cast.alice, cast.bob, cast.mei):
        assert told(person)[-1].startswith("bob shares “Vector addition")


def test_an_invitation_is_declined_or_taken_back(cast, held):
    studying.end_invitation(studying.together.invite(held, cast.alice, "bob", "40"), cast.bob)
    assert told(cast.alice)[-1].startswith("bob does not join you")
    again = together.invite(held, cast.alice, "bob", "40")
    studying.end_invitation(again, cast.alice)
    with pytest.raises(NotNow, match="is withdrawn by now"):
        together.join(again, cast.bob)


def test_who_deletes_their_account_leaves_and_declines(cast, held):
    shared(held, cast.bob)
    leaving.leave(cast.alice, "alice")
    assert queries.live_claim(held.task, cast.bob).slot == 1
    more = together.invite(queries.live_claim(held.task, cast.bob), cast.bob, "mei", "10")
    leaving.leave(cast.mei, "mei")
    more.refresh_from_db()
    assert more.state == "withdrawn"


@pytest.mark.parametrize("points", [10, 7, 1, 100, 101])
@pytest.mark.parametrize("given", [(50, 50), (34, 33, 33), (1, 99), (25, 25, 25, 25)])
def test_the_points_that_are_paid_are_those_of_the_task_exactly(points, given):
    shares = {people.User(pk=number + 1, username=f"p{number}"): share for number, share in enumerate(given)}
    paid = split(points, shares)
    assert sum(paid.values()) == points
    assert all(abs(paid[user] - points * share / 100) < 1 for user, share in shares.items())


def test_a_merge_pays_each_their_share_and_ends_the_claim_for_all(story: Story, cast: people.Cast) -> None:
    Task.objects.filter(pk=story.task.pk).update(policy="exclusive", slots=1, together=2, points=15)
    story.task.refresh_from_db()
    held = actions.claim(story.task, cast.alice)
    shared(held, cast.bob, "45")
    story.worker()
    story.merged(cast.bob, cast.mei, cast.max)
    paid = Reward.objects.filter(kind="merge").values_list("user__username", "points")
    assert dict(paid) == {"alice": 8, "bob": 7}
    assert set(Claim.objects.values_list("user__username", "state")) == {
        ("alice", "fulfilled"),
        ("bob", "fulfilled"),
    }
    assert "shared with you" in told(cast.alice)[-1]
    assert told(cast.alice)[-1].endswith("Points: 8.")
    assert points_of(cast.bob) == 7
    certificate = honours.certify(cast.alice, f"task:{story.task.slug}")
    assert "alice 8" in certificate.statement
    assert "bob 7" in certificate.statement


def test_lists_mark_and_find_shared_work_as_ones_own(story: Story, cast: people.Cast) -> None:
    Task.objects.filter(pk=story.task.pk).update(policy="exclusive", slots=1, together=2)
    story.task.refresh_from_db()
    shared(actions.claim(story.task, cast.alice), cast.mei)
    story.worker()
    pull = story.push(cast.alice).pull
    mine, other = Visitor(cast.mei), Visitor(cast.bob)
    assert 'class="is-yours"' in mine.get("/queue/")
    assert 'class="is-yours"' not in other.get("/queue/")
    story.run_all()
    board = f"/boards/{story.task.slug}/{HARDWARE}/"
    assert 'class="is-yours"' in mine.get(board)
    assert 'class="is-yours"' not in other.get(board)
    for name, found in (("alice", True), ("mei", True), ("bob", False), ("nobody-here", False)):
        assert (f'href="/pulls/{pull.pk}/"' in other.get(f"/pulls/?author={name}")) is found


def test_nobody_reviews_the_work_of_whom_they_share_a_claim_with(story: Story, cast: people.Cast) -> None:
    Task.objects.filter(pk=story.task.pk).update(policy="exclusive", slots=1, together=2)
    story.task.refresh_from_db()
    shared(actions.claim(story.task, cast.alice), cast.mei)
    story.worker()
    patch_set = story.push(cast.alice)
    story.run_all()
    with pytest.raises(NotAllowed, match="You share the claim"):
        flow.review(patch_set, cast.mei, "approve", "Good.")
    assert pulls.review(patch_set, cast.max, "approve", "Good.")


@pytest.mark.django_db(transaction=True)
def test_who_joins_two_claims_at_once_is_counted(cast, make_task):
    actions.claim(make_task("layer-norm-gelu", policy="exclusive"), cast.bob)
    invited = []
    for slug, user in (("vector-add", cast.alice), ("row-softmax", cast.mei)):
        claim = actions.claim(make_task(slug, policy="exclusive", together=2), user)
        invited.append(together.invite(claim, user, "bob", "50"))
    found = at_once([lambda one=one: together.join(one, cast.bob) for one in invited])
    assert sorted(type(each).__name__ for each in found) == ["NoneType", "NotNow"]
    assert Claim.objects.filter(user=cast.bob, state="active").count() == 2


@pytest.mark.django_db(transaction=True)
def test_joining_while_the_holder_leaves_ends_with_a_holder_or_without_a_claim(cast, make_task):
    claim = actions.claim(make_task(policy="exclusive", slots=1, together=2), cast.alice)
    invitation = together.invite(claim, cast.alice, "bob", "50")
    at_once([lambda: together.join(invitation, cast.bob), lambda: actions.release(claim, cast.alice)])
    left = list(Claim.objects.filter(state="active").values_list("user__username", "slot", "share"))
    assert left in ([], [("bob", 1, None)])
    assert not Claim.objects.filter(state="invited").exists()


@pytest.mark.parametrize("columns", [{"share": 100}, {"share": 0}, {"share": None}, {"share": 40, "slot": 2}])
def test_the_database_itself_keeps_shares_in_percent(cast, held, columns):
    with pytest.raises(IntegrityError, match="claim_shares_in_percent"), transaction.atomic():
        create(held, cast.bob, **{"share": 40} | columns)


def test_the_database_itself_refuses_a_second_invitation(cast, held):
    create(held, cast.bob, share=40)
    with (
        pytest.raises(IntegrityError, match=r"claims_claim\.shared_with|claim_invited"),
        transaction.atomic(),
    ):
        create(held, cast.bob, share=30)


def create(held: Claim, user: people.User, **columns: object) -> Claim:
    row = {"task": held.task, "user": user, "shared_with": held, "state": "invited"}
    return Claim.objects.create(requested_at=clock.now(), **row, **columns)


def told(person: people.User) -> list[str]:
    return [sentence(row.what, row.words) for row in Notification.objects.filter(user=person).order_by("pk")]
