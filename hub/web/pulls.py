"""The list of pull requests and the page of one: where it stands, what came out, what was said, what to do.

Not in charge of the stream (`live.py`), of the diff and reviews (`review.py`) nor of any rule (`hub/pulls`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from bench_runner.contract import JobKind, Outcome
from hub import flow
from hub.accounts.models import User
from hub.bench.models import Verdict
from hub.bench.queries import lack
from hub.boards.goals import shortfalls_of
from hub.catalog.models import Task
from hub.core.prepared import prepared
from hub.learning.queries import TIMED, is_solved, lesson_after, lesson_of
from hub.pulls import queries
from hub.pulls.mentors import unrated
from hub.pulls.models import MergeAttempt, PatchSet, PullRequest, Rating, Review
from hub.pulls.queries import Facts, Rows, Stage, Turn, Who
from hub.pulls.together import others, work_of
from hub.rulings.queries import may_see
from hub.web import conversation, kept, live, outcome, timing_plot
from hub.web.acting import act, member_post
from hub.web.plain import plain_line
from hub.web.run import FAILED, tries
from hub.web.security import with_plot
from hub.web.shared import shared
from hub.web.threads import threads_of
from hub.web.words import STAGES
from hub.web.workers import add_worker

PULLS_A_PAGE = 30
COUNTED = 3000  # pull requests that the pages of the list reach back to
TASKS_OFFERED = 200  # to narrow the list to; any other by its address
OPEN = "open"  # every stage of an open pull request


@dataclass(frozen=True)
class Line:
    """One row of the list."""

    pull: PullRequest
    stage: Stage
    turn: Turn


@dataclass(frozen=True)
class Asked:
    """The filters of the list; an empty field does not filter."""

    stage: str
    task: str
    author: str


@require_safe
def pull_list(request: HttpRequest) -> HttpResponse:
    known = request.user.is_authenticated
    return kept.page(
        request,
        "pulls/list.html",
        lambda: _found(request.GET.copy(), known),
        known,
        username=lambda: request.user.username,
    )


def _found(given: QueryDict, known: bool) -> dict[str, Any]:
    asked = Asked(*(given.get(name, "").strip() for name in ("stage", "task", "author")))
    page = Bounded(_matching(asked), PULLS_A_PAGE).get_page(given.get("page"))
    found = queries.facts_of(page.object_list)
    given.pop("page", None)
    return {
        "asked": asked,
        "filtered": any((asked.stage, asked.task, asked.author)),
        "page": page,
        "looked_at": queries.LOOKED_AT if isinstance(page.paginator.object_list, list) else 0,
        "lines": [_list_line(found[pull.pk]) for pull in page.object_list],
        "together": others(facts.pull for facts in found.values()),
        "query": f"{given.urlencode()}&" if given else "",
        "stages": STAGES.items(),
        "tasks": _pushed_tasks(asked.task),
        "known": known,
    }


@require_safe
def by_branch(request: HttpRequest, slug: str, username: str, topic: str) -> HttpResponse:
    """The address that a push prints. It may be opened before the push has been taken in."""
    task = get_object_or_404(Task, slug=slug)
    author = get_object_or_404(User, username=username)
    pull = PullRequest.objects.filter(task=task, author=author, topic=topic).first()
    if pull is not None:
        return HttpResponseRedirect(reverse("web:pull", args=[pull.pk]))
    shown = {"task": task, "author": author, "topic": plain_line(topic)}
    answer = render(request, "pulls/soon.html", shown, status=404)
    answer.headers["Refresh"] = "2"
    return answer


@require_safe
def pull_page(request: HttpRequest, pull_id: int) -> HttpResponse:
    """Of what has ended strangers get one copy; what is under way changes while they look."""
    ended = PullRequest.objects.filter(pk=pull_id).exclude(state=PullRequest.State.OPEN)
    known = request.user.is_authenticated
    return (_page_of if known or not ended.exists() else _shared_page)(request, pull_id)


@with_plot
def _page_of(request: HttpRequest, pull_id: int) -> HttpResponse:
    rows = queries.rows_of(watched_pull(pull_id))
    shown = overview(request, rows)
    if rows.pull.state != PullRequest.State.OPEN and request.user.pk == rows.pull.author_id:
        shown |= {"unrated": unrated(rows.pull), "scores": Rating.Score.choices}
    return render(request, "pulls/page.html", {**shown, **_results(request, rows, shown["beat"])})


_shared_page = shared(_page_of)


def overview(request: HttpRequest, rows: Rows) -> dict[str, Any]:
    """What the head of a pull request's pages shows, and what this reader may do.

    Raises:
        PermissionDenied: others' work is hidden now.
    """
    pull, found = rows.pull, rows.facts
    if why := queries.why_not_see(pull, request.user):
        raise PermissionDenied(why)
    turn = queries.turn_of(found)
    user = request.user
    known = user.is_authenticated
    beat = live.pulse_of(pull)
    return {
        **_lesson(pull, found),
        "pull": pull,
        "title": plain_line(pull.title),
        "current": found.patch_set,
        "stage": queries.stage_of(found),
        "turn": turn,
        "together": others([pull]).get(pull.pk, []),
        "is_author": user.pk == pull.author_id,
        "is_readers_turn": known and _is_readers_turn(pull, turn, user),
        "may_change": known and queries.may_change(pull, user),
        "may_merge": known and queries.is_mentor_of(pull.task, user),
        "why_not_merge": queries.why_not_merge(pull, user, found) if known else None,
        "why_not_review": queries.why_not_review(pull, user) if known else _("Log in to review or comment."),
        "may_read_evidence": user.pk != pull.author_id and may_see(pull.task, user),
        "may_run_again": known and _may_run_again(pull, found, user),
        "approval": found.approval,
        "stale_approval": None if found.approval else _last_approval(rows),
        "changes": found.changes,
        "merge": found.merge,
        "conflicts": _conflicts(found.merge),
        "seen": beat.id,
        "over": beat.over,
        "beat": beat,
    }


def _lesson(pull: PullRequest, found: Facts) -> dict[str, Any]:
    """For the work on an exercise: its lesson, whether that is done by it, and what comes next."""
    lesson = lesson_of(pull.task) if pull.task.kind == Task.Kind.EXERCISE else None
    if lesson is None:
        return {}
    solved = is_solved(lesson, pull.author)
    return {
        "lesson": lesson,
        "solved": solved,
        "too_slow": not solved and _is_timed(found),
        "next_lesson": lesson_after(lesson),
    }


def _is_timed(found: Facts) -> bool:
    return any(ran.kind in TIMED and ran.outcome == Outcome.PASSED for ran in found.runs)


def _results(request: HttpRequest, rows: Rows, beat: live.Pulse) -> dict[str, Any]:
    pull, patch_sets, current = rows.pull, rows.patch_sets, rows.current
    chosen = _chosen(patch_sets, request.GET.get("patch_set", "")) or current
    if chosen is None or current is None:
        return {}
    told = outcome.told(patch_sets, chosen)
    own, of_merges = outcome.reports(told, chosen)
    lacks, made = lack(rows.facts), tries({chosen, current})
    threads = threads_of(rows.comments, pull, current, request.user)
    return {
        "chosen": chosen,
        "is_old": chosen != current,
        "reports": [(report, _figure(report)) for report in own],
        "merge_reports": of_merges,
        "history": history(patch_sets, told),
        "runs": live.runs(beat, current, made),
        "faults": [one for one in made if one.state in FAILED and one.job.patch_set_id == chosen.pk],
        "lines": conversation.lines(rows, threads),
        "shortfalls": shortfalls_of(one for one in told if one.job.patch_set_id == current.pk),
        "open_threads": [thread for thread in threads if thread.is_open],
        "lack": lacks,
        "add_worker": add_worker(current.device),
        "push_command": f"git push origin HEAD:{pull.author.username}/{pull.topic}",
    }


# What a reader can do here


@member_post
def merge(request: HttpRequest, pull_id: int) -> HttpResponse:
    pull = watched_pull(pull_id)
    made: list[MergeAttempt] = []
    why = request.POST.get("why", "")
    answer = act(request, lambda: made.append(flow.merge(pull, request.user, why)), done="", back=_page(pull))
    if made and made[0].state == MergeAttempt.State.CONFLICT:
        messages.error(
            request, _("It conflicts with main, so nothing was merged. The paths are on the page.")
        )
    return answer


@member_post
def close(request: HttpRequest, pull_id: int) -> HttpResponse:
    pull = watched_pull(pull_id)
    done = _("Closed. Its branch takes no pushes until it is opened again.")
    return act(request, lambda: flow.close(pull, request.user), done=done, back=_page(pull))


@member_post
def reopen(request: HttpRequest, pull_id: int) -> HttpResponse:
    pull = watched_pull(pull_id)
    return act(request, lambda: flow.reopen(pull, request.user), done=_("Open again."), back=_page(pull))


@member_post
def rerun(request: HttpRequest, pull_id: int) -> HttpResponse:
    pull = watched_pull(pull_id)
    done = _("The current patch set is judged once more.")
    return act(request, lambda: flow.run_again(pull, request.user), done=done, back=_page(pull))


# Parts


def watched_pull(key: int) -> PullRequest:
    """A pull request with what `overview` shows of it.

    Raises:
        Http404: there is none.
    """
    for pull in _watched(key):
        return pull
    raise Http404


@prepared
def _watched(key: int) -> QuerySet[PullRequest]:
    rows = live.watched().select_related("task__programme", "task__current", "author")
    return rows.defer("task__current__files").prefetch_related("task__mentors").filter(pk=key)


def _page(pull: PullRequest) -> str:
    return reverse("web:pull", args=[pull.pk])


class Bounded(Paginator):
    """Counts no further than people turn pages: counting a large table takes longer than a page may."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return len(rows) if isinstance(rows, list) else rows.order_by()[:COUNTED].count()


def _pushed_tasks(chosen: str) -> QuerySet[Task]:
    """What the list can be narrowed to: the first tasks that anything was pushed to, and the chosen one."""
    pushed = Task.objects.filter(Exists(PullRequest.objects.filter(task=OuterRef("pk"))))
    first = pushed.values_list("pk", flat=True)[:TASKS_OFFERED]
    return Task.objects.filter(Q(pk__in=list(first)) | Q(slug=chosen)).only("slug", "title_en", "title_zh")


def _matching(asked: Asked) -> QuerySet[PullRequest] | list[PullRequest]:
    rows = queries.pulls()
    if asked.task:
        rows = rows.filter(task__slug=asked.task)
    if asked.author:
        author = User.objects.filter(username=asked.author).first()
        rows = rows.filter(work_of(author)) if author else rows.none()
    if asked.stage in (Stage.MERGED, Stage.CLOSED):
        return rows.filter(state=asked.stage)
    if asked.stage == OPEN:
        return rows.filter(state=PullRequest.State.OPEN)
    if asked.stage:  # computed from facts: the newest open ones are looked at
        found = queries.facts_of(rows.filter(state=PullRequest.State.OPEN)[: queries.LOOKED_AT])
        return [facts.pull for facts in found.values() if queries.stage_of(facts) == asked.stage]
    return rows


def _list_line(facts: Facts) -> Line:
    return Line(facts.pull, queries.stage_of(facts), queries.turn_of(facts))


def _is_readers_turn(pull: PullRequest, turn: Turn, user: User) -> bool:
    if turn.who is Who.CONTRIBUTOR:
        return user.pk == pull.author_id
    return turn.who is Who.MENTOR and queries.why_not_review(pull, user) is None


def _may_run_again(pull: PullRequest, found: Facts, user: User) -> bool:
    """Whether `flow.run_again` would find something: our failures, or for a mentor a verdict in doubt."""
    if pull.state != PullRequest.State.OPEN or not queries.may_change(pull, user):
        return False
    disputed = user.pk != pull.author_id
    return any(ran.abandoned or (disputed and ran.failed) for ran in found.runs if ran.kind != JobKind.MERGE)


def _conflicts(merge: MergeAttempt | None) -> list[str]:
    if merge is None or merge.state != MergeAttempt.State.CONFLICT:
        return []
    return [plain_line(path) for path in merge.detail.split("\n") if path]


def _last_approval(rows: Rows) -> Review | None:
    return next((said for said in reversed(rows.reviews) if said.kind == Review.Kind.APPROVE), None)


def _chosen(patch_sets: list[PatchSet], number: str) -> PatchSet | None:
    return next((row for row in patch_sets if str(row.number) == number), None)


def _figure(report: outcome.Report) -> dict[str, Any] | None:
    if not report.timed:
        return None
    return timing_plot.figure((row.measurement for row in report.timed), report.target)


def history(
    patch_sets: list[PatchSet], told: Iterable[Verdict]
) -> list[tuple[PatchSet, list[tuple[Verdict, str]]]]:
    """Newest first, each with the telling verdict of each hardware class and what it stands as."""
    by_work: dict[tuple[int, str], list[Verdict]] = defaultdict(list)
    for verdict in told:
        if verdict.job.merge_attempt_id is None:
            by_work[verdict.job.patch_set_id, verdict.job.hardware_class].append(verdict)
    found: dict[int, list[tuple[Verdict, str]]] = defaultdict(list)
    for (patch_set_id, _hardware), verdicts in sorted(by_work.items()):
        shown = outcome.telling(verdicts)
        found[patch_set_id] += [(shown, outcome.outcome_of(shown))] if shown else []
    return [(row, found[row.pk]) for row in reversed(patch_sets)]
