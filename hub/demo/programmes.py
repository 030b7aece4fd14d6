"""The demo's programmes: two that run, a contest and an internship, and one that takes applications."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from hub.accounts.models import User
from hub.catalog.models import Programme, Task
from hub.claims import actions as claims
from hub.core import clock
from hub.programmes import actions, stages, teaming
from hub.programmes.standings import ledger

ZONE = "Asia/Shanghai"
CONTEST, INTERNS, SUMMER = "first-sprint", "kernel-internship", "summer-of-kernels"
CONTEST_EN = (
    "Three weeks, one question: how fast can it be on the machines that everybody has?\n\n"
    "Teams of up to three. What was pushed before the deadline counts; the standing freezes two days before."
)
CONTEST_ZH = (
    "三周时间，一个问题：在人人都有的机器上，它能有多快？\n\n"
    "每队最多三人。截止前推送的都算数；截止前两天封榜。"
)  # fmt: skip
INTERNS_EN = (
    "A month and a half on one operator, part of the pay at mid-term. Claim a task, push each week; a mentor "
    "evaluates twice: when you are well on the way, and when the work is merged."
)
INTERNS_ZH = (
    "用一个半月做好一个算子，中期即发放一部分报酬。认领任务，每周推送；"
    "导师考核两次：一次看进展，一次在合并之后。"
)  # fmt: skip
WELL = "The packed layout is right and twice as fast. Next: the edge that is no multiple of the block."
SUMMER_EN = (
    "Three months with a mentor on one operator. Rank up to **two** tasks and say how you would do them. "
    "Mentors rank who asks, and the match is stable: nobody is passed over whom both sides would rather have."
)
SUMMER_ZH = (
    "用三个月时间和导师一起做一个算子。给至多**两个**任务排序，说明你的做法；"
    "导师给申请人排序，匹配是稳定的：不会漏掉双方都更想要的人。"
)
WHY = (
    "I have read the baseline and would begin with the plain loops, then blocks that fit the cache, then the "
    "vector units; each step measured before the next one."
)


def make_programmes() -> None:
    """Once: afterwards the people of the demo do as they like."""
    if Programme.objects.filter(slug__in=(CONTEST, INTERNS, SUMMER)).exists():
        return
    maintainer = User.objects.get(username="maintainer", is_demo=True)
    alice, bob = (User.objects.get(username=name, is_demo=True) for name in ("alice", "bob"))
    contest = actions.save(_contest(), _tasks("vector-add"), maintainer)
    teaming.found_team(contest, alice, "Basalt 玄武岩")
    actions.announce(
        contest,
        maintainer,
        "Welcome · 欢迎",
        "The tasks are open. Found a team or push alone.\n\n任务已开放。可以组队，也可以单独推送。",
    )
    interns = actions.save(_interns(), _tasks("bf16-matmul"), maintainer)
    for task in interns.tasks.all():
        claims.claim(task, bob)
        (part,) = stages.parts(interns, ledger(interns), [task])
        stages.assess(interns, part, 1, True, WELL, maintainer)
    summer = actions.save(_summer(), _tasks("layer-norm-gelu", "flash-attention-forward"), maintainer)
    wanted = list(summer.tasks.order_by("slug"))
    for applicant, wishes in ((alice, wanted[:2]), (bob, wanted[:1])):
        if wishes:
            actions.apply(summer, applicant, WHY, wishes)


def _contest() -> Programme:
    return Programme(
        slug=CONTEST, kind=Programme.Kind.CONTEST, title_en="First sprint", title_zh="首次冲刺赛",
        about_en=CONTEST_EN, about_zh=CONTEST_ZH, time_zone=ZONE, starts_at=_on(-7), freeze_at=_on(12),
        ends_at=_on(14), closes_at=_on(28), policy="open", team_most=3, checks_a_day=50, ranks_a_day=10,
    )  # fmt: skip


def _interns() -> Programme:
    return Programme(
        slug=INTERNS, kind=Programme.Kind.INTERNSHIP, title_en="Kernel internship", title_zh="算子实习",
        about_en=INTERNS_EN, about_zh=INTERNS_ZH, time_zone=ZONE, starts_at=_on(-21), ends_at=_on(24),
        closes_at=_on(38), claims_at_once=1, checks_a_day=20, ranks_a_day=5, point_value=50, currency="CNY",
        payout_stages="Mid-term / 中期考核: 45\nFinal / 结项考核: 55",
    )  # fmt: skip


def _summer() -> Programme:
    return Programme(
        slug=SUMMER, kind=Programme.Kind.SUMMER, title_en="Summer of kernels", title_zh="算子之夏",
        about_en=SUMMER_EN, about_zh=SUMMER_ZH, time_zone=ZONE, apply_from=_on(-14), apply_until=_on(21),
        starts_at=_on(42), ends_at=_on(132), closes_at=_on(162), policy="exclusive", claims_at_once=1,
        wishes_most=2, checks_a_day=20, ranks_a_day=5, point_value=50, currency="CNY",
    )  # fmt: skip


def _on(days: int) -> datetime:
    """Nine in the morning there, so many days from now."""
    there = clock.now().astimezone(ZoneInfo(ZONE)).date() + timedelta(days=days)
    return datetime.combine(there, time(9), ZoneInfo(ZONE))


def _tasks(*slugs: str) -> list[Task]:
    """Those of these that are here and in no programme."""
    return list(Task.objects.filter(slug__in=slugs, programme=None, state=Task.State.PUBLISHED))
