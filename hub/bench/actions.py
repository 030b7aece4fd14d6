"""Writes about workers, jobs, attempts and verdicts.

Not in charge of what a verdict leads to (`hub/flow.py`) nor of sending wake-ups (`wake.py`).

Theory of operation
- A job lives in the database; whoever wakes for it claims it by compare-and-swap. An open attempt means that
  its job is running, and the other way round: both move in one transaction, under a lock on the job's row
  (SQLite locks the whole database at BEGIN instead), so the two never contradict each other.
- Messages come first in, first out, may be lost and may come twice. So whoever claims a job gets the one that
  is due (`queue.py`), seldom another: a message is worth one job of its hardware class, whichever it names.
- An attempt has a token of its own. What comes with another token, or after the attempt has ended for
  whatever reason, changes nothing: a late result is booked in the audit and refused.
- An attempt that our machines failed at (fault, silence, lease over) is followed by another one, up to
  JOB_ATTEMPTS; then the job is abandoned. No verdict comes of it, and no quota is used.
"""

from __future__ import annotations

import hmac
import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from bench_runner.contract import Hello, JobKind, JobSpec, ProgressEvent, Result, TimeLimits
from hub.accounts.models import User
from hub.audit.actions import record
from hub.bench import queue, strict, wake
from hub.bench.models import Attempt, Job, Verdict, Worker
from hub.bench.reports import keep_progress, write_verdict
from hub.catalog.models import TaskRevision
from hub.core import clock, trace
from hub.core.constraints import broken
from hub.core.errors import BadInput, NotAllowed
from hub.core.ids import new_token, token_digest
from hub.pulls.models import MergeAttempt, PatchSet
from hub.repos import git

GIVEN_AGAIN = timedelta(seconds=15)  # as long as a worker asks for one job
WAKE_AGAIN = timedelta(seconds=60)
WAKE_AT_ONCE = 50  # of each sweep

WORKER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")

log = logging.getLogger(__name__)


def time_limits() -> TimeLimits:
    return TimeLimits.derive(timedelta(seconds=settings.JOB_TIME_LIMIT_SECONDS))


# Workers


def register_worker(name: str, keep_if: str = "", by: User | None = None) -> str | None:
    """Give a worker, new or known, a token; the earlier one is void. Returns its clear text, stored nowhere.

    None, and nothing is changed, if `keep_if` is this worker's token already.

    Raises:
        BadInput: a name that no worker may have.
    """
    if not WORKER_NAME.fullmatch(name):
        raise BadInput(f"worker name {name!r}: 1 to 60 letters, digits, '.', '_', '-' are allowed")
    known = Worker.objects.filter(name=name, retired_at=None).first()
    if known is not None and keep_if and hmac.compare_digest(known.token_digest, token_digest(keep_if)):
        return None
    token = new_token("tsw")
    worker, new = Worker.objects.update_or_create(
        name=name,
        defaults={"token_digest": token_digest(token), "retired_at": None},
        create_defaults={"token_digest": token_digest(token), "registered_at": clock.now()},
    )
    record(by, "worker.registered" if new else "worker.token_renewed", worker, name=name)
    return token


def retire_worker(worker: Worker, by: User | None = None) -> None:
    """Take a worker out of service for good; what it runs just now is tried again elsewhere."""
    gone = {"retired_at": clock.now(), "paused_at": None, "paused_why": "", "is_leaving": False}
    if Worker.objects.filter(pk=worker.pk, retired_at=None).update(**gone):
        record(by, "worker.retired", worker, name=worker.name)
        for attempt in Attempt.objects.filter(worker=worker, state=Attempt.State.OPEN):
            _give_up(attempt, Attempt.State.LOST, "the worker was retired")


def hello(worker: Worker, said: Hello) -> bool:
    """Note that a worker is there and what it is; True if its hardware class is news.

    Raises:
        ContractError: a version or hardware class that does not fit.
    """
    strict.require_hello(said)
    now, news = clock.now(), worker.hardware_class != said.hardware_class
    started, rest = (now - strict.seconds(said.up_seconds), strict.seconds(said.resting_seconds))
    with transaction.atomic():
        known = Worker.objects.filter(pk=worker.pk)
        known.update(
            hardware_class=said.hardware_class,
            fingerprint=strict.clean(said.fingerprint),
            sandboxed=said.sandboxed,
            last_seen_at=now,
            resting_until=now + rest if rest else None,
            trouble=strict.clean_text(said.trouble, strict.LINE_LONGEST),
        )
        known.filter(unanswered_since__lt=started).update(unanswered_since=None)
        if news:
            record(None, "worker.classified", worker, hardware_class=said.hardware_class)
    worker.refresh_from_db()
    return news


# Jobs


def queue_job(
    patch_set: PatchSet,
    kind: str,
    hardware_class: str,
    merge_attempt: MergeAttempt | None = None,
    *,
    revision: TaskRevision | None = None,
    priority: int | None = None,
) -> Job:
    """Queue a job and wake a worker for it; the live one if there is such a job already.

    A merge is judged by the task's rules of today, a patch set by those of the day on which it was pushed,
    unless `revision` names others. What a mentor asks for has their `priority` and uses nobody's quota.
    """
    usual = queue.priority_of(kind, patch_set.pull.author)
    columns = {
        "merge_attempt": merge_attempt,
        "priority": usual if priority is None else priority,
        "queued_at": clock.now(),
    }
    rules = patch_set.pull.task.current if merge_attempt else patch_set.revision
    revision = revision or rules
    work = {"patch_set": patch_set, "revision": revision, "hardware_class": hardware_class, "kind": kind}
    try:
        with transaction.atomic():
            job = Job.objects.create(**work, **columns)
            record(None, "job.queued", job, kind=kind, hardware_class=hardware_class, pull=patch_set.pull_id)
    except IntegrityError as error:
        if not broken(error, Job, "job_one_live_per_work"):
            raise
        return Job.objects.get(**work, state__in=Job.moves.live)
    wake.wake(job)
    return job


def cancel_job(job: Job, why: str) -> bool:
    """End a job that nobody waits for any more; its worker hears of it with the next heartbeat."""
    with transaction.atomic():
        _locked(job)
        if not Job.moves.move(job, Job.State.CANCELLED, ended_at=clock.now()):
            return False
        for attempt in Attempt.objects.filter(job=job, state=Attempt.State.OPEN):
            Attempt.moves.move(attempt, Attempt.State.CANCELLED, ended_at=clock.now())
        record(None, "job.cancelled", job, why=why)
    return True


def settle(job: Job) -> None:
    """Note that what follows from the end of a job has been done."""
    Job.objects.filter(pk=job.pk, settled_at=None).update(settled_at=clock.now())


# Attempts


@dataclass(frozen=True)
class _Claimed:
    attempt: Attempt
    token: str


def claim_job(job_id: UUID, worker: Worker) -> JobSpec | None:
    """Give a worker that woke for this job the one that is due, seldom another; None if none is to be had.

    Raises:
        Job.DoesNotExist: no such job.
    """
    Job.objects.only("pk").get(pk=job_id)
    if (held := _held_by(worker)) is not None:
        return _spec(held)
    works = worker.retired_at is None and worker.paused_at is None
    waiting = queue.due(worker.hardware_class) if works else []
    claimed = next(filter(None, (_open_attempt(job.pk, worker) for job in waiting)), None)
    return _spec(claimed) if claimed is not None else None


def _spec(claimed: _Claimed) -> JobSpec | None:
    attempt, job = claimed.attempt, claimed.attempt.job
    pull = job.patch_set.pull
    sha = job.merge_attempt.merge_sha if job.merge_attempt else job.patch_set.head_sha
    try:
        files = git.bundle(pull.task.slug, sha, f"solutions/{pull.author.branch_name}")
    except Exception as error:
        # Whatever it was, it is ours: the attempt is open and must not wait for its reaper.
        log.exception("job %s: the submission cannot be read", job.pk)
        _give_up(attempt, Attempt.State.INFRA_ERROR, f"the hub cannot read {sha}: {error}")
        return None
    return JobSpec(
        job=str(job.pk),
        attempt=str(attempt.pk),
        token=claimed.token,
        kind=JobKind(job.kind),
        task=pull.task.slug,
        revision=job.revision.digest,
        hardware_class=job.hardware_class,
        files=files,
        time_limit_seconds=float(settings.JOB_TIME_LIMIT_SECONDS),
    )


def heartbeat(attempt_id: UUID, token: str, events: list[ProgressEvent]) -> bool:
    """Note that an attempt is alive and what it did; True if it should stop, because nobody waits for it.

    Raises:
        Attempt.DoesNotExist, NotAllowed: no such attempt, or another one's token.
    """
    attempt = _attempt(attempt_id, token)
    now = clock.now()
    with transaction.atomic():
        Worker.objects.filter(pk=attempt.worker_id).update(last_seen_at=now)
        heard: dict[str, Any] = {"heard_at": now}
        if events:
            heard["phase"] = max(events, key=lambda event: event.seq).phase
        if not Attempt.objects.filter(pk=attempt.pk, state=Attempt.State.OPEN).update(**heard):
            return True
        keep_progress(attempt, events)
    return False


def deliver(attempt_id: UUID, token: str, result: Result) -> Verdict | None:
    """Take the result of an open attempt: verdict, measurements and both states in one transaction.

    None if the attempt has ended before; the late result is booked and changes nothing.

    Raises:
        Attempt.DoesNotExist, NotAllowed: no such attempt, or another one's token.
        ContractError: the result does not answer the job.
    """
    attempt = _attempt(attempt_id, token)
    job, now = attempt.job, clock.now()
    strict.require_result(job.kind, result)
    with transaction.atomic():
        _locked(job)
        too_late = now > attempt.started_at + time_limits().token
        if too_late or not Attempt.moves.move(attempt, Attempt.State.DELIVERED, ended_at=now):
            attempt.refresh_from_db()
            record(None, "result.refused", attempt, state=attempt.state, outcome=result.outcome)
            log.warning("job %s: a result of attempt %s came too late: %s", job.pk, attempt.pk, attempt.state)
            return None
        if not Job.moves.move(job, Job.State.FINISHED, ended_at=now):
            raise RuntimeError(f"job {job.pk} is {job.state} though attempt {attempt.pk} was open")
        Worker.objects.filter(pk=attempt.worker_id).update(last_seen_at=now)
        verdict = write_verdict(job, attempt, result)
        record(None, "job.finished", job, outcome=result.outcome, reason=result.reason)
    return verdict


def fault(attempt_id: UUID, token: str, what: str) -> Job | None:
    """Our machine failed: the job is tried again or, after JOB_ATTEMPTS, abandoned. None if it came too late.

    Raises:
        Attempt.DoesNotExist, NotAllowed: no such attempt, or another one's token.
    """
    attempt = _attempt(attempt_id, token)
    if not _give_up(attempt, Attempt.State.INFRA_ERROR, what):
        return None
    attempt.job.refresh_from_db()
    return attempt.job


# What nobody reports: found by the sweeper


def reap() -> int:
    """Close attempts that fell silent or whose lease is over; how many."""
    now = clock.now()
    silent = now - timedelta(seconds=settings.WORKER_SILENT_SECONDS)
    closed = 0
    for attempt in Attempt.objects.filter(
        Q(heard_at__lt=silent) | Q(lease_until__lt=now), state=Attempt.State.OPEN
    ):
        what = (
            "its lease ended" if attempt.lease_until < now else f"not heard since {attempt.heard_at:%H:%M:%S}"
        )
        closed += _give_up(attempt, Attempt.State.LOST, what, unchanged=("heard_at",))
    return closed


def requeue_orphans() -> int:
    """Queue again what runs without an open attempt. No code path leads there; a repaired database may."""
    closed = 0
    for job in Job.objects.filter(state=Job.State.RUNNING).exclude(attempts__state=Attempt.State.OPEN):
        with transaction.atomic():
            _locked(job)
            if not job.attempts.filter(state=Attempt.State.OPEN).exists():
                closed += Job.moves.move(job, Job.State.QUEUED, only_from=[Job.State.RUNNING], woken_at=None)
    return closed


def wake_waiting() -> int:
    """Wake again for jobs that nobody came for since the last wake-up; how many."""
    before = clock.now() - WAKE_AGAIN
    names = Job.objects.filter(state=Job.State.QUEUED).order_by().values_list("hardware_class", flat=True)
    waiting = [job for name in set(names) for job in queue.due(name)]
    unanswered = [job.pk for job in waiting if job.woken_at is None or job.woken_at < before]
    return sum(wake.send(job) for job in Job.objects.filter(pk__in=unanswered[:WAKE_AT_ONCE]))


def _locked(job: Job) -> Job:
    """The job's row, kept until the transaction ends. SQLite locks the whole database at BEGIN."""
    return Job.objects.select_for_update(no_key=True).get(pk=job.pk)


def _attempt(attempt_id: UUID, token: str) -> Attempt:
    attempt = Attempt.objects.select_related("job__patch_set__pull__task", "worker").get(pk=attempt_id)
    if not hmac.compare_digest(attempt.token_digest, token_digest(token)):
        raise NotAllowed(_("This token is not that of the attempt."))
    trace.bind(job=attempt.job_id, worker=attempt.worker.name)
    return attempt


def _open_attempt(job_id: UUID, worker: Worker) -> _Claimed | None:
    now, token = clock.now(), new_token("tsa")
    with transaction.atomic():
        job = Job.objects.select_for_update(no_key=True).get(pk=job_id)
        early = job.not_before is not None and job.not_before > now  # it failed since the line was read
        if early or not Job.moves.move(job, Job.State.RUNNING, not_before=None):
            return None
        attempt = Attempt.objects.create(
            job=job,
            worker=worker,
            number=job.attempts.count() + 1,
            token_digest=token_digest(token),
            started_at=now,
            heard_at=now,
            lease_until=now + time_limits().lease,
        )
        heard = {"last_seen_at": now, "answered_at": now, "unanswered_since": None}
        Worker.objects.filter(pk=worker.pk).update(**heard)
        record(None, "attempt.started", attempt, job=str(job.pk), worker=worker.name, number=attempt.number)
    return _Claimed(attempt, token)


def _held_by(worker: Worker) -> _Claimed | None:
    """The attempt that this worker was given in an answer that got lost, given again with a new token.

    A worker runs one attempt at a time: one that asks for another does not run those that it was heard at,
    and cannot begin those that it has been given for a while.
    """
    token, lately = new_token("tsa"), clock.now() - GIVEN_AGAIN
    held = None
    for attempt in Attempt.objects.filter(worker=worker, state=Attempt.State.OPEN).select_related("job"):
        unheard = Attempt.objects.filter(pk=attempt.pk, state=Attempt.State.OPEN, heard_at=F("started_at"))
        again = unheard.filter(started_at__gt=lately).update(token_digest=token_digest(token))
        if held is None and again:
            record(None, "attempt.given_again", attempt, job=str(attempt.job_id), worker=worker.name)
            held = _Claimed(attempt, token)
        else:
            _give_up(attempt, Attempt.State.LOST, "its worker asked for another job")
    return held


def _give_up(attempt: Attempt, state: str, what: str, unchanged: tuple[str, ...] = ()) -> bool:
    """End an open attempt that failed on our side and decide whether the job is tried again."""
    job, now = attempt.job, clock.now()
    what = strict.clean_text(what, strict.LINE_LONGEST)
    with transaction.atomic():
        _locked(job)
        if not Attempt.moves.move(attempt, state, unchanged=unchanged, ended_at=now, fault=what):
            return False
        record(None, f"attempt.{state}", attempt, job=str(job.pk), worker=attempt.worker.name, what=what)
        if attempt.number < settings.JOB_ATTEMPTS:
            not_before = now + timedelta(seconds=settings.JOB_BACK_OFF_SECONDS) * attempt.number
            Job.moves.move(job, Job.State.QUEUED, not_before=not_before, woken_at=None)
        elif Job.moves.move(job, Job.State.ABANDONED, only_from=[Job.State.RUNNING], ended_at=now):
            record(None, "job.abandoned", job, attempts=attempt.number, what=what)
            log.error("job %s: abandoned after %d attempts: %s", job.pk, attempt.number, what)
    return True
