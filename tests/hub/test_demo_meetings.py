"""What the demo shows of people: a SIG that lives, made once; the same in the made-up community."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest

from hub.accounts.models import User
from hub.community import queries
from hub.community.models import Announcement, Event, Sig, SignUp
from hub.demo import meetings, people
from hub.demo.crowd.cast import people as crowd
from hub.demo.crowd.rows import finish
from hub.demo.crowd.together import together

pytestmark = pytest.mark.django_db


def test_the_demo_has_a_sig_with_events_people_and_news_once() -> None:
    people.make_people()
    meetings.make_meetings()
    User.objects.get(username="alice").sign_ups.first().event.sig.leads.clear()
    meetings.make_meetings()
    assert Event.objects.count() == 2
    assert Announcement.objects.count() == 1
    assert not Sig.objects.get().leads.exists()  # what people changed stays
    assert {queries.seats(event).waiting != () for event in queries.coming()} == {True, False}


def test_a_made_up_community_meets_every_week_and_some_wait_for_a_seat() -> None:
    until, rng = datetime(2026, 5, 31, tzinfo=UTC), Random(1)
    table, members = crowd(60, rng, until)
    finish([table, *together(members, rng, until)])
    assert Sig.objects.count() == 8
    assert all(sig.leads.exists() and sig.memberships.count() >= 3 for sig in Sig.objects.all())
    assert Event.objects.filter(starts_at__gt=until).count() >= 8 * 4
    assert any(queries.seats(event).waiting for event in Event.objects.exclude(capacity=None))
    assert not SignUp.objects.filter(at__gt=until).exists()
