"""Everything that was timed of a patch set: beside one's earlier ones, the board's best, and by sample.

Not in charge of figures (`timing_plot.py`, `roofline_plot.py`) nor of verdicts in words (`outcome.py`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bench_runner.contract import Outcome
from hub.accounts.models import User
from hub.bench.models import Measurement, Verdict
from hub.boards.stored import best_of
from hub.catalog import roles
from hub.catalog.queries import spec_of
from hub.core.prepared import prepared
from hub.pulls.models import PatchSet
from hub.pulls.queries import rows_of
from hub.rulings.queries import standing_verdicts
from hub.web import roofline_plot, timing_plot
from hub.web.plain import plain_line
from hub.web.pulls import history, overview, watched_pull
from hub.web.security import with_plot
from tasks.spec import Case

EARLIER_MOST = 4  # of one's own patch sets, the newest


@dataclass(frozen=True)
class Column:
    """A verdict that others are compared with, or that is compared."""

    title: str
    verdict: Verdict
    patch_set: PatchSet
    author: User | None  # of the board's best


@dataclass(frozen=True)
class Cell:
    measurement: Measurement
    relation: str  # of the chosen patch set to this one: faster | slower | same; "" for itself


@dataclass(frozen=True)
class Row:
    case: str
    dims: str
    cells: list[Cell | None]


@with_plot
@require_safe
def timing_page(request: HttpRequest, pull_id: int) -> HttpResponse:
    pull = watched_pull(pull_id)
    rows = rows_of(pull)
    told = history(rows.patch_sets, _past([row.pk for row in rows.patch_sets]))
    timed = [(patch_set, verdict) for patch_set, verdicts in told for verdict in _passed(verdicts)]
    classes = sorted({verdict.job.hardware_class for _patch_set, verdict in timed})
    hardware = next(
        (name for name in classes if name == request.GET.get("on")), classes[0] if classes else ""
    )
    own = [(patch_set, verdict) for patch_set, verdict in timed if verdict.job.hardware_class == hardware]
    asked = request.GET.get("patch_set", "")
    chosen = next((pair for pair in own if str(pair[0].number) == asked), own[0] if own else None)
    shown = {
        **overview(request, rows),
        "classes": classes,
        "hardware": hardware,
        "timed": [patch_set for patch_set, _verdict in own],
        "chosen": chosen[0] if chosen else None,
    }
    if chosen is not None:
        shown |= _shown(chosen, own, hides_others=roles.hides_from(pull.task, request.user))
    return render(request, "pulls/timing.html", shown)


@prepared
def _past(patch_sets: list[int]) -> QuerySet[Verdict]:
    rows = standing_verdicts().filter(job__patch_set__pk__in=patch_sets).select_related("attempt__worker")
    return rows.defer("log", "cases", "environment", "assembly").order_by("at")


def _shown(
    chosen: tuple[PatchSet, Verdict], own: list[tuple[PatchSet, Verdict]], *, hides_others: bool
) -> dict[str, Any]:
    patch_set, verdict = chosen
    columns = [Column(_("patch set %(number)s") % {"number": patch_set.number}, verdict, patch_set, None)]
    columns += [
        Column(_("patch set %(number)s") % {"number": row.number}, before, row, None)
        for row, before in own
        if row.number < patch_set.number
    ][:EARLIER_MOST]
    rules = verdict.job.revision
    best = None if hides_others else best_of(rules.pk, verdict.job.hardware_class)
    if best is not None and best.verdict.pk not in {column.verdict.pk for column in columns}:
        columns.append(Column(_("the board's best"), best.verdict, best.verdict.job.patch_set, best.user))
    measured = _measured(columns)
    own_ones = list(measured[verdict.pk].values())
    cases = {case.id: case for case in spec_of(rules).on(verdict.job.hardware_class).cases}
    worker = verdict.attempt.worker.fingerprint
    work = spec_of(rules).work
    return {
        "verdict": verdict,
        "columns": columns,
        "rows": [_row(one, cases.get(one.case), columns, measured) for one in own_ones],
        "samples": timing_plot.samples(own_ones) if own_ones else None,
        "roofline": roofline_plot.figure(own_ones, cases, work, worker),
    }


def _passed(verdicts: list[tuple[Verdict, str]]) -> list[Verdict]:
    return [verdict for verdict, stands in verdicts if verdict.ratio and stands == Outcome.PASSED]


def _measured(columns: list[Column]) -> dict[int, dict[str, Measurement]]:
    """Times by verdict and case."""
    found: dict[int, dict[str, Measurement]] = defaultdict(dict)
    for one in _times([column.verdict.pk for column in columns]):
        found[one.verdict_id][one.case] = one
    return found


@prepared
def _times(verdicts: list[int]) -> QuerySet[Measurement]:
    return Measurement.objects.filter(verdict__pk__in=verdicts, metric="time")


def _row(
    own: Measurement, case: Case | None, columns: list[Column], measured: dict[int, dict[str, Measurement]]
) -> Row:
    dims = " × ".join(f"{key} {value}" for key, value in case.dims.items()) if case else ""
    cells = [_cell(own, measured[column.verdict.pk].get(own.case)) for column in columns]
    return Row(plain_line(own.case), dims, cells)


def _cell(own: Measurement, other: Measurement | None) -> Cell | None:
    if other is None:
        return None
    if other.pk == own.pk:
        return Cell(other, "")
    if own.low > other.high:
        return Cell(other, "faster")
    return Cell(other, "slower" if own.high < other.low else "same")
