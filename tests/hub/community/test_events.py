"""SIGs and their events: who leads, who has a seat, what moves up, what calendars are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from hub import gatherings
from hub.accounts.models import User
from hub.community import calendars, events, queries, sigs
from hub.community.events import Plan
from hub.community.models import Event, Sig, SignUp
from hub.core import clock
from hub.core.errors import BadInput, NotAllowed, NotNow
from hub.notify.models import Notification
from tests.people import Cast

WALL = datetime(2040, 1, 15, 19, 30)


@pytest.fixture
def sig(cast: Cast) -> Sig:
    found = sigs.ensure("kernels")
    sigs.name_leads(found, cast.max, ["mei"])
    return found


def wanted(**columns: object) -> Plan:
    given = {"title": "Reading group", "place": "Room 1", "starts": WALL, "ends": WALL + timedelta(hours=1)}
    return Plan(**{**given, "time_zone": "Asia/Shanghai", **columns})  # type: ignore[arg-type]


def told(user: User) -> list[str]:
    """The English titles of what somebody was told, oldest first."""
    titles = [row.words["title"] for row in Notification.objects.filter(user=user).order_by("pk")]
    return [title["en"] if isinstance(title, dict) else title for title in titles]


def test_a_wall_clock_time_becomes_the_moment_in_its_zone(sig: Sig, cast: Cast) -> None:
    event = events.plan(sig, cast.mei, wanted())
    assert event.starts_at == datetime(2040, 1, 15, 11, 30, tzinfo=UTC)
    assert events.plan(sig, cast.max, wanted(time_zone="America/New_York")).starts_at.hour == 0


def test_events_of_all_sigs_stand_in_the_order_of_time(sig: Sig, cast: Cast) -> None:
    other = sigs.ensure("compiler")
    for number, (place, day) in enumerate(((sig, 20), (other, 5), (sig, 1), (other, 10))):
        times = {"starts": WALL + timedelta(days=day), "ends": WALL + timedelta(days=day, hours=1)}
        events.plan(place, cast.max, wanted(title=f"{number}", **times))
    assert [event.title for event in queries.coming()] == ["2", "1", "3", "0"]
    assert [event.title for event in queries.coming(sig)] == ["2", "0"]
    assert [found.slug for found in queries.sigs()] == ["compiler", "kernels"]


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"title": " "}, "title of at most"),
        ({"title": "x" * 121}, "title of at most"),
        ({"place": ""}, "Say where it is"),
        ({"ends": WALL}, "must end after it starts"),
        ({"ends": WALL + timedelta(days=30)}, "within 14 days"),
        ({"time_zone": "Mars/Olympus"}, "Mars/Olympus is no time zone"),
        ({"capacity": 0}, "cannot be 0 seats"),
        ({"about": "x" * 10_001}, "10001 characters"),
        (
            {"time_zone": "Europe/Berlin", "starts": datetime(2040, 3, 25, 2, 30)},
            "never show 2040-03-25 02:30",
        ),
    ],
)
def test_what_does_not_fit_an_event_is_refused(
    sig: Sig, cast: Cast, columns: dict[str, object], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        events.plan(sig, cast.mei, wanted(**columns))
    assert not Event.objects.exists()


def test_only_leads_and_maintainers_plan_change_call_off_and_announce(sig: Sig, cast: Cast) -> None:
    event = events.plan(sig, cast.mei, wanted())
    for who in (cast.alice, cast.bob):
        for act in (
            lambda who=who: events.plan(sig, who, wanted()),
            lambda who=who: gatherings.change(event, who, wanted()),
            lambda who=who: gatherings.call_off(event, who, "no"),
            lambda who=who: gatherings.announce(sig, who, "Hello", "All"),
            lambda who=who: sigs.describe(sig, who, "A", "B", "", ""),
            lambda who=who: sigs.name_leads(sig, who, ["alice"]),
        ):
            with pytest.raises(NotAllowed):
                act()
    with pytest.raises(NotAllowed):
        sigs.name_leads(sig, cast.mei, ["mei", "alice"])  # a lead names no leads
    with pytest.raises(BadInput, match="nobody named"):
        sigs.name_leads(sig, cast.max, ["mei", "nobody"])


def test_who_comes_late_waits_and_moves_up_when_a_seat_becomes_free(sig: Sig, cast: Cast) -> None:
    event = events.plan(sig, cast.mei, wanted(capacity=1))
    for who in (cast.alice, cast.bob, cast.max):
        events.sign_up(event, who)
        events.sign_up(event, who)
    assert queries.seats(event).seated == (cast.alice,)
    assert queries.seats(event).waiting == (cast.bob, cast.max)
    gatherings.leave(event, cast.max)  # from the waiting list: nobody gets a seat by that
    gatherings.leave(event, cast.alice)
    assert queries.seats(event).seated == (cast.bob,)
    assert told(cast.bob) == ["There is a seat for you now: Reading group"]
    with pytest.raises(NotNow, match="not signed up"):
        gatherings.leave(event, cast.alice)
    events.sign_up(event, cast.alice)  # behind the others
    assert queries.seats(event).waiting == (cast.alice,)


def test_nobody_stands_on_a_list_twice(sig: Sig, cast: Cast) -> None:
    event = events.plan(sig, cast.mei, wanted())
    events.sign_up(event, cast.alice)
    with pytest.raises(IntegrityError, match=r"sign_up_once_at_a_time|event_id"), transaction.atomic():
        SignUp.objects.create(event=event, user=cast.alice, at=clock.now())


def test_a_changed_or_called_off_event_tells_everybody_on_its_list(sig: Sig, cast: Cast) -> None:
    event = events.plan(sig, cast.mei, wanted(capacity=1))
    events.sign_up(event, cast.alice)
    events.sign_up(event, cast.bob)
    gatherings.change(event, cast.mei, wanted(place="Room 2"))
    gatherings.call_off(event, cast.mei, "The room is flooded.")
    for who in (cast.alice, cast.bob):
        assert told(who) == ["Changed: Reading group", "Called off: Reading group"]
    event.refresh_from_db()
    assert event.version == 2
    for act in (
        lambda: events.sign_up(event, cast.max),
        lambda: gatherings.change(event, cast.mei, wanted()),
        lambda: gatherings.call_off(event, cast.mei, "again"),
    ):
        with pytest.raises(NotNow):
            act()


def test_an_event_that_is_over_takes_nobody(sig: Sig, cast: Cast) -> None:
    with pytest.raises(NotNow, match="over already"):
        events.plan(sig, cast.mei, wanted(starts=datetime(2020, 1, 1), ends=datetime(2020, 1, 2)))
    event = events.plan(sig, cast.mei, wanted())
    past = {"starts_at": clock.now() - timedelta(hours=2), "ends_at": clock.now() - timedelta(hours=1)}
    Event.objects.filter(pk=event.pk).update(**past)
    with pytest.raises(NotNow):
        events.sign_up(event, cast.alice)
    assert not queries.coming(sig).exists()
    assert list(queries.past(sig)) == [event]


def test_an_announcement_reaches_every_member_once_and_can_be_taken_off_the_page(
    sig: Sig, cast: Cast
) -> None:
    for who in (cast.alice, cast.mei):
        sigs.join(sig, who)
        sigs.join(sig, who)
    made = gatherings.announce(sig, cast.mei, "Two new tasks", "Softmax and friends.")
    assert told(cast.alice) == ["Two new tasks"]
    assert told(cast.bob) == told(cast.mei) == []  # no member; the author
    sigs.withdraw(made, cast.mei)
    assert not queries.announcements(sig).exists()
    with pytest.raises(NotNow):
        sigs.withdraw(made, cast.max)
    sigs.leave(sig, cast.alice)
    gatherings.announce(sig, cast.mei, "Later", "On")
    assert told(cast.alice) == ["Two new tasks"]


def test_a_feed_escapes_folds_and_says_what_was_called_off(sig: Sig, cast: Cast) -> None:
    nasty = "Softmax; layers, \\ and\nEND:VEVENT " + "试金石" * 30
    event = events.plan(sig, cast.mei, wanted(title=" ".join(nasty.split())[:120], about=nasty))
    gatherings.call_off(event, cast.mei, "Ill.")
    text = calendars.feed("Touchstone", queries.in_calendars(sig))
    lines = text.split("\r\n")
    assert lines.pop() == ""
    assert all(len(line.encode()) <= 75 for line in lines)
    unfolded = text.replace("\r\n ", "").split("\r\n")
    assert unfolded.count("BEGIN:VEVENT") == unfolded.count("END:VEVENT") == 1
    for line in ("DTSTART:20400115T113000Z", "DTEND:20400115T123000Z", "STATUS:CANCELLED", "SEQUENCE:1"):
        assert line in unfolded
    described = next(line for line in unfolded if line.startswith("DESCRIPTION:"))
    assert described == "DESCRIPTION:Softmax\\; layers\\, \\\\ and\\nEND:VEVENT " + "试金石" * 30


def test_a_line_is_folded_at_75_octets_and_never_within_a_letter() -> None:
    for text in ("x" * 300, "试" * 100, "a" + "试" * 100, "😀" * 60):
        folded = calendars.folded(text).split("\r\n")
        assert all(len(line.encode()) <= 75 for line in folded)
        assert folded[0] + "".join(line[1:] for line in folded[1:]) == text
        assert all(line.startswith(" ") for line in folded[1:])


def test_control_characters_do_not_reach_a_calendar() -> None:
    assert calendars.escaped("a\x00b\x1b[31mc\x7f\r\nd\re") == "ab[31mc\\nd\\ne"


def test_a_secret_address_opens_one_calendar_until_it_is_renewed(sig: Sig, cast: Cast) -> None:
    secret = calendars.secret_of(cast.alice)
    assert calendars.secret_of(cast.alice) == secret
    assert calendars.user_by_secret(secret) == cast.alice
    foreign = f"{cast.bob.pk}-{secret.partition('-')[2]}"
    for wrong in (foreign, secret[:-1], "", "x", f"{cast.alice.pk}-", f"{cast.alice.pk}-é", "9" * 40 + "-a"):
        assert calendars.user_by_secret(wrong) is None
    calendars.renew(cast.alice)
    assert calendars.user_by_secret(secret) is None
    User.objects.filter(pk=cast.alice.pk).update(is_active=False)
    assert calendars.user_by_secret(calendars.secret_of(cast.alice)) is None


def test_ones_own_calendar_tells_a_seat_from_a_place_on_the_waiting_list(sig: Sig, cast: Cast) -> None:
    full, free = (events.plan(sig, cast.mei, wanted(title=title, capacity=1)) for title in ("Full", "Free"))
    events.sign_up(full, cast.bob)
    for event in (full, free):
        events.sign_up(event, cast.alice)
    own, waiting = queries.own_events(cast.alice)
    assert ({event.title for event in own}, waiting) == ({"Full", "Free"}, {full.pk})
    text = calendars.feed("alice", own, waiting)
    assert text.count("STATUS:TENTATIVE") == text.count("STATUS:CONFIRMED") == 1
    gatherings.leave(free, cast.alice)
    assert [event.title for event in queries.own_events(cast.alice)[0]] == ["Full"]


def test_who_leaves_the_hub_leaves_every_list_and_their_calendar(sig: Sig, cast: Cast) -> None:
    event = events.plan(sig, cast.mei, wanted())
    for who in (cast.alice, cast.bob):
        events.sign_up(event, who)
        sigs.join(sig, who)
    secret = calendars.secret_of(cast.alice)
    sigs.forget(cast.alice)
    assert queries.seats(event).seated == (cast.bob,)
    assert [row.user for row in sig.memberships.all()] == [cast.bob]
    assert calendars.user_by_secret(secret) is None
    sigs.forget(cast.mei)
    assert not queries.is_lead(sig, cast.mei)
