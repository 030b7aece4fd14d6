"""Sets of verdicts that are judged again: the list, old beside new, apply or discard; and a podium's re-run.

Not in charge of what runs and what follows (`hub/rejudging.py`) nor of who may (`hub/rulings`).
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub import rejudging
from hub.bench.models import Job, Verdict
from hub.boards.queries import Board, board
from hub.catalog import roles
from hub.catalog.models import Task, TaskRevision
from hub.catalog.queries import published_tasks
from hub.pulls.queries import why_hidden
from hub.pulls.standing import last_rulings, stands_as
from hub.rulings import queries
from hub.rulings.models import Rejudge, RejudgeItem
from hub.web.acting import act, member_post

SETS_SHOWN = 50


@dataclass(frozen=True)
class Side:
    """One of the two verdicts of a line, as far as it is compared."""

    verdict: Verdict
    outcome: str
    rank: int | None


@dataclass(frozen=True)
class Line:
    """Old beside new."""

    item: RejudgeItem
    old: Side
    new: Side | None
    job: Job | None

    @property
    def changed(self) -> bool:
        """Outcome or rank would be another."""
        return self.new is not None and (self.old.outcome, self.old.rank) != (self.new.outcome, self.new.rank)


@login_required
@require_safe
def set_list(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not roles.mentors_any(user):
        raise PermissionDenied(_("Only mentors and maintainers read the evidence about a verdict."))
    found = [one for one in queries.rejudges()[:SETS_SHOWN] if _why_not_see(one, request) is None]
    live = [one for one in found if one.state in Rejudge.moves.live]
    shown = {
        "live": live,
        "ended": [one for one in found if one not in live],
        "outdated": _outdated() if user.is_maintainer else [],
    }
    return render(request, "rejudging/list.html", shown)


@login_required
@require_safe
def set_page(request: HttpRequest, set_id: int) -> HttpResponse:
    found = _set(set_id)
    if why := _why_not_see(found, request):
        raise PermissionDenied(why)
    lines = _lines(found)
    shown = {
        "set": found,
        "lines": lines,
        "judged": sum(line.new is not None for line in lines),
        "changed": sum(line.changed for line in lines),
        "missing": sum(line.new is None for line in lines),
        "may_decide": roles.maintains(found.task, request.user),
    }
    return render(request, "rejudging/page.html", shown)


@member_post
def ask(request: HttpRequest) -> HttpResponse:
    task = get_object_or_404(Task.objects.select_related("current"), slug=request.POST.get("task", ""))
    made: list[Rejudge] = []
    answer = act(
        request,
        lambda: made.append(rejudging.judge_task_again(task, request.user, request.POST.get("why", ""))),
        done=_("The set is being judged. Nothing changes until it is applied."),
        back=reverse("web:rejudges"),
    )
    if made:
        answer.headers["location"] = reverse("web:rejudge", args=[made[0].pk])
    return answer


@member_post
def apply(request: HttpRequest, set_id: int) -> HttpResponse:
    found = _set(set_id)
    number, decision = request.POST.get("number", ""), request.POST.get("decision", "")
    changes = int(number) if number.isdecimal() and len(number) < 9 else -1
    done = _("Applied: the new verdicts count, and the boards follow.")
    return act(
        request,
        lambda: rejudging.apply(found, request.user, decision, changes),
        done=done,
        back=_page(found),
    )


@member_post
def discard(request: HttpRequest, set_id: int) -> HttpResponse:
    found = _set(set_id)
    done = _("Discarded: the old verdicts count as before.")
    decision = request.POST.get("decision", "")
    return act(
        request, lambda: rejudging.discard(found, request.user, decision), done=done, back=_page(found)
    )


@member_post
def podium(request: HttpRequest, slug: str, hardware: str) -> HttpResponse:
    task = get_object_or_404(Task.objects.select_related("current"), slug=slug)
    done = _("The first places are run once more with fresh seeds; each run joins what stands behind them.")
    back = reverse("web:board", args=[slug, hardware])
    return act(
        request,
        lambda: rejudging.run_podium_again(task, hardware, request.user),
        done=done,
        back=back,
    )


def _outdated() -> list[tuple[Task, int]]:
    """Tasks whose rules changed, with how many verdicts a set would have."""
    older = TaskRevision.objects.filter(task=OuterRef("pk")).exclude(pk=OuterRef("current"))
    revised = published_tasks().filter(Exists(older))
    counted = ((task, len(rejudging.outdated(task))) for task in revised)
    return [(task, number) for task, number in counted if number]


def _lines(found: Rejudge) -> list[Line]:
    items = list(queries.items_of(found))
    rulings = last_rulings({item.old.job.patch_set for item in items})
    boards = {(item.old.job.hardware_class, item.old.job.revision) for item in items}
    live = found.state in Rejudge.moves.live  # afterwards the boards have gone on
    old_ranks = {key: _ranks(board(found.task, *key)) if live else {} for key in boards}
    classes = {name for name, _revision in boards}
    new_ranks = {
        name: _ranks(board(found.task, name, found.revision, as_if=found.pk)) if live else {}
        for name in classes
    }
    lines = []
    for item in items:
        job = item.old.job
        made = getattr(item.job, "verdict", None) if item.job else None
        old = _side(item.old, rulings, old_ranks[job.hardware_class, job.revision].get(job.patch_set_id))
        new = _side(made, rulings, new_ranks[job.hardware_class].get(job.patch_set_id)) if made else None
        lines.append(Line(item, old, new, item.job))
    return lines


def _ranks(found: Board) -> dict[int, int]:
    return {entry.verdict.job.patch_set_id: entry.rank for entry in found.entries}


def _side(verdict: Verdict, rulings: dict[int, str], rank: int | None) -> Side:
    return Side(verdict, str(stands_as(verdict.outcome, rulings.get(verdict.pk))), rank)


def _why_not_see(found: Rejudge, request: HttpRequest) -> str | None:
    if found.about is not None:
        return queries.why_not_see(found.about, request.user)
    if not queries.may_see(found.task, request.user):
        return _("Only mentors and maintainers read the evidence about a verdict.")
    return why_hidden(found.task, request.user)


def _set(set_id: int) -> Rejudge:
    return get_object_or_404(queries.rejudges(), pk=set_id)


def _page(found: Rejudge) -> str:
    return reverse("web:rejudge", args=[found.pk])
