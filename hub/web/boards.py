"""The shelf of boards, and one board with its figure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from hub.bench.models import Verdict
from hub.boards import queries
from hub.boards.cases import tables
from hub.boards.history import Moment, history, record_of
from hub.boards.plots import figure, history_figure
from hub.catalog.models import Task
from hub.catalog.queries import published_tasks, spec_of
from hub.rulings.models import Rejudge
from hub.rulings.queries import rejudges
from hub.web.errors import Sentence
from hub.web.security import with_plot
from hub.web.stone import draw, stone
from hub.web.words import METRICS

SHELF_EXCERPT = 4
ENTRIES_A_PAGE = 50
MOMENTS = 100  # of a history that are listed, or drawn beside the records
SHELVES_A_PAGE = 8
BARE_SHOWN = 12


@require_safe
def board_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(queries.timed_tasks(), SHELVES_A_PAGE).get_page(request.GET.get("page"))
    boards = queries.boards_on(page)
    shelves = [
        (task, [(board, stone(board, SHELF_EXCERPT)) for board in boards[task.pk]])
        for task in page
        if boards[task.pk]
    ]
    bare = published_tasks().exclude(pk__in=queries.timed_tasks().values("pk")) if shelves else []
    return render(request, "boards/list.html", {"shelves": shelves, "page": page, "bare": bare[:BARE_SHOWN]})


def board_of(slug: str, hardware: str) -> tuple[Task, queries.Board, list[queries.Board]]:
    """A task's board on that hardware, which may be empty, and all its boards.

    Raises:
        Http404: no such task, or it is not judged there.
    """
    task = get_object_or_404(Task.objects.select_related("current"), slug=slug)
    boards = queries.boards_of(task)
    found = next((board for board in boards if board.hardware_class == hardware), None)
    if found is None and not spec_of(task.current).on(hardware).cases:
        said = _("The task %(slug)s is not judged on %(hardware)s.") % {"slug": slug, "hardware": hardware}
        raise Http404(Sentence(said))
    return task, found or queries.Board(task, hardware, ()), boards


@with_plot
@require_safe
def board_page(request: HttpRequest, slug: str, hardware: str) -> HttpResponse:
    task, board, boards = board_of(slug, hardware)
    moments = history(board)
    record = record_of(moments)
    page = Paginator(board.entries, ENTRIES_A_PAGE).get_page(request.GET.get("page"))
    listed = replace(board, entries=tuple(page))
    first = page.start_index() - 1 if board.entries else 0
    shown = {
        "task": task,
        "spec": spec_of(task.current).on(hardware),
        "board": board,
        "page": page,
        "stone": draw(listed.entries, above=board.baseline_after - first),
        "podium": queries.PODIUM - first,
        "classes": [found.hardware_class for found in boards],
        "figure": figure(listed) if board.entries else None,
        "moments": moments[::-1][:MOMENTS],
        "record": record.verdict.pk if record else None,
        "over_time": history_figure(told_of(moments)) if len(moments) > 1 else None,
        "tables": [(table, METRICS.get(table.metric, table.metric)) for table in tables(listed.entries)],
        "embed": _embed(task, hardware),
        "machines": _machines(listed),
        "earlier": queries.earlier_board(task, hardware) if not board.entries else None,
        "judged_again": rejudges().filter(task=task, scope="task", state__in=Rejudge.moves.live).first(),
        "may_run_again": request.user.is_authenticated and request.user.is_maintainer,
    }
    if shown["earlier"]:
        shown["earlier_stone"] = stone(shown["earlier"][1])
    return render(request, "boards/page.html", shown)


def told_of(moments: list[Moment]) -> list[Moment]:
    """All records and the newest of the others, oldest first."""
    newest = {moment.verdict.pk for moment in moments[-MOMENTS:]}
    return [moment for moment in moments if moment.is_record or moment.verdict.pk in newest]


def _embed(task: Task, hardware: str) -> str:
    """Markdown that shows the badge and leads to the board."""
    image, page = (
        f"{settings.SITE_URL}{reverse(name, args=[task.slug, hardware])}"
        for name in ("web:board_badge", "web:board")
    )
    return f"[![{task.title}]({image})]({page})"


def _machines(board: queries.Board) -> list[dict[str, Any]]:
    """The machines behind the entries, most entries first. The board leaves the environment column out."""
    verdicts = [entry.verdict.pk for entry in board.entries]
    found = Verdict.objects.filter(pk__in=verdicts).values_list("environment", flat=True)
    counted = Counter(machine_text(environment) for environment in found)
    return [{"text": text, "entries": number} for text, number in counted.most_common()]


def machine_text(environment: dict[str, Any]) -> str:
    """One line about the machine of a verdict: processor, cores, memory."""
    parts = [str(environment.get("cpu") or _("a machine that did not say what it is"))]
    if cores := environment.get("cores"):
        parts.append(ngettext("%(number)s core", "%(number)s cores", cores) % {"number": cores})
    if memory := environment.get("memory_bytes"):
        parts.append(f"{memory / 2**30:.0f} GiB")
    return ", ".join(parts)
