"""What the demo's people do together: a SIG with its leads, members, events to come and an announcement."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hub import gatherings
from hub.accounts.models import User
from hub.community import events, sigs
from hub.community.events import Plan
from hub.community.models import Event
from hub.core import clock

SLUG, ZONE = "kernels", "Asia/Shanghai"
ABOUT_EN = (
    "We look after operators: from the first loop to the last vector lane.\n\n"
    "New here? Take the course *Your first operator*, then come to a study group with what puzzles you."
)
ABOUT_ZH = (
    "我们照看算子：从第一个循环到最后一条向量通道。\n\n新来的？先学课程《第一个算子》，再带着疑问来学习小组。"
)


def make_meetings() -> None:
    """Once: afterwards the people of the demo do as they like."""
    sig = sigs.ensure(SLUG)
    mentor = User.objects.get(username="mentor", is_demo=True)
    if Event.objects.filter(sig=sig).exists():
        return
    sig.leads.add(mentor)
    sigs.describe(sig, mentor, "Kernels", "算子", ABOUT_EN, ABOUT_ZH)
    members = list(User.objects.filter(username__in=("alice", "bob", "mentor"), is_demo=True))
    for member in members:
        sigs.join(sig, member)
    for days, plan in _plans():
        event = events.plan(sig, mentor, plan)
        for member in members[: 3 - days // 7]:
            events.sign_up(event, member)
    gatherings.announce(
        sig, mentor, "Study group on Thursdays", "We read one solution together each week. Bring *yours*."
    )


def _plans() -> list[tuple[int, Plan]]:
    def on(days: int, title: str, place: str, about: str, capacity: int | None) -> tuple[int, Plan]:
        today = clock.now().astimezone(ZoneInfo(ZONE)).date() + timedelta(days=days)
        starts = datetime(today.year, today.month, today.day, 19, 30)
        return days, Plan(title, place, starts, starts + timedelta(minutes=90), ZONE, about, capacity)

    return [
        on(3, "Reading softmax together · 一起读 softmax", "Room 301", "Why the *maximum* goes first.", 2),
        on(10, "Cache lines for beginners · 缓存行入门", "https://meet.example.org/kernels", "", None),
    ]
