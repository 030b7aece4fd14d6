"""Applications, the mentors' ranks, and the choice that is looked at before it is applied."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from hub import studying
from hub.accounts.models import User
from hub.audit.models import Event
from hub.catalog.models import Programme, Task
from hub.claims.models import Claim
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.notify.models import Notification
from hub.programmes import actions, queries
from hub.programmes.models import Application, Wish
from tests.hub.programmes.conftest import TEXT, Make
from tests.people import Cast

pytestmark = pytest.mark.django_db


def task(slug: str) -> Task:
    return Task.objects.get(slug=slug)


def apply(programme: Programme, who: User, *slugs: str) -> Application:
    return actions.apply(programme, who, TEXT, [task(slug) for slug in slugs])


def rank(programme: Programme, by: User, slug: str, *usernames: str) -> None:
    """The mentors' order; whoever waits and is not named is not wanted."""
    wishes = queries.wishes_for([task(slug)], programme)
    places = {name: place for place, name in enumerate(usernames, 1)}
    given = {wish.pk: places.get(wish.application.user.username) for wish in wishes}
    actions.rank(programme, task(slug), by, given)


def after(programme: Programme, **columns: int) -> Programme:
    """The same programme with other dates, in days from now."""
    dates = {name: clock.now() + timedelta(days=days) for name, days in columns.items()}
    Programme.objects.filter(pk=programme.pk).update(**dates)
    programme.refresh_from_db()
    return programme


def test_the_match_is_shown_and_then_applied_as_it_was_shown(summer: Programme, cast: Cast) -> None:
    apply(summer, cast.alice, "row-softmax", "vector-add")
    apply(summer, cast.bob, "row-softmax")
    rank(summer, cast.max, "row-softmax", "bob", "alice")
    rank(summer, cast.max, "vector-add", "alice")
    plan = queries.plan(summer)
    assert [(line.application.user.username, line.wish and line.wish.task.slug) for line in plan.lines] == [
        ("alice", "vector-add"),
        ("bob", "row-softmax"),
    ]
    assert not Application.objects.exclude(state="submitted").exists(), "looking changes nothing"
    actions.settle(after(summer, apply_until=-1), cast.max, plan.digest)
    assert dict(Application.objects.values_list("user__username", "task__slug")) == {
        "alice": "vector-add",
        "bob": "row-softmax",
    }
    assert Event.objects.filter(verb="programme.settled", actor=cast.max).count() == 1
    told = Notification.objects.get(user=cast.bob)
    assert "You are chosen for" in str(told.words), "and everybody hears of it"


def test_a_match_that_changed_since_it_was_looked_at_is_not_applied(summer: Programme, cast: Cast) -> None:
    apply(summer, cast.alice, "row-softmax")
    seen = queries.plan(summer).digest
    rank(summer, cast.max, "row-softmax", "alice")
    with pytest.raises(NotNow, match="changed since you looked"):
        actions.settle(after(summer, apply_until=-1), cast.max, seen)
    assert Application.objects.get().state == "submitted"


def test_nobody_is_chosen_while_applications_are_open(summer: Programme, cast: Cast) -> None:
    apply(summer, cast.alice, "row-softmax")
    with pytest.raises(NotNow, match="still open"):
        actions.settle(summer, cast.max, queries.plan(summer).digest)


def test_only_who_was_chosen_claims_the_task_and_only_once_it_runs(summer: Programme, cast: Cast) -> None:
    apply(summer, cast.alice, "vector-add")
    rank(summer, cast.max, "vector-add", "alice")
    after(summer, apply_until=-1)
    actions.settle(summer, cast.max, queries.plan(summer).digest)
    with pytest.raises(NotNow, match=r"begins on .*Asia/Shanghai"):
        studying.claim(task("vector-add"), cast.alice)
    after(summer, starts_at=-1)
    with pytest.raises(NotNow, match="whom “Spring” has chosen"):
        studying.claim(task("vector-add"), cast.bob)
    assert studying.claim(task("vector-add"), cast.alice).state == Claim.State.ACTIVE


def test_a_new_application_takes_the_place_of_the_old_one_and_its_ranks(
    summer: Programme, cast: Cast
) -> None:
    apply(summer, cast.alice, "row-softmax")
    rank(summer, cast.max, "row-softmax", "alice")
    apply(summer, cast.alice, "row-softmax", "vector-add")
    assert list(Wish.objects.values_list("task__slug", "mentor_rank")) == [
        ("row-softmax", None),
        ("vector-add", None),
    ]


def test_who_withdrew_may_apply_again_while_applications_are_open(summer: Programme, cast: Cast) -> None:
    apply(summer, cast.alice, "row-softmax")
    actions.withdraw(summer, cast.alice)
    assert queries.plan(summer).lines == ()
    assert apply(summer, cast.alice, "vector-add").state == "submitted"
    actions.withdraw(summer, cast.alice)
    after(summer, apply_until=-1)
    with pytest.raises(NotNow, match="closed"):
        apply(summer, cast.alice, "vector-add")


def test_whoever_leaves_the_hub_waits_for_no_choice_and_their_words_go(summer: Programme, cast: Cast) -> None:
    apply(summer, cast.alice, "row-softmax")
    actions.forget(cast.alice)
    own = Application.objects.get()
    assert (own.state, own.text) == ("withdrawn", "–")
    assert queries.plan(summer).lines == ()


@pytest.mark.parametrize(
    ("text", "slugs", "said"),
    [
        ("short", ("vector-add",), "has 5 characters"),
        (TEXT, (), "between 1 and 2 tasks; you named 0"),
        (TEXT, ("vector-add", "vector-add"), "twice"),
    ],
)
def test_an_application_that_does_not_fit_says_why(
    summer: Programme, cast: Cast, text: str, slugs: tuple[str, ...], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        actions.apply(summer, cast.alice, text, [task(slug) for slug in slugs])


def test_insiders_do_not_apply(summer: Programme, cast: Cast) -> None:
    with pytest.raises(NotNow, match="insiders"):
        apply(summer, cast.max, "vector-add")


def test_only_a_task_s_mentors_and_maintainers_rank_its_applicants(summer: Programme, cast: Cast) -> None:
    apply(summer, cast.alice, "vector-add")
    task("vector-add").mentors.set([cast.mei])
    rank(summer, cast.mei, "vector-add", "alice")
    for other in (cast.alice, cast.bob):
        with pytest.raises(NotAllowed):
            rank(summer, other, "vector-add", "alice")
    task("row-softmax").mentors.clear()
    with pytest.raises(NotAllowed):
        rank(summer, cast.mei, "row-softmax")


def test_two_applicants_never_have_the_same_rank(summer: Programme, cast: Cast) -> None:
    apply(summer, cast.alice, "vector-add")
    apply(summer, cast.bob, "vector-add")
    keys = Wish.objects.values_list("pk", flat=True)
    with pytest.raises(BadInput, match="same rank"):
        actions.rank(summer, task("vector-add"), cast.max, dict.fromkeys(keys, 1))


def test_only_maintainers_make_programmes_and_choose(summer: Programme, cast: Cast) -> None:
    for other in (cast.alice, cast.mei):
        with pytest.raises(NotAllowed):
            actions.save(summer, [], other)
        with pytest.raises(NotAllowed):
            actions.settle(summer, other, "")


@pytest.mark.parametrize(
    ("columns", "column", "said"),
    [
        ({"starts_at": 5, "ends_at": 1}, "ends_at", "before it starts"),
        ({"apply_from": 5, "apply_until": 1, "wishes_most": 1}, "apply_until", "before they open"),
        ({"apply_from": 5}, "wishes_most", "how many tasks"),
        ({"freeze_at": 5}, "freeze_at", "give an end"),
        ({"starts_at": 1, "ends_at": 5, "freeze_at": 7}, "freeze_at", "between start and end"),
        ({"ends_at": 5, "closes_at": 3}, "closes_at", "later date"),
        ({"wishes_most": 2, "policy": "open"}, "policy", "tasks have slots"),
        ({"team_most": 3, "policy": "exclusive"}, "policy", "side by side"),
        ({"point_value": 50}, "currency", "an amount and a currency"),
        ({"payout_tiers": "40, 30"}, "payout_tiers", "no tiers"),
        ({"claims_at_once": 0}, "claims_at_once", "nobody could begin"),
        ({"slug": "new"}, "slug", "address of the site"),
        ({"time_zone": "Mars/Olympus"}, "time_zone", "no time zone"),
        ({"time_zone": "Mars/Olympus", "starts_at": 5, "ends_at": 1}, "time_zone", "no time zone"),
    ],
)
def test_a_programme_that_does_not_fit_is_refused_with_a_cure(
    make_programme: Make, columns: dict[str, object], column: str, said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        make_programme(**columns)
    assert said in " ".join(refused.value.message_dict[column])
    assert not Programme.objects.exists()


def test_a_task_belongs_to_one_programme_at_a_time(summer: Programme, make_programme: Make) -> None:
    with pytest.raises(ValidationError, match="belongs to another programme"):
        make_programme(task("vector-add"), slug="autumn")


def test_a_programme_limits_the_claims_on_its_own_tasks_alone(
    make_programme: Make, cast: Cast, make_task
) -> None:  # type: ignore[no-untyped-def]
    inside = [make_task("row-softmax"), make_task("layer-norm-gelu")]
    outside = make_task("vector-add", policy="exclusive")
    make_programme(*inside, policy="exclusive", claims_at_once=1)
    for one in (*inside, outside):
        one.refresh_from_db()
    studying.claim(inside[0], cast.alice)
    assert "1 of 1" in str(studying_refusal(inside[1], cast.alice))
    assert studying.claim(outside, cast.alice).state == Claim.State.ACTIVE


def studying_refusal(wanted: Task, who: User) -> Exception:
    with pytest.raises(NotNow) as refused:
        studying.claim(wanted, who)
    return refused.value
