"""The first page: what this is, its pulse, and for members what waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.accounts.models import REJECTS, User
from hub.bench.models import Verdict
from hub.boards.history import Moment
from hub.boards.queries import Entry
from hub.boards.stored import moved_last
from hub.catalog.finding import FREE, TaskFilter
from hub.catalog.models import Task
from hub.catalog.roles import Reader
from hub.claims import queries as claims
from hub.claims.models import Claim
from hub.community.queries import answers_to
from hub.core import clock
from hub.learning.models import Lesson
from hub.learning.queries import Standing, begun
from hub.programmes.queries import next_programme
from hub.pulls.models import PullRequest
from hub.pulls.queries import Turn, Who, facts_of, open_work_of, stage_of, turn_of, why_not_see
from hub.rewards.queries import points_of
from hub.web import kept
from hub.web.finding import cards, quickly_found
from hub.web.programmes import TONES, next_date
from hub.web.stone import draw

NEWEST_VERDICTS = 6
TOP_BOARDS = 5
PULSE_SECONDS = 20  # that the latest records are kept for
OWN_PULLS = 6
FIRST_TASKS = 3  # that are offered


@dataclass(frozen=True)
class Step:
    """The one thing to do next."""

    text: str
    action: str
    href: str


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    user, reader = request.user, kept.reader_of(request)
    known = user.is_authenticated
    own = _own(user) if known else {}
    return kept.page(
        request,
        "home/index.html",
        lambda: {"known": known, **_common(reader), **({} if known else _pulse())},
        *(known, reader.pk),
        own=lambda: render_to_string("home/_own.html", own, request),
        answers=lambda: render_to_string("home/_answers.html", own, request),
    )


def _common(reader: Reader) -> dict[str, Any]:
    """What is news to members and strangers alike."""
    programme = next_programme()
    return {
        "verdicts": _newest_verdicts(reader),
        "programme": programme,
        "programme_stage": TONES[programme.stage(clock.now())] if programme else None,
        "programme_next": next_date(programme) if programme else None,
    }


def _pulse() -> dict[str, Any]:
    """For a stranger: what may be taken, and who was the best lately."""
    latest = kept.KEPT.get("records of late", _latest, fresh=PULSE_SECONDS)
    found = quickly_found(TaskFilter(chosen={"state": frozenset({FREE})}))
    return {
        "open_tasks": len(found.keys),
        "stone": draw(latest) if latest else None,
        "cards": cards(found.keys[:FIRST_TASKS]),
    }


def _latest() -> list[Entry | Moment]:
    """The record of each board that moved last, newest first. The same for everybody."""
    return moved_last(TOP_BOARDS)


def _newest_verdicts(user: Reader) -> list[Verdict]:
    """Without the ratio where it is not for this reader."""
    rows = Verdict.objects.select_related(
        "job__patch_set__pull__author", "job__patch_set__pull__task__programme"
    ).exclude(job__patch_set__pull__author__username=REJECTS)
    found = list(rows.defer("log", "cases", "environment", "assembly").order_by("-at")[:NEWEST_VERDICTS])
    for verdict in found:
        if why_not_see(verdict.job.patch_set.pull, user):
            verdict.ratio = None
    return found


def _own(user: User) -> dict[str, Any]:
    live = [claim for claim in claims.live_claims(user.pk) if claim.task.kind != Task.Kind.EXERCISE]
    held = [(claim, claims.clock(claim)) for claim in live]
    own = [pull for pull in open_work_of(user, live) if pull.task.kind != Task.Kind.EXERCISE]
    pulls = pull_rows(own[:OWN_PULLS])
    learning = begun(user)
    return {
        "learning": learning,
        "answers": answers_to(user),
        "claims": held,
        "pulls": pulls,
        "points": points_of(user),
        "step": _next_step(user, [claim for claim, _clock in held], pulls, learning),
    }


def pull_rows(pulls: Any) -> list[dict[str, Any]]:
    """Pull requests with stage and turn, in a fixed number of queries."""
    found = list(pulls)
    facts = facts_of(found)
    return [
        {"pull": pull, "stage": stage_of(facts[pull.pk]), "turn": turn_of(facts[pull.pk])} for pull in found
    ]


def _next_step(user: User, held: list[Claim], pulls: list[dict[str, Any]], learning: list[Standing]) -> Step:
    for row in pulls:
        turn: Turn = row["turn"]
        pull = row["pull"]
        if turn.who is Who.CONTRIBUTOR and pull.author_id == user.pk:
            return Step(str(turn.sentence), _("Open #%(id)s") % {"id": pull.pk}, _pull_page(pull))
    pushed = {row["pull"].task_id for row in pulls}
    for asked in claims.to_answer(user.pk)[:1]:
        return _answer(asked)
    for claim in held:
        if claim.state == Claim.State.ACTIVE and claim.task_id not in pushed:
            return _begin(user, claim)
    for standing in learning:
        if standing.next is not None:
            return _go_on(standing.next)
    if user.is_mentor or user.is_maintainer:
        return Step(
            _("Contributors may be waiting for your eyes."), _("To the mentor desk"), reverse("web:desk")
        )
    if pulls or held:
        text = _("The next move is not yours. Time for another task?")
        return Step(text, _("Browse the tasks"), reverse("web:tasks"))
    text = _("Pick a task. The easiest takes about ten minutes from clone to verdict.")
    return Step(text, _("Browse the tasks"), reverse("web:tasks"))


def _go_on(lesson: Lesson) -> Step:
    text = _("You are learning “%(course)s”. The next lesson: %(lesson)s.") % {
        "course": lesson.course.title,
        "lesson": lesson.title,
    }
    return Step(text, _("Go on"), reverse("web:lesson", args=[lesson.course.slug, lesson.slug]))


def _answer(asked: Claim) -> Step:
    """Somebody would hand a claim over to the reader, or share one."""
    page = reverse("web:task", args=[asked.task.slug])
    if asked.shared_with is None:
        words = {"name": asked.user.shown_name, "task": asked.task.title}
        text = _("%(name)s would like to hand “%(task)s” over to you.") % words
        return Step(text, _("Take it or decline"), page)
    words = {"name": asked.shared_with.user.shown_name, "task": asked.task.title}
    text = _("%(name)s invites you to share “%(task)s”.") % words
    return Step(text, _("Join or decline"), page)


def _begin(user: User, claim: Claim) -> Step:
    page = reverse("web:task", args=[claim.task.slug])
    if not user.tokens.filter(revoked_at=None).exists():
        text = _("You have claimed “%(task)s”. To push, git needs a token.") % {"task": claim.task.title}
        return Step(text, _("Make a token"), reverse("web:tokens"))
    text = _("You have claimed “%(task)s”. Clone it and push a first try.") % {"task": claim.task.title}
    return Step(text, _("Show the commands"), f"{page}#start")


def _pull_page(pull: PullRequest) -> str:
    return reverse("web:pull", args=[pull.pk])
