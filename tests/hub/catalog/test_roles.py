"""Who mentors and maintains what: nobody without a role, and a role counts for its SIG or task alone."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from hub.accounts.models import User
from hub.audit.queries import events_about
from hub.catalog import roles
from hub.catalog.models import Appointment, Task
from hub.claims.actions import answer, claim
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.leaving import leave
from hub.pulls.desk import desk
from hub.pulls.queries import why_not_review
from tests import people
from tests.hub.conftest import new_task
from tests.hub.story import Story
from tests.hub.web.conftest import PROPOSAL, Visitor


def again(user: User) -> User:
    """As the next request reads them."""
    return User.objects.get(pk=user.pk)


def test_nobody_mentors_or_maintains_without_a_role(cast: people.Cast) -> None:
    task = new_task()
    for user in (cast.alice, cast.bob, cast.mei):
        assert not roles.mentors(task, user)
        assert not roles.maintains(task, user)
    assert roles.mentors(task, cast.max)
    assert roles.maintains(task, cast.max)


def test_a_role_for_a_sig_counts_for_its_tasks_alone(cast: people.Cast) -> None:
    own, other = new_task(), new_task("row-softmax", sig="elsewhere")
    roles.appoint(cast.max, "bob", "maintainer", own.sig)
    bob = again(cast.bob)
    assert (roles.mentors(own, bob), roles.maintains(own, bob)) == (True, True)
    assert (roles.mentors(other, bob), roles.maintains(other, bob)) == (False, False)


def test_a_mentor_of_a_task_reviews_it_and_answers_its_proposals_but_rules_on_nothing(
    cast: people.Cast, story: Story
) -> None:
    pull = story.push(cast.alice).pull
    assert (
        why_not_review(pull, cast.bob) == "Only mentors and maintainers review. You are welcome to comment."
    )
    assert desk(cast.bob) == []
    made = roles.appoint(cast.max, "bob", "mentor", pull.task.slug)
    bob = again(cast.bob)
    assert why_not_review(pull, bob) is None
    assert [row.pull for row in desk(bob)] == [pull]
    assert not roles.maintains(pull.task, bob)
    Task.objects.filter(pk=pull.task_id).update(policy="proposal", slots=1)
    pull.task.refresh_from_db()
    answer(claim(pull.task, cast.mei, PROPOSAL), bob, accept=True)

    roles.dismiss(cast.max, made)
    assert why_not_review(pull, again(cast.bob)) is not None
    assert [event.verb for event in events_about(made)] == ["role.given", "role.ended"]


def test_who_maintains_a_sig_appoints_its_mentors_and_no_more(cast: people.Cast) -> None:
    own, other = new_task(), new_task("row-softmax", sig="elsewhere")
    roles.appoint(cast.max, "bob", "maintainer", own.sig)
    bob = again(cast.bob)
    roles.appoint(bob, "alice", "mentor", own.slug)
    for who, role, scope in (
        ("mei", "maintainer", own.sig),
        ("mei", "mentor", other.sig),
        ("bob", "maintainer", own.slug),
    ):
        with pytest.raises(NotAllowed):
            roles.appoint(bob, who, role, scope)
    with pytest.raises(NotAllowed):
        roles.appoint(again(cast.alice), "mei", "mentor", own.slug)


@pytest.mark.parametrize(
    ("who", "role", "scope", "said"),
    [
        ("nobody", "mentor", "vector-add", "nobody named “nobody”"),
        ("bob", "king", "vector-add", "“king” is no role"),
        ("bob", "mentor", "no-such", "no task and no SIG “no-such”"),
    ],
)
def test_a_role_that_makes_no_sense_is_refused(
    cast: people.Cast, who: str, role: str, scope: str, said: str
) -> None:
    new_task()
    with pytest.raises(BadInput, match=said):
        roles.appoint(cast.max, who, role, scope)


def test_a_role_is_held_once_and_ended_once(cast: people.Cast) -> None:
    new_task()
    made = roles.appoint(cast.max, "bob", "mentor", "vector-add")
    with pytest.raises(NotNow, match="holds that role already"):
        roles.appoint(cast.max, "bob", "mentor", "vector-add")
    roles.dismiss(cast.max, made)
    with pytest.raises(NotNow, match="ended already"):
        roles.dismiss(cast.max, made)
    roles.appoint(cast.max, "bob", "mentor", "vector-add")


def test_an_appointment_names_a_sig_or_a_task_and_not_both(cast: people.Cast) -> None:
    task = new_task()
    for scope in ({"sig": "", "task": None}, {"sig": task.sig, "task": task}):
        with pytest.raises(IntegrityError, match="appointment_for_a_sig_or_a_task"), transaction.atomic():
            Appointment.objects.create(user=cast.bob, role="mentor", by=cast.max, at=clock.now(), **scope)


def test_whoever_leaves_holds_nothing(cast: people.Cast) -> None:
    new_task()
    made = roles.appoint(cast.max, "bob", "mentor", "vector-add")
    leave(again(cast.bob), "bob")
    made.refresh_from_db()
    assert made.ended_at is not None


def test_roles_are_given_and_ended_on_their_page_by_maintainers_alone(cast: people.Cast) -> None:
    new_task()
    form = {"username": "bob", "role": "mentor", "scope": "vector-add"}
    assert Visitor(None).post("/roles/give/", form).headers["location"].startswith("/login/")
    for who in (cast.alice, cast.mei):
        Visitor(who).get("/roles/", status=403)
        assert Visitor(who).post("/roles/give/", form).status_code == 403
    page = Visitor(cast.max).send("/roles/give/", form)
    assert "The role is given." in page
    made = Appointment.objects.get()
    assert Visitor(cast.alice).post(f"/roles/{made.pk}/end/").status_code == 403
    assert "The role is ended." in Visitor(cast.max).send(f"/roles/{made.pk}/end/")
