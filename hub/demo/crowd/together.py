"""SIGs of the made-up community: leads, members, weekly study groups past and to come, announcements."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from hub.community.models import Announcement, Event, Membership, Sig, SignUp
from hub.demo.crowd import words
from hub.demo.crowd.cast import Member
from hub.demo.crowd.rows import Table

WEEKS_BACK, WEEKS_AHEAD = 8, 4
A_SIG = 1 / 4  # of the people join each SIG, at most …
MEMBERS_MOST = 2_000  # … so many
ROOMS = ("Room 301", "三号会议室", "https://meet.example.org/study")
SEATS = (8, 20, 40, None)


def together(members: list[Member], rng: Random, until: datetime) -> list[Table]:
    """The tables, in the order in which they are written."""
    sig = Table(Sig, "slug", "title_en", "title_zh", "about_en", "about_zh", "created_at")
    lead = Table(Sig.leads.through, "sig_id", "user_id")
    joined = Table(Membership, "sig_id", "user_id", "at")
    event = Table(
        Event, "sig_id", "title", "about", "place", "starts_at", "ends_at", "time_zone", "capacity", "by_id",
        "changed_at",
    )  # fmt: skip
    listed = Table(SignUp, "event_id", "user_id", "at")
    news = Table(Announcement, "sig_id", "author_id", "title", "body", "at")
    mentors = [member for member in members if member.is_mentor]
    there = set(Sig.objects.values_list("slug", flat=True))
    for slug in (slug for slug in words.SIGS if slug not in there):
        title_en, title_zh = words.SIG_TITLES[slug]
        about = (words.SIG_ABOUT_EN.format(title=title_en), words.SIG_ABOUT_ZH.format(title=title_zh))
        key = sig.add(slug, title_en, title_zh, *about, until - timedelta(days=700))
        leader = rng.choice(mentors).key
        lead.add(key, leader)
        people = rng.sample(members, min(MEMBERS_MOST, max(3, int(len(members) * A_SIG))))
        for person in people:
            joined.add(key, person.key, until - timedelta(days=600 * rng.random()))
        news.add(key, leader, *rng.choice(words.NEWS), until - timedelta(days=rng.randrange(1, 20)))
        _study_groups(event, listed, key, leader, people, rng, until)
    return [sig, lead, joined, event, listed, news]


def _study_groups(
    event: Table, listed: Table, sig: int, leader: int, people: list[Member], rng: Random, until: datetime
) -> None:
    """One a week, some with more people than seats."""
    weekday = rng.randrange(7)
    for week in range(-WEEKS_BACK, WEEKS_AHEAD + 1):
        starts = until + timedelta(days=7 * week + weekday, hours=11, minutes=30)
        known = min(until, starts) - timedelta(days=9)
        key = event.add(
            sig,
            rng.choice(words.MEETINGS),
            words.MEETING_ABOUT,
            rng.choice(ROOMS),
            starts,
            starts + timedelta(minutes=90),
            "Asia/Shanghai",
            rng.choice(SEATS),
            leader,
            known,
        )
        coming = rng.sample(people, min(len(people), rng.randrange(3, 30)))
        for place, person in enumerate(coming):
            listed.add(key, person.key, known + timedelta(minutes=10 * place))
