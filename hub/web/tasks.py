"""The page of one task. The list of tasks: `finding.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from hub.bench.queries import grounds
from hub.boards.stored import NOBODY, boards_of, classes_before
from hub.catalog import roles
from hub.catalog.markup import render_markdown
from hub.catalog.models import Task
from hub.catalog.queries import spec_of, statement_html, tasks_named
from hub.claims import queries as claims
from hub.claims import rules
from hub.claims.models import Claim
from hub.community import queries as community
from hub.core import clock
from hub.core.prepared import prepared
from hub.learning.queries import Requirement, lesson_of, requirements
from hub.pulls.models import PullRequest
from hub.studying import why_not_begin
from hub.web import kept
from hub.web.finding import sig_titles
from hub.web.programmes import in_programme
from hub.web.stone import stone
from tasks.spec import Case
from tasks.spec import Task as Spec

BOARD_EXCERPT = 5
LEFT = (Claim.State.RELEASED, Claim.State.SUPERSEDED)
THREADS_A_PAGE = 20
HAND_OVERS = 3
WORKING = 12  # people that are named


@require_safe
def task_page(request: HttpRequest, slug: str) -> HttpResponse:
    for task in tasks_named(slug):
        return show(request, task)
    raise Http404


def show(
    request: HttpRequest,
    task: Task,
    *,
    proposal: str = "",
    problem: str = "",
    written: dict[str, Any] | None = None,
    offering: dict[str, str] | None = None,
    inviting: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The task's page; after a refusal with what was written, as sent."""
    user, spec = request.user, spec_of(task.current)
    present = claims.first_present_on(task, max(WORKING, task.slots * task.together) + 1)
    working = [claim for claim in present if claim.state == Claim.State.ACTIVE]
    taken = sum(claim.shared_with is None for claim in working)
    reader = user if _sees_more(task, user) else NOBODY
    member = {"is_authenticated": user.is_authenticated, "pk": 0}  # one of whom nothing is on the page
    number = request.GET.get("threads", "")

    def facts() -> dict[str, Any]:
        shown = user if reader is user else member
        about = {"sig": sig_titles().get(task.sig, task.sig), "user": shown}
        return {**_facts(task, spec, reader, working), **_discussion(task, reader, number), **about}

    def own() -> str:
        asked = requirements(task, user)
        shown = {
            "task": task,
            "rules": rules,
            "requirements": asked,
            "programme": in_programme(task, user),
            "slots_left": max(0, task.slots - taken),
            "proposal": proposal,
            "problem": problem,
            "offering": offering,
            "inviting": inviting,
            **_own(request, task, present, taken, asked),
        }
        return render_to_string("tasks/_own.html", shown, request)

    def start() -> str:
        lines = commands(task, spec, user.username or "<username>")
        return render_to_string("tasks/_start.html", {"task": task, "spec": spec, "commands": lines}, request)

    answer = kept.page(
        request,
        "tasks/page.html",
        lambda: {**facts(), "written": written},
        *(reader.pk, user.is_authenticated, str(written)),
        own=own,
        start=start,
        username=lambda: user.username or "<username>",
    )
    answer.status_code = status
    return answer


def _sees_more(task: Task, user: roles.Reader) -> bool:
    """Whether this person sees more on the page than other members, or something of their own."""
    if not user.is_authenticated:
        return False
    return task.is_hidden(clock.now()) or roles.mentors(task, user) or community.has_posted(user, task)


def _facts(task: Task, spec: Spec, reader: roles.Reader, working: list[Claim]) -> dict[str, Any]:
    language, boards = get_language() or "en", boards_of(task, BOARD_EXCERPT, reader)
    return {
        "task": task,
        "spec": spec,
        "statement": statement_html(task.current, language),
        "readings": [(render_markdown(one.text.get(language)), one.url) for one in spec.readings],
        "cases": [_case_row(spec, case) for case in spec.cases],
        "lesson": lesson_of(task) if task.kind == Task.Kind.EXERCISE else None,
        "boards": [(found, stone(found, BOARD_EXCERPT)) for found in boards],
        "boards_before": [] if boards else classes_before(task, reader),
        "grounds": grounds(task),
        "working": working[:WORKING],
        "more_work": claims.working_on(task).count() - WORKING if len(working) > WORKING else 0,
        "hand_overs": _hand_overs(task),
    }


@dataclass(frozen=True)
class Commands:
    """The lines of "how to start", for one person."""

    clone: str
    copy: str
    push: str


def commands(task: Task, spec: Spec, username: str) -> Commands:
    own = f"solutions/{username}"
    first, *others = spec.entry.languages
    instead = f"   # {' · '.join(f'starter/{name}' for name in others)}" if others else ""
    return Commands(
        clone=f"git clone {settings.SITE_URL}/git/{task.slug}.git\ncd {task.slug}",
        copy=f"mkdir -p {own}\ncp starter/{first}/* {own}/{instead}",
        push=f'git add {own}\ngit commit -m "First try"\ngit push origin HEAD:{username}/first-try',
    )


def _discussion(task: Task, reader: roles.Reader, given: str) -> dict[str, Any]:
    """One thread more than is shown is asked for, instead of counting all."""
    page = max(1, int(given)) if given.isdecimal() and len(given) < 6 else 1
    first = (page - 1) * THREADS_A_PAGE
    found = community.threads(task, first, THREADS_A_PAGE + 1)
    return {
        "threads": found[:THREADS_A_PAGE],
        "newer": page - 1,
        "older": page + 1 if len(found) > THREADS_A_PAGE else 0,
        "moderates": roles.mentors(task, reader),
    }


def _own(
    request: HttpRequest, task: Task, present: list[Claim], taken: int, asked: list[Requirement]
) -> dict[str, Any]:
    """What the page says to this reader alone."""
    user = request.user
    if not user.is_authenticated:
        return {"claim": None}
    own = claims.own_claims(task, user)
    claim = own.live
    offers = [found for found in present if found.offered_to_id == user.pk]
    if offers or own.invitation:
        why_not = claims.why_not_hold(task, user, own)
    else:
        why_not = claims.why_not_claim(task, user, own, taken)
    own_pulls = _own_pulls(task.pk, user.pk)
    return {
        "claim": claim,
        "clock": claims.clock(claim) if claim else None,
        "offers": offers,
        "invitation": own.invitation,
        **_together(claim or own.invitation, present),
        "why_not": why_not or why_not_begin(task, user, asked),
        "why_not_offer": claims.why_not_offer(claim) if claim else None,
        "own_pulls": own_pulls,
        "done": [pull for pull in own_pulls if pull.state == PullRequest.State.MERGED],
        "proposals": [found for found in claims.open_proposals(user) if found.task_id == task.pk]
        if task.policy == Task.Policy.PROPOSAL and (user.is_mentor or roles.mentors(task, user))
        else [],
        "refused": own.last_refusal,
    }


@prepared
def _own_pulls(task: int, author: int) -> QuerySet[PullRequest]:
    return PullRequest.objects.filter(task=task, author=author)


def _together(own: Claim | None, present: list[Claim]) -> dict[str, Any]:
    """Who holds a slot with this reader, or would, each with their percent of the points."""
    if own is None:
        return {}
    holder = next((row for row in present if row.pk == (own.shared_with_id or own.pk)), own)
    holder.task = own.task  # read already
    others = [row for row in present if row.shared_with_id == holder.pk]
    given = [row.share or 0 for row in others]
    return {
        "holder": holder,
        "sharing": list(zip([holder, *others], [100 - sum(given), *given], strict=True)),
        "why_not_share": claims.why_not_share(holder, len(others)),
    }


def _hand_overs(task: Task) -> list[Claim]:
    """What earlier claimants left for whoever comes next."""
    ended = Claim.objects.filter(task=task, state__in=LEFT).exclude(hand_over="")
    return list(ended.select_related("user")[:HAND_OVERS])


def _case_row(spec: Spec, case: Case) -> dict[str, Any]:
    return {
        "case": case,
        "dims": [case.dims[name] for name in spec.dims_order],
        "bytes": sum(tensor.bytes_of(case.dims) for tensor in spec.tensors),
    }
