"""The shelf of boards, and one board with its figure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from bench_runner.contract import FIGURES
from hub import freezing
from hub.bench.models import Verdict
from hub.boards import queries, stored
from hub.boards.cases import tables
from hub.boards.history import record_of
from hub.boards.medals import medal
from hub.boards.plots import figure, history_figure
from hub.catalog import roles
from hub.catalog.models import Task
from hub.catalog.queries import published_tasks, spec_of
from hub.core import clock
from hub.pulls.together import others
from hub.rulings.models import Rejudge
from hub.rulings.queries import rejudges
from hub.web import kept
from hub.web.acting import act, member_post
from hub.web.errors import Sentence
from hub.web.security import with_plot
from hub.web.stone import draw, stone
from hub.web.words import FIGURES_EXPLAINED, MEDALS, METRICS

SHELF_EXCERPT = 4
ENTRIES_A_PAGE = 25
MOMENTS = 40  # of a history that are listed, or drawn beside the records
SHELVES_A_PAGE = 8
BARE_SHOWN = 12


@require_safe
def board_list(request: HttpRequest) -> HttpResponse:
    reader = kept.reader_of(request)
    return kept.page(
        request, "boards/list.html", lambda: _shelves(request.GET.get("page"), reader), reader.pk
    )


def _shelves(number: str | None, reader: roles.Reader) -> dict[str, Any]:
    tasks = queries.timed_tasks().select_related("programme")
    page = Paginator(tasks, SHELVES_A_PAGE).get_page(number)
    boards = stored.boards_on(page, SHELF_EXCERPT, reader)
    shelves = [
        (task, [(board, stone(board, SHELF_EXCERPT)) for board in boards[task.pk]])
        for task in page
        if boards[task.pk]
    ]
    bare = published_tasks().exclude(pk__in=queries.timed_tasks().values("pk")) if shelves else []
    return {"shelves": shelves, "page": page, "bare": bare[:BARE_SHOWN]}


def board_of(
    slug: str, hardware: str, reader: roles.Reader = stored.NOBODY, metric: str = stored.TIME
) -> tuple[Task, stored.Whole]:
    """A task and its board on that hardware, which may be empty, as that reader sees it.

    An unknown metric, or one that nothing here was measured of, is time.

    Raises:
        Http404: no such task, or it is not judged there.
    """
    task = get_object_or_404(Task.objects.select_related("current", "programme"), slug=slug)
    board = stored.Whole(task, hardware, reader)
    if metric in FIGURES and metric in board.metrics and not board.is_hidden:
        board.metric = metric
    if hardware not in board.classes and not spec_of(task.current).on(hardware).cases:
        said = _("The task %(slug)s is not judged on %(hardware)s.") % {"slug": slug, "hardware": hardware}
        raise Http404(Sentence(said))
    return task, board


@with_plot
@require_safe
def board_page(request: HttpRequest, slug: str, hardware: str) -> HttpResponse:
    reader = _reader(request.user, slug, hardware)
    asked = request.GET.get("metric", ""), request.GET.get("page")
    return kept.page(request, "boards/page.html", lambda: _board(slug, hardware, reader, *asked), reader.pk)


def _reader(user: roles.Reader, slug: str, hardware: str) -> roles.Reader:
    """Whom the board is drawn for: nobody in particular, save for those of whom or for whom there is more."""
    if not user.is_authenticated:
        return stored.NOBODY
    task = get_object_or_404(Task.objects.select_related("programme"), slug=slug)
    more = task.is_hidden(clock.now()) or roles.maintains(task, user)
    return user if more or stored.stands(user, task, hardware) else stored.NOBODY


def _board(slug: str, hardware: str, reader: roles.Reader, metric: str, number: str | None) -> dict[str, Any]:
    task, board = board_of(slug, hardware, reader, metric)
    page = Paginator(board, ENTRIES_A_PAGE).get_page(number)
    listed = queries.Board(task, hardware, tuple(page), number_of_all=board.count())
    moments = board.moments(MOMENTS)
    record = record_of(moments)
    first = page.start_index() - 1 if board.count() else 0
    is_new = page.number == 1 and all(entry.user.is_house for entry in listed.entries)
    shown = {
        "task": task,
        "spec": spec_of(task.current).on(hardware),
        "board": listed,
        "page": page,
        "metric": board.metric,
        "query": "" if board.metric == stored.TIME else f"metric={board.metric}&",
        "metrics": [(name, METRICS[name]) for name in board.metrics],
        "explained": FIGURES_EXPLAINED.get(board.metric),
        "stone": draw(listed.entries, above=board.above - first),
        "medals": {
            entry.verdict.pk: MEDALS[name]
            for entry in listed.entries
            if (name := medal(entry, board.confirmed))
        },
        "podium": 0 if board.is_hidden else queries.PODIUM - first,
        "hidden_until": task.programme.ends_at if board.is_hidden and task.programme else None,
        "classes": board.classes,
        "figure": figure(listed) if listed.entries and board.metric == stored.TIME else None,
        "moments": moments[::-1][:MOMENTS],
        "record": record.verdict.pk if record else None,
        "over_time": history_figure(moments) if len(moments) > 1 else None,
        "tables": [(table, METRICS.get(table.metric, table.metric)) for table in tables(listed.entries)],
        "embed": _embed(task, hardware),
        "machines": _machines(listed),
        "together": others(entry.pull for entry in (*listed.entries, *moments)),
        "earlier": queries.earlier_board(task, hardware) if is_new and not board.is_hidden else None,
        "judged_again": rejudges().filter(task=task, scope="task", state__in=Rejudge.moves.live).first(),
        "frozen_since": task.frozen_since(clock.now()),
        # Not by its programme: that a maintainer does not undo here.
        "frozen_by_hand": not (task.programme is not None and task.programme.is_frozen(clock.now())),
        "maintains": roles.maintains(task, reader),
        "user": reader,
    }
    if shown["earlier"]:
        shown["earlier_stone"] = stone(shown["earlier"][1])
    return shown


@member_post
def freeze(request: HttpRequest, slug: str, hardware: str) -> HttpResponse:
    """All boards of the task; the one of the address is where the reader comes from."""
    task, _board = board_of(slug, hardware)
    done = _("Frozen: the boards of this task stay as they are until they are let go again.")
    back = reverse("web:board", args=[slug, hardware])
    return act(request, lambda: freezing.freeze(task, request.user), done=done, back=back)


@member_post
def thaw(request: HttpRequest, slug: str, hardware: str) -> HttpResponse:
    task, _board = board_of(slug, hardware)
    done = _("Let go again: what was measured meanwhile is shown.")
    back = reverse("web:board", args=[slug, hardware])
    return act(request, lambda: freezing.thaw(task, request.user), done=done, back=back)


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
