"""Results that are held for review: the list, the evidence about one, and what is decided about it.

Not in charge of who may see and decide (`hub/rulings`) nor of what follows (`hub/flow.py`).
The evidence is for mentors and maintainers: it may be wrong, and nobody is accused by a page.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from bench_runner.contract import Bundle, Outcome
from hub import flow
from hub import rejudging as second_looks
from hub.bench.models import Verdict
from hub.catalog import roles
from hub.pulls.models import PatchSet
from hub.pulls.standing import stands_as
from hub.repos import git
from hub.rulings import queries
from hub.rulings.likeness import lines_in
from hub.rulings.models import Ruling
from hub.web import kept, outcome, timing_plot
from hub.web.acting import act, member_post
from hub.web.code import code_lines
from hub.web.labels import facts_of, is_number, shown_value
from hub.web.plain import plain_line
from hub.web.security import with_plot
from hub.web.templatetags.touchstone import duration

log = logging.getLogger(__name__)

HELD_A_PAGE = 20
HELD_MOST = 300  # that the pages reach back to: the others come when these are decided
FALLEN_MOST = 30
LINES_MOST = 600  # of one file side by side
FILES_MOST = 12
SAME_SHOWN = 20  # patch sets with the same artefact
EVIDENCE: dict[str, Promise] = {  # arguments of the judge's reasons
    "case": gettext_lazy("case"),
    "seconds": gettext_lazy("time of a call"),
    "floor": gettext_lazy("least time that this machine needs"),
}


@dataclass(frozen=True)
class Held:
    """A line of the list."""

    verdict: Verdict
    what: str
    appealed: bool


@dataclass(frozen=True)
class Source:
    """One file as it is shown beside another."""

    name: str
    lines: list[tuple[int, SafeString, bool]]  # number, code, whether the other has it too
    left_out: int


@login_required
@require_safe
def held_list(request: HttpRequest) -> HttpResponse:
    user = request.user
    if not roles.mentors_any(user):
        raise PermissionDenied(_("Only mentors and maintainers read the evidence about a verdict."))
    keys = queries.held_keys(user, HELD_MOST)
    page = Paginator(keys, HELD_A_PAGE).get_page(request.GET.get("page"))
    waiting = queries.listed(page.object_list)
    fallen = kept.KEPT.get("fallen", queries.fallen_keys, since=kept.acted(request))
    appealed = queries.appealed(page.object_list)
    shown = {
        "page": page,
        "more": len(keys) == HELD_MOST,
        "waiting": [_line(verdict, verdict.pk in appealed) for verdict in waiting],
        "fallen": queries.fallen(user, fallen)[:FALLEN_MOST],
        "decided": [
            ruling for ruling in queries.decided() if queries.why_not_see(ruling.verdict, user) is None
        ],
    }
    return render(request, "held/list.html", shown)


@login_required
@require_safe
@with_plot
def evidence(request: HttpRequest, verdict_id: int) -> HttpResponse:
    verdict = _verdict(verdict_id)
    if why := queries.why_not_see(verdict, request.user):
        raise PermissionDenied(why)
    rulings = list(queries.rulings_of(verdict))
    last = rulings[-1].kind if rulings else None
    likeness = next((ruling for ruling in rulings if ruling.like_id), None)
    measured = list(verdict.measurements.all())
    shown = {
        "verdict": verdict,
        "pull": verdict.job.patch_set.pull,
        "patch_set": verdict.job.patch_set,
        "words": outcome.judges_words(verdict),
        "stands": stands_as(verdict.outcome, last),
        "is_upheld": last == Ruling.Kind.UPHOLD,
        "is_open": queries.is_suspicious(verdict) and last not in (Ruling.Kind.UPHOLD, Ruling.Kind.CLEAR),
        "rulings": rulings,
        "likeness": likeness,
        "columns": _columns(verdict.job.patch_set, likeness.like) if likeness else [],
        "measurements": measured,
        "figure": timing_plot.figure(measured) if measured else None,
        "environment": facts_of(verdict.environment),
        "figures": [
            (EVIDENCE.get(name, plain_line(name)), _figure(name, value))
            for name, value in verdict.reason_args.items()
        ],
        "same": _same_artefact(verdict),
        "rejudges": queries.rejudges().filter(items__old=verdict).order_by("-pk"),
        "why_not_rule": queries.why_not_rule(verdict, request.user),
    }
    return render(request, "held/evidence.html", shown)


@member_post
def rule(request: HttpRequest, verdict_id: int) -> HttpResponse:
    verdict = _verdict(verdict_id)
    kind, reason = request.POST.get("kind", ""), request.POST.get("reason", "")
    cleared, upheld = _("Cleared: the result counts from now on."), _("Upheld: the result does not count.")
    done = cleared if kind == Ruling.Kind.CLEAR else upheld
    return act(
        request, lambda: flow.rule(verdict, request.user, kind, reason), done=done, back=_page(verdict)
    )


@member_post
def appeal(request: HttpRequest, verdict_id: int) -> HttpResponse:
    verdict = _verdict(verdict_id)
    done = _(
        "Your appeal is with the maintainers, and the result is being made once more beside the old one."
    )
    back = reverse("web:pull", args=[verdict.job.patch_set.pull_id])
    text = request.POST.get("text", "")
    return act(request, lambda: second_looks.appeal(verdict, request.user, text), done=done, back=back)


@member_post
def judge_again(request: HttpRequest, verdict_id: int) -> HttpResponse:
    verdict = _verdict(verdict_id)
    done = _("It is being run again beside the old verdict.")
    why = request.POST.get("reason", "")
    return act(
        request,
        lambda: second_looks.judge_again(verdict, request.user, why),
        done=done,
        back=_page(verdict),
    )


def _figure(name: str, value: object) -> str:
    return duration(value) if name in outcome.SECONDS and is_number(value) else shown_value(value)


def _line(verdict: Verdict, appealed: bool) -> Held:
    held_for_likeness = verdict.outcome == Outcome.PASSED
    what = _("Much like earlier work of somebody else") if held_for_likeness else ""
    return Held(verdict, what or outcome.judges_words(verdict).what, appealed)


def _same_artefact(verdict: Verdict) -> list[PatchSet]:
    """Other patch sets of the task that gave the same bytes, whosever they are."""
    if not verdict.artefact_sha256:
        return []
    own = verdict.job.patch_set
    same = Verdict.objects.filter(artefact_sha256=verdict.artefact_sha256).values("job__patch_set")
    rows = PatchSet.objects.filter(pk__in=same, pull__task=own.pull.task_id).exclude(pk=own.pk)
    return list(rows.select_related("pull__author").order_by("pk")[:SAME_SHOWN])


def _columns(late: PatchSet, early: PatchSet) -> list[tuple[PatchSet, list[Source]]]:
    """Both codes, the earlier one first, with what both have marked."""
    codes = {patch_set: _files(patch_set) for patch_set in (early, late)}
    common = second_looks.common_runs(codes[early], codes[late], late.revision.digest)
    return [
        (patch_set, [_source(name, files[name], common) for name in sorted(files)[:FILES_MOST]])
        for patch_set, files in codes.items()
    ]


def _files(patch_set: PatchSet) -> Bundle:
    pull = patch_set.pull
    try:
        return git.bundle(pull.task.slug, patch_set.head_sha, f"solutions/{pull.author.username}")
    except git.GitFailed:
        # Our repository is at fault; the rest of the evidence is still there to be read.
        log.exception("patch set %s cannot be read", patch_set.pk)
        return {}


def _source(name: str, data: bytes, common: frozenset[int]) -> Source:
    text = data.decode("utf-8", "replace").splitlines()
    marked = lines_in(common, name, data)
    lines = [(n, line, n in marked) for n, line in enumerate(code_lines(name, text[:LINES_MOST]), 1)]
    return Source(plain_line(name), lines, max(0, len(text) - LINES_MOST))


def _verdict(verdict_id: int) -> Verdict:
    rows = Verdict.objects.select_related(
        "job__patch_set__pull__task", "job__patch_set__pull__author", "job__revision", "attempt__worker"
    )
    return get_object_or_404(rows, pk=verdict_id)


def _page(verdict: Verdict) -> str:
    return reverse("web:evidence", args=[verdict.pk])
