"""Programmes to look at: the list, one programme, standings, the report, statements and other files.

Not in charge of taking part (`taking_part.py`) nor of organising (`organising.py`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bench_runner.contract import JobKind
from hub.accounts.models import User
from hub.bench import quotas
from hub.catalog.markup import render_markdown
from hub.catalog.models import Programme, Task
from hub.core import clock
from hub.core.errors import NotAllowed
from hub.programmes import queries, report, standings, statements, transfer
from hub.programmes.models import Application, Assessment
from hub.programmes.rules import DATES
from hub.programmes.stages import Part, Stage, parts, stages_of
from hub.web.exports import cell
from hub.web.kept import KEPT
from hub.web.words import Word

LINES_EXCERPT, LINES_A_PAGE = 5, 50
REPORT_EXCERPT = 20
TASKS_SHOWN = 30  # on the page of a programme: the others are found by the search
COLUMNS = 12  # tasks that a standing has columns for; with more of them it tells how many brought points
STANDING_SECONDS = 60  # that a standing is kept for all who look: it is a sum of weeks, and dear to compute
TONES: dict[str, Word] = {
    Programme.Stage.PLANNED: Word(Programme.Stage.PLANNED.label, "quiet", "clock"),
    Programme.Stage.APPLYING: Word(Programme.Stage.APPLYING.label, "good", "arrow"),
    Programme.Stage.CHOOSING: Word(Programme.Stage.CHOOSING.label, "wait", "eye"),
    Programme.Stage.RUNNING: Word(Programme.Stage.RUNNING.label, "gold", "pulse"),
    Programme.Stage.REVIEWING: Word(Programme.Stage.REVIEWING.label, "wait", "eye"),
    Programme.Stage.OVER: Word(Programme.Stage.OVER.label, "quiet", "check"),
}


@require_safe
def programme_list(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    found = [(one, TONES[one.stage(now)], next_date(one)) for one in queries.programmes()]
    shown = {
        "programmes": found,
        "may_organise": queries.may_organise(request.user),
        "kinds": Programme.Kind.choices,
    }
    return render(request, "programmes/list.html", shown)


@require_safe
def programme_page(request: HttpRequest, slug: str) -> HttpResponse:
    return show(request, programme_of(slug))


def show(
    request: HttpRequest, programme: Programme, *, written: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """The programme's page; after a refusal with what was `written`, as it was sent."""
    user, now = request.user, clock.now()
    found = shown_standing(programme, user)
    mentors = queries.mentors_in(programme, user)
    tasks = programme.tasks.filter(state=Task.State.PUBLISHED)
    number, first = tasks.count(), list(tasks[:TASKS_SHOWN])
    teams = queries.teams(programme) if programme.team_most > 1 else []
    application = queries.application_of(programme, user)
    shown = {
        **_head(request, programme),
        "about": render_markdown(programme.about),
        "tasks": first,
        "number": number,
        "choices": tasks if programme.wishes_most else [],
        "announcements": [(one, render_markdown(one.body)) for one in queries.announcements(programme)],
        "standing": found,
        "columns": _columns(first),
        "excerpt": standings.rows_of(found.lines[:LINES_EXCERPT], _columns(first)),
        "application": application,
        "why_not_apply": queries.why_not_apply(programme, user) if programme.wishes_most else None,
        "places": _places(programme, application, written),
        "team": queries.team_of(teams, user),
        "teams": teams,
        "ended": programme.ends_at is not None and now >= programme.ends_at,
        "may_announce": mentors or queries.may_organise(user),
        "may_rank": mentors and programme.wishes_most > 0,
        "may_evaluate": mentors and programme.payout_stages != "",
        "own_parts": _own_parts(programme, user),
        "written": written,
    }
    return render(request, "programmes/page.html", shown, status=status)


def _own_parts(programme: Programme, user: User) -> list[tuple[Part, list[tuple[Stage, Assessment | None]]]]:
    """What this person does in a programme that pays by stages, with what is said of each."""
    if not programme.payout_stages or not user.is_authenticated:
        return []
    found, steps = parts(programme, standings.ledger(programme)), stages_of(programme.payout_stages)
    return [(part, part.words(steps)) for part in found if part.user == user]


def _places(
    programme: Programme, application: Application | None, written: dict[str, Any] | None
) -> list[tuple[int, str]]:
    """Places of the form's wishes, each with the task that stands there."""
    wished = [wish.task.slug for wish in application.wishes.all()] if application else []
    if written is not None and written["form"] == "apply":
        wished = written["wishes"]
    padded = [*wished, *[""] * programme.wishes_most]
    return [(place, padded[place - 1]) for place in range(1, programme.wishes_most + 1)]


def shown_standing(programme: Programme, user: User) -> standings.Standing:
    """As it was a moment ago: the same for all from whom it is not hidden."""
    if standings.hides_from(programme, user):
        return standings.HIDDEN
    key = ("standing of a programme", programme.pk)
    return KEPT.get(key, lambda: standings.standing(programme), fresh=STANDING_SECONDS)


@require_safe
def standing_page(request: HttpRequest, slug: str) -> HttpResponse:
    programme = programme_of(slug)
    found = shown_standing(programme, request.user)
    page = Paginator(found.lines, LINES_A_PAGE).get_page(request.GET.get("page"))
    columns = _columns(programme.tasks.filter(state=Task.State.PUBLISHED)[: COLUMNS + 1])
    shown = {
        **_head(request, programme),
        "standing": found,
        "columns": columns,
        "page": page,
        "rows": standings.rows_of(page.object_list, columns),
    }
    return render(request, "programmes/standing.html", shown)


@require_safe
def standing_csv(request: HttpRequest, slug: str) -> HttpResponse:
    programme = programme_of(slug)
    hides = standings.hides_from(programme, request.user)
    found = standings.HIDDEN if hides else standings.standing(programme)
    tasks = programme.tasks.filter(state=Task.State.PUBLISHED)
    head = ["rank", "team", "people", "points", *(task.slug for task in tasks)]
    rows = []
    for row in standings.rows_of(found.lines, tasks):
        line, names = row.line, " ".join(user.username for user in row.people)
        rows.append([line.rank or "", line.name, names, line.total, *row.cells])
    return as_csv(f"{slug}-standing", head, rows)


@require_safe
def report_page(request: HttpRequest, slug: str) -> HttpResponse:
    programme = programme_of(slug)
    found = KEPT.get(
        ("report of a programme", programme.pk),
        lambda: report.report(programme, REPORT_EXCERPT, COLUMNS),
        fresh=STANDING_SECONDS,
    )
    if standings.hides_from(programme, request.user):
        found = report.without_speeds(found)
    columns = _columns([line.task for line in found.tasks])
    shown = {**_head(request, programme), "report": found, "columns": columns}
    return render(request, "programmes/report.html", shown)


@login_required
@require_safe
def statement_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Everybody for who organises; for others who are in it their own line."""
    programme = programme_of(slug)
    every = statements.statement(programme)
    if not queries.may_organise(request.user):
        every = [owed for owed in every if owed.user.pk == request.user.pk]
        if not every:
            raise PermissionDenied(
                _("Maintainers see who is owed what; you see your own line once you have one.")
            )
    page = Paginator(every, LINES_A_PAGE).get_page(request.GET.get("page"))
    shown = {**_head(request, programme), "page": page, "all": queries.may_organise(request.user)}
    shown["assesses"] = queries.mentors_in(programme, request.user)
    return render(request, "programmes/statement.html", shown)


@login_required
@require_safe
def statement_csv(request: HttpRequest, slug: str) -> HttpResponse:
    programme = programme_of(slug)
    if not queries.may_organise(request.user):
        raise PermissionDenied(_("Only maintainers take statements away as a file."))
    stages = stages_of(programme.payout_stages)
    head = ["username", "name", "merged", "points", "due", "amount", "currency", "insider"]
    head += [f"{stage.title.en} ({stage.percent} %)" for stage in stages]
    rows = [
        [
            owed.user.username,
            owed.user.shown_name,
            owed.merged,
            owed.points,
            owed.due,
            "" if owed.amount is None else owed.amount,
            programme.currency,
            owed.insider,
            *(owed.stages or [0] * len(stages)),
        ]
        for owed in statements.statement(programme)
    ]
    return as_csv(f"{slug}-statement", head, rows)


@login_required
@require_safe
def export(request: HttpRequest, slug: str) -> HttpResponse:
    programme = programme_of(slug)
    try:
        text = transfer.written(programme, request.user)
    except NotAllowed as refusal:
        raise PermissionDenied(str(refusal)) from refusal
    answer = HttpResponse(text, content_type="application/json; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{programme.slug}.json"'
    return answer


def _columns(tasks: Iterable[Task]) -> list[Task]:
    """For which of its tasks a standing has columns: all if they are few, else none."""
    found = list(tasks)
    return found if len(found) <= COLUMNS else []


def programme_of(slug: str) -> Programme:
    return get_object_or_404(Programme, slug=slug)


def as_csv(name: str, head: list[str], rows: list[list[Any]]) -> HttpResponse:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows([cell(value) for value in row] for row in rows)
    answer = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def in_programme(task: Task, user: User) -> dict[str, Any] | None:
    """What a task's page says about the programme that it belongs to, and what that changes for it."""
    programme = task.programme
    if programme is None:
        return None
    now = clock.now()
    running = quotas.programme_of(task) is not None
    left = user.is_authenticated and running
    return {
        "row": programme,
        "stage": TONES[programme.stage(now)],
        "next": next_date(programme),
        "deadline": programme.ends_at and programme.tell(programme.ends_at),
        "ended": programme.ends_at is not None and now >= programme.ends_at,
        "running": running,
        "checks": quotas.a_day(task, user, JobKind.CHECK, "") if left else None,
    }


def next_date(programme: Programme) -> tuple[Any, Any] | None:
    """What comes next, as words, and when; None if nothing does."""
    now = clock.now()
    return next(((words, at) for words, at in dates(programme) if at > now), None)


def dates(programme: Programme) -> list[tuple[Any, Any]]:
    """Those of its dates that are given, in the order of time."""
    words = {
        "apply_from": _("Applications open"),
        "apply_until": _("Applications close"),
        "starts_at": _("Start"),
        "freeze_at": _("Standings freeze"),
        "ends_at": _("Deadline for pushes"),
        "closes_at": _("Last reviews"),
    }
    given = [(words[name], getattr(programme, name)) for name in DATES]
    return sorted(((word, at) for word, at in given if at is not None), key=lambda pair: pair[1])


def _head(request: HttpRequest, programme: Programme) -> dict[str, Any]:
    """What every page of a programme begins with."""
    now = clock.now()
    return {
        "programme": programme,
        "stage": TONES[programme.stage(now)],
        "dates": [(word, at, programme.tell(at), at <= now) for word, at in dates(programme)],
        "may_organise": queries.may_organise(request.user),
        "stages": stages_of(programme.payout_stages),
    }
