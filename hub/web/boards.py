"""The shelf of boards, and one board with its figure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from hub.bench.models import Verdict
from hub.boards import queries
from hub.boards.plots import figure
from hub.catalog.models import Task
from hub.catalog.queries import published_tasks, spec_of
from hub.rulings.models import Rejudge
from hub.rulings.queries import rejudges
from hub.web.errors import Sentence
from hub.web.security import with_plot
from hub.web.stone import stone

SHELF_EXCERPT = 4


@require_safe
def board_list(request: HttpRequest) -> HttpResponse:
    tasks = list(published_tasks())
    boards = {task: queries.boards_of(task) for task in tasks}
    shelves = [
        (task, [(board, stone(board, SHELF_EXCERPT)) for board in found])
        for task, found in boards.items()
        if found
    ]
    bare = [task for task in tasks if not boards[task]] if shelves else []
    return render(request, "boards/list.html", {"shelves": shelves, "bare": bare})


@with_plot
@require_safe
def board_page(request: HttpRequest, slug: str, hardware: str) -> HttpResponse:
    task = get_object_or_404(Task.objects.select_related("current"), slug=slug)
    classes = queries.hardware_classes(task)
    spec = spec_of(task.current).on(hardware)
    if hardware not in classes and not spec.cases:
        said = _("The task %(slug)s is not judged on %(hardware)s.") % {"slug": slug, "hardware": hardware}
        raise Http404(Sentence(said))
    board = queries.board(task, hardware)
    shown = {
        "task": task,
        "spec": spec,
        "board": board,
        "stone": stone(board),
        "podium": queries.PODIUM,
        "classes": classes,
        "figure": figure(board) if board.entries else None,
        "machines": _machines(board),
        "earlier": queries.earlier_board(task, hardware) if not board.entries else None,
        "judged_again": rejudges().filter(task=task, scope="task", state__in=Rejudge.moves.live).first(),
        "may_run_again": request.user.is_authenticated and request.user.is_maintainer,
    }
    if shown["earlier"]:
        shown["earlier_stone"] = stone(shown["earlier"][1])
    return render(request, "boards/page.html", shown)


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
