"""Pages of SIGs and events, and calendars, as each reader meets them."""

from __future__ import annotations

from datetime import timedelta

from hub.community import calendars, events, sigs
from hub.community.models import Event, Sig
from hub.core import clock
from tests.hub.replay import played_once
from tests.hub.story import Story
from tests.hub.web.conftest import Visitor
from tests.people import Cast

FORM = {
    "title": "Reading <b>group</b>",
    "place": "https://meet.example.org/kernels",
    "starts": "2040-01-15T19:30",
    "ends": "2040-01-15T21:00",
    "time_zone": "Asia/Shanghai",
    "capacity": "1",
    "about": "Bring *questions*.",
}


@played_once
def meeting(story: Story, cast: Cast) -> Event:
    sig = sigs.ensure("kernels")
    sigs.name_leads(sig, cast.max, ["mei"])
    starts = (clock.now() + timedelta(days=3)).replace(tzinfo=None, second=0, microsecond=0)
    plan = events.Plan("Softmax evening", "Room 1", starts, starts + timedelta(hours=2), "UTC", capacity=1)
    return events.plan(sig, cast.mei, plan)


def test_a_sig_shows_its_tasks_leads_members_and_events(meeting: Event, cast: Cast) -> None:
    Visitor(cast.alice).send("/sigs/kernels/join/")
    page = Visitor(None).get("/sigs/kernels/")
    for part in (
        'href="/tasks/vector-add/"',
        'href="/people/mei/"',
        'href="/people/alice/"',
        "Softmax evening",
    ):
        assert part in page
    assert "1 member" in page
    assert "1 seat<" in page
    assert "Announce something" not in page
    assert "Leave the SIG" in Visitor(cast.alice).get("/sigs/kernels/")
    assert "Announce something" in Visitor(cast.mei).get("/sigs/kernels/")
    assert "Leads, by username" in Visitor(cast.max).get("/sigs/kernels/")
    assert "Join the SIG" in Visitor(cast.alice).send("/sigs/kernels/leave/")


def test_signing_up_waiting_and_leaving_by_the_page(meeting: Event, cast: Cast) -> None:
    place = f"/events/{meeting.pk}/"
    assert "Log in to sign up" in Visitor(None).get(place)
    assert "You have a seat." in Visitor(cast.alice).send(f"{place}join/")
    assert "Join the waiting list" in Visitor(cast.bob).get(place)
    assert "You are number 1 on the waiting list" in Visitor(cast.bob).send(f"{place}join/")
    assert "waiting list" in Visitor(cast.bob).get("/events/")
    Visitor(cast.alice).send(f"{place}leave/")
    assert "You have a seat." in Visitor(cast.bob).get(place)


def test_a_lead_plans_changes_and_calls_off_an_event(meeting: Event, cast: Cast) -> None:
    lead = Visitor(cast.mei)
    assert 'name="time_zone"' in lead.get("/sigs/kernels/plan/")
    page = lead.send("/sigs/kernels/plan/", FORM)
    assert "Reading &lt;b&gt;group&lt;/b&gt;" in page
    assert "Jan. 15, 2040, 11:30 a.m." in page
    assert "Sun, Jan. 15, 2040, 7:30 p.m.</time> – 9 p.m." in page
    event = Event.objects.latest("pk")
    assert "2040年1月15日 19:30</time> – 21:00" in Visitor(None, "zh-hans").get(f"/events/{event.pk}/")
    form = lead.get(f"/events/{event.pk}/change/")
    assert 'value="2040-01-15T19:30"' in form
    lead.send(f"/events/{event.pk}/change/", {**FORM, "capacity": ""})
    assert "for all" in lead.get(f"/events/{event.pk}/")
    assert "Called off: Ill." in lead.send(f"/events/{event.pk}/off/", {"why": "Ill."})
    refused = lead.post("/sigs/kernels/plan/", {**FORM, "time_zone": "Mars"})
    assert refused.status_code == 422
    assert "Mars is no time zone" in refused.content.decode()
    assert "Reading &lt;b&gt;group" in refused.content.decode()  # what was typed is still there


def test_members_do_not_do_what_leads_do(meeting: Event, cast: Cast) -> None:
    forms: dict[str, dict[str, str]] = {
        "/sigs/kernels/plan/": FORM,
        "/sigs/kernels/describe/": {"title_en": "A", "title_zh": "B"},
        "/sigs/kernels/leads/": {"leads": "alice"},
        "/sigs/kernels/announce/": {"title": "A", "body": "B"},
        "/sigs/open/new/": {"slug": "more", "title_en": "A", "title_zh": "B"},
        f"/events/{meeting.pk}/change/": FORM,
        f"/events/{meeting.pk}/off/": {"why": "no"},
    }
    for path, data in forms.items():
        Visitor(cast.alice).send(path, data, status=403)


def test_a_maintainer_opens_a_sig_and_names_its_leads(meeting: Event, cast: Cast) -> None:
    opener = Visitor(cast.max)
    opener.send("/sigs/open/new/", {"slug": "compilers", "title_en": "Compilers", "title_zh": "编译器"})
    opener.send("/sigs/compilers/leads/", {"leads": "mei, bob"})
    assert set(Sig.objects.get(slug="compilers").leads.all()) == {cast.mei, cast.bob}
    assert "编译器" in Visitor(None, "zh-hans").get("/sigs/")
    assert "already" in opener.send(
        "/sigs/open/new/", {"slug": "compilers", "title_en": "Compilers", "title_zh": "编译器"}
    )
    Visitor(cast.bob).send(
        "/sigs/compilers/announce/", {"title": "Hello <i>all</i>", "body": "<script>x</script>"}
    )
    page = Visitor(None).get("/sigs/compilers/")
    assert "Hello &lt;i&gt;all&lt;/i&gt;" in page
    assert "<script>x" not in page


def test_feeds_are_calendars_and_ones_own_opens_by_its_secret_alone(meeting: Event, cast: Cast) -> None:
    Visitor(cast.alice).send(f"/events/{meeting.pk}/join/")
    secret = calendars.secret_of(cast.alice)
    assert f"/events/own/{secret}.ics" in Visitor(cast.alice).get("/events/")
    for path in ("/events/all.ics", "/sigs/kernels/events.ics", f"/events/own/{secret}.ics"):
        answer = Visitor(None).client.get(path)
        assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
        assert "SUMMARY:Softmax evening" in answer.content.decode()
    assert "no-store" in answer.headers["cache-control"]
    Visitor(cast.alice).send("/events/own/renew/")
    Visitor(None).get(f"/events/own/{secret}.ics", status=404)
    assert secret not in Visitor(cast.bob).get("/events/")
