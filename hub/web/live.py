"""The live run as server-sent events: a small stream for each viewer, and no thread for any.

Not in charge of what is drawn (`run.py`, `templates/pulls/_run.html`); the page is complete without a stream.

Theory of operation
- An event says what changed. `run` is the finished HTML of the run panel, the same for everybody. `sentence`
  tells whose turn it is; upon it the browser fetches its own page once more: the rest depends on who looks.
- A pulse is a few small queries whose answer differs whenever something to be shown did. It is taken every
  half second while a job lives, else every two. All viewers of a pull request share the last frame, so a
  class of sixty costs what one viewer costs, and HTML is rendered only when the pulse has changed.
- The pulse is the event's id. A browser that lost the connection sends it back as Last-Event-ID and gets what
  has changed since. Nothing has to be replayed: every event holds the whole state.
- Database work runs on two threads of this module, each giving its connection back at once. The thread and
  connection that Django keeps for a request would otherwise be held as long as somebody looks at the page.
- A stream ends after STREAM_SECONDS and the browser comes back by itself: whoever left without saying so,
  behind a proxy that keeps quiet, is forgotten.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import close_old_connections
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from hub.bench.models import Attempt, Job, ProgressLine, Verdict
from hub.bench.places import Line
from hub.core.prepared import prepared
from hub.pulls.models import Comment, MergeAttempt, PatchSet, PullRequest, Review
from hub.pulls.queries import current_patch_set, whose_turn, why_not_see
from hub.web.run import Run, live_runs, tries

POLL_SECONDS = 0.5  # while a job lives
LINE_SECONDS = 1.0  # a look at a queue is good for so long
QUIET_POLL_SECONDS = 2.0  # while people are at work
KEEP_ALIVE_SECONDS = 15.0  # a comment, so that proxies see life
STREAM_SECONDS = 600.0  # then the browser comes back
RETRY_MILLISECONDS = 2000
MOST_STREAMS = 500  # of this process; whoever comes later looks again by hand

POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="live")


@dataclass(frozen=True)
class Pulse:
    """Differs from an older one whenever something to be shown has changed."""

    facts: str  # patch sets, reviews, verdicts, states: the whole page
    run: str  # progress of the live jobs: the run panel
    jobs: tuple[Job, ...] = field(compare=False)  # the live ones
    over: bool

    @property
    def live(self) -> bool:
        return bool(self.jobs)

    @property
    def id(self) -> str:
        return f"{self.facts}.{self.run}"


@dataclass(frozen=True)
class Frame:
    pulse: Pulse
    run_html: str
    sentence: str


@require_safe
async def events(request: HttpRequest, pull_id: int) -> HttpResponseBase:
    seen = request.headers.get("Last-Event-ID") or request.GET.get("seen", "")
    language = get_language() or "en"
    if await sync_to_async(_is_hidden)(pull_id, request):
        return HttpResponse(status=403)
    if await FRAMES.newest(pull_id, language) is None:
        return HttpResponse(status=404)
    if FRAMES.viewers >= MOST_STREAMS:
        return HttpResponse(status=503, headers={"Retry-After": "30"})
    await _give_back_thread()
    return StreamingHttpResponse(
        _stream(pull_id, language, seen),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


def _is_hidden(pull_id: int, request: HttpRequest) -> bool:
    pull = PullRequest.objects.select_related("task__programme").filter(pk=pull_id).first()
    return pull is not None and why_not_see(pull, request.user) is not None


async def _stream(pull_id: int, language: str, seen: str) -> AsyncIterator[bytes]:
    clock = asyncio.get_running_loop().time
    started = said = clock()
    FRAMES.viewers += 1
    try:
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        while clock() - started < STREAM_SECONDS:
            frame = await FRAMES.newest(pull_id, language)
            if frame is None:
                return
            if frame.pulse.id != seen:
                yield _change(frame, seen)
                seen, said = frame.pulse.id, clock()
            elif clock() - said >= KEEP_ALIVE_SECONDS:
                yield b": still here\n\n"
                said = clock()
            if frame.pulse.over:
                yield event("over", {}, seen)
                return
            await asyncio.sleep(POLL_SECONDS if frame.pulse.live else QUIET_POLL_SECONDS)
    finally:
        FRAMES.viewers -= 1


def _change(frame: Frame, seen: str) -> bytes:
    """What is new since the pulse `seen`: the run panel's HTML, or the whole page, or both."""
    facts, _, run = seen.partition(".")
    data = {}
    if frame.pulse.run != run:
        data["run"] = frame.run_html
    if frame.pulse.facts != facts:
        data["sentence"] = frame.sentence
    return event("change", data, frame.pulse.id)


def event(name: str, data: dict[str, Any], event_id: str) -> bytes:
    """One event; JSON keeps the line ends of HTML out of the protocol."""
    return f"id: {event_id}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


async def _give_back_thread() -> None:
    """End the thread, and with it the connection, that Django keeps for this request until the stream ends.

    asgiref makes a new one if anything should ask for it later.
    """
    await sync_to_async(close_old_connections)()
    context = SyncToAsync.thread_sensitive_context.get(None)
    thread = SyncToAsync.context_to_thread_executor.pop(context, None) if context else None
    if thread is not None:
        thread.shutdown(wait=False)


class Frames:
    """The newest frame of each pull request and language, drawn at most once per POLL_SECONDS."""

    def __init__(self) -> None:
        self.viewers = 0
        self._drawn: dict[tuple[object, int, str], tuple[float, asyncio.Task[Frame | None]]] = {}

    async def newest(self, pull_id: int, language: str) -> Frame | None:
        loop = asyncio.get_running_loop()
        key, now = (loop, pull_id, language), loop.time()
        drawn_at, task = self._drawn.get(key, (0.0, None))
        if task is None or (task.done() and now - drawn_at >= POLL_SECONDS):
            last = None if task is None or task.cancelled() or task.exception() else task.result()
            task = loop.create_task(_in_pool(pull_id, language, last))
            self._forget(now)
            self._drawn[key] = (now, task)
        # A viewer that leaves must not cancel what others wait for.
        return await asyncio.shield(task)

    def _forget(self, now: float) -> None:
        old = [
            key for key, (at, task) in self._drawn.items() if task.done() and now - at > KEEP_ALIVE_SECONDS
        ]
        for key in old:
            del self._drawn[key]


FRAMES = Frames()


class Lines:
    """The last look at the line of each hardware class: all who wait in it share it for a moment."""

    def __init__(self) -> None:
        self._looks: dict[str, tuple[float, Line]] = {}

    def line(self, hardware_class: str) -> Line:
        at, line = self._looks.get(hardware_class, (0.0, None))
        if line is None or time.monotonic() - at > LINE_SECONDS:
            line = Line(hardware_class)
            self._looks[hardware_class] = (time.monotonic(), line)
        return line


LINES = Lines()


async def _in_pool(pull_id: int, language: str, last: Frame | None) -> Frame | None:
    def drawn() -> Frame | None:
        try:
            return draw(pull_id, language, last)
        finally:
            close_old_connections()  # no request ends here, so nobody else would

    return await sync_to_async(drawn, thread_sensitive=False, executor=POOL)()


def draw(pull_id: int, language: str, last: Frame | None = None) -> Frame | None:
    """The frame as of now, or `last` itself if nothing has changed; None if there is no such pull request."""
    beat = pulse(pull_id)
    if beat is None or (last is not None and last.pulse.id == beat.id):
        return last if beat is not None else None
    with translation.override(language):
        pull = PullRequest.objects.select_related("task", "author").get(pk=pull_id)
        current = current_patch_set(pull)
        html = render_to_string(
            "pulls/_run.html", {"runs": runs(beat, current, tries([current])) if current else []}
        )
        return Frame(beat, html, str(whose_turn(pull).sentence))


SEEN = (
    "state",
    "patch_set",
    "review",
    "comment",
    "verdict",
    "merge",
    "merge_state",
    "job_ended",
    "has_live_job",
)


def watched() -> QuerySet[PullRequest]:
    """Pull requests with what `pulse_of` looks at: the newest row of everything that the page tells of.

    So large a query takes time to write: it is a part of prepared ones.
    """
    of_pull = {"patch_set__pull": OuterRef("pk")}
    merges = MergeAttempt.objects.filter(**of_pull)
    ended = Job.objects.filter(ended_at__isnull=False, **of_pull)
    return PullRequest.objects.annotate(
        patch_set=_newest(PatchSet.objects.filter(pull=OuterRef("pk"))),
        review=_newest(Review.objects.filter(**of_pull)),
        comment=_newest(Comment.objects.filter(**of_pull)),
        verdict=_newest(Verdict.objects.filter(job__patch_set__pull=OuterRef("pk"))),
        merge=_newest(merges),
        merge_state=Subquery(merges.order_by("-pk").values("state")[:1]),
        job_ended=Subquery(ended.order_by("-ended_at").values("ended_at")[:1]),
        has_live_job=Exists(Job.objects.filter(state__in=Job.moves.live, **of_pull)),
    )


def runs(beat: Pulse, patch_set: PatchSet, made: Iterable[Attempt]) -> list[Run]:
    """The live runs of this patch set; `made` are its tries."""
    jobs = [job for job in beat.jobs if job.patch_set_id == patch_set.pk]
    return live_runs(jobs, made, LINES.line)


@prepared
def _watched(key: int) -> QuerySet[PullRequest]:
    return watched().filter(pk=key)


def pulse(pull_id: int) -> Pulse | None:
    return next(map(pulse_of, _watched(pull_id)), None)


def pulse_of(pull: PullRequest) -> Pulse:
    """The pulse of one of `watched()`."""
    row = tuple(getattr(pull, name) for name in SEEN)
    jobs = _live_jobs(pull) if row[-1] else ()
    facts = (*row, *((job.pk, job.state) for job in jobs))
    run = [(job.pk, job.attempt, job.phase, job.seq, _expected(job)) for job in jobs]
    return Pulse(_digest(facts), _digest(run), jobs, over=pull.state != PullRequest.State.OPEN)


def _live_jobs(pull: PullRequest) -> tuple[Any, ...]:
    return tuple(
        Job.objects.filter(patch_set__pull=pull, state__in=Job.moves.live)
        .annotate(
            phase=Subquery(_open_attempt().values("phase")[:1]),
            attempt=Subquery(_open_attempt().values("id")[:1]),
            started_at=Subquery(_open_attempt().values("started_at")[:1]),
            seq=Subquery(_progress().order_by("-seq").values("seq")[:1]),
        )
        .select_related("revision")
        .order_by("pk")
    )


def _newest(rows: QuerySet[Any]) -> Subquery:
    return Subquery(rows.order_by("-pk").values("pk")[:1])


def _open_attempt() -> QuerySet[Attempt]:
    return Attempt.objects.filter(job=OuterRef("pk"), state=Attempt.State.OPEN)


def _progress() -> QuerySet[ProgressLine]:
    return ProgressLine.objects.filter(attempt__job=OuterRef("pk"), attempt__state=Attempt.State.OPEN)


def _expected(job: Any) -> tuple[str, ...]:
    """What is said of when it begins and ends: that changes without a row of ours changing."""
    line = LINES.line(job.hardware_class)
    if job.started_at is not None:
        return (line.end_of(job, job.started_at),)
    place = line.place_of(job)
    return place.sentence, place.estimate


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:12]
