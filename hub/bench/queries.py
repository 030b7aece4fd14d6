"""Reads about jobs and workers: queues, positions, quotas, verdicts, and the work that is due.

Not in charge of deciding what to do about it (`hub/flow.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from bench_runner.contract import JobKind, Outcome
from hub.bench import canaries, quotas
from hub.bench.models import Job, Verdict, Worker
from hub.catalog.models import Task
from hub.catalog.queries import spec_of
from hub.core.ids import token_digest
from hub.core.prepared import prepared
from hub.pulls.models import PatchSet, PullRequest
from hub.pulls.queries import Facts, current_patch_sets
from hub.pulls.standing import counts, last_rulings, stands_as
from hub.repos import git
from tasks.spec import device_of

LIVE = (Job.State.QUEUED, Job.State.RUNNING)

# Workers and hardware classes


def workers() -> QuerySet[Worker]:
    """Registered workers that are not retired."""
    return Worker.objects.filter(retired_at=None)


def worker_by_token(token: str) -> Worker | None:
    """The worker a registration token belongs to, retired ones included."""
    return Worker.objects.filter(token_digest=token_digest(token)).first()


def is_online(worker: Worker) -> bool:
    """Whether it is heard. It may be deaf all the same: see `canaries.py`."""
    return canaries.heard().filter(pk=worker.pk).exists()


def online_workers() -> QuerySet[Worker]:
    """Workers that would take a job: one that is heard but deaf, resting or in trouble is none."""
    return canaries.taking_jobs()


def workers_online(hardware_class: str) -> int:
    return online_workers().filter(hardware_class=hardware_class).count()


def hardware_classes() -> list[str]:
    """Classes that some worker has earned."""
    return sorted(set(_earned()))


@prepared
def _earned() -> QuerySet[Worker, str]:
    return workers().exclude(hardware_class="").order_by().values_list("hardware_class", flat=True)


def classes_for(task: Task, device: str) -> list[str]:
    """Earned classes of a device that the task asks for."""
    if task.current is None:
        return []
    spec = spec_of(task.current)
    return [name for name in hardware_classes() if device_of(name) == device and spec.runs_on(name)]


@dataclass(frozen=True)
class Ground:
    """A prefix of hardware classes that a task asks for: each class that a worker has earned is a board."""

    prefix: str
    device: str
    classes: tuple[tuple[str, int], ...]  # with how many workers of it take jobs


def grounds(task: Task) -> list[Ground]:
    """On what hardware a task is ranked, and who offers it."""
    taking = Exists(online_workers().filter(pk=OuterRef("pk")))
    earned = workers().exclude(hardware_class="").annotate(takes=taking).order_by()
    online = Counter[str]()
    for name, takes in earned.values_list("hardware_class", "takes"):
        online[name] += takes
    return [
        Ground(
            prefix,
            device_of(prefix),
            tuple((name, online[name]) for name in sorted(online) if name.startswith(prefix)),
        )
        for prefix in task.hardware
    ]


def timed_classes(patch_set: PatchSet) -> list[str]:
    """Earned classes on which it is to be timed, once it passed its check."""
    return _timed_on(patch_set, classes_for(patch_set.pull.task, patch_set.device))


def _timed_on(patch_set: PatchSet, classes: Iterable[str]) -> list[str]:
    return [name for name in classes if _is_timed(patch_set, name)]


def device_of_push(task: Task, username: str, base: str, head: str) -> str:
    """On what the code of a push computes: "cpu" or "gpu".

    The entry files say it: those that the push changes, else those that lie there. Where both kinds do, it is
    judged on a processor; a branch of its own is the way to have the other judged as well.
    """
    if task.current is None:
        return "cpu"
    spec = spec_of(task.current)
    if len(spec.devices) < 2:
        return spec.devices[0]
    own = f"solutions/{username}/"
    for names in (git.changed_names(task.slug, base, head), git.names(task.slug, head)):
        mine = [name.removeprefix(own) for name in names if name.startswith(own)]
        for device in spec.devices:
            if spec.takes(mine, device):
                return device
    return spec.devices[0]


def check_class(task: Task, device: str) -> str | None:
    """Where a check is run; one class is enough: an online one, of those the one with the shortest queue."""
    classes = classes_for(task, device)
    waiting = dict(
        Job.objects.filter(state__in=LIVE, hardware_class__in=classes)
        .order_by()
        .values_list("hardware_class")
        .annotate(Count("pk"))
    )
    return min(classes, key=lambda name: (not workers_online(name), waiting.get(name, 0), name), default=None)


# What the pages show of jobs


def live_job(patch_set: PatchSet) -> Job | None:
    """The job that is under way: the running one, else the one that waits longest."""
    jobs = Job.objects.filter(patch_set=patch_set, state__in=LIVE)
    return jobs.order_by("-state", "queued_at").first()  # "running" sorts after "queued"


def last_log(patch_set: PatchSet) -> str:
    """What the last run of the patch set itself said."""
    return next(iter(_last_log(patch_set.pk)), "")


@prepared
def _last_log(patch_set: int) -> QuerySet[Verdict, str]:
    rows = Verdict.objects.filter(job__patch_set=patch_set, job__merge_attempt=None)
    return rows.order_by("-at").values_list("log", flat=True)[:1]


@dataclass(frozen=True)
class Lack:
    """Why a job that should be there is not."""

    sentence: str
    unserved: tuple[str, ...] = ()  # classes that its task asks for, when no machine of the kind has reported


def why_waiting(found: Facts) -> str | None:
    """Why a job that should be there is not, as a sentence; None if none is missing."""
    lacks = lack(found)
    return lacks.sentence if lacks else None


def lack(found: Facts) -> Lack | None:
    """Why a job that should be there is not; None if none is missing."""
    pull, patch_set = found.pull, found.patch_set
    if pull.state != PullRequest.State.OPEN or patch_set is None:
        return None
    passed = found.check is not None and found.check.outcome == Outcome.PASSED
    kind = JobKind.RANK if passed else JobKind.CHECK
    if any(run.kind == kind for run in found.runs):
        return None
    classes = classes_for(pull.task, patch_set.device)
    missing = tuple(prefix for prefix in pull.task.hardware if device_of(prefix) == patch_set.device)
    if not classes:
        words = _("No worker for %(classes)s has reported yet; the judge begins when one does.")
        return Lack(words % {"classes": ", ".join(missing)}, missing) if missing else None
    if kind == JobKind.RANK and not _timed_on(patch_set, classes):
        return None
    limit = quotas.tightest(pull.task, pull.author, kind, classes)
    return None if limit.left else Lack(limit.sentence)


# Work that is due


def has_run(patch_set: PatchSet, kind: str, hardware_class: str | None = None) -> bool:
    """Whether there is a job of this kind, in any state but cancelled."""
    runs = _runs(patch_set, kind)
    return (runs.filter(hardware_class=hardware_class) if hardware_class else runs).exists()


def passed_check(patch_set: PatchSet) -> bool:
    """Whether the last check stands as passed."""
    last = _runs(patch_set, JobKind.CHECK).order_by("-queued_at")
    outcome, verdict = last.values_list("verdict__outcome", "verdict__pk").first() or (None, None)
    return stands_as(outcome, last_rulings([patch_set]).get(verdict or 0)) == Outcome.PASSED


def unsettled_jobs() -> QuerySet[Job]:
    """Jobs that ended and whose consequences nobody has drawn yet."""
    return Job.objects.filter(settled_at=None, ended_at__isnull=False).order_by("ended_at")


def superseded_jobs() -> QuerySet[Job]:
    """Dispensable jobs that nobody waits for: of an older patch set, or of a closed pull request."""
    later = PatchSet.objects.filter(
        pull=OuterRef("patch_set__pull"), number__gt=OuterRef("patch_set__number")
    )
    idle = Q(Exists(later)) | Q(patch_set__pull__state=PullRequest.State.CLOSED)
    return dispensable().filter(idle).exclude(merge_attempt__state="landing")


def dispensable() -> QuerySet[Job]:
    """Live jobs that only their pull request waits for.

    A board waits for a confirmation whatever happens to the pull request, and a re-judge set for its jobs.
    """
    return Job.objects.filter(state__in=LIVE, rejudged=None).exclude(kind=JobKind.CONFIRM)


def unjudged_patch_sets() -> Iterable[PatchSet]:
    """Current patch sets that lack a check, or passed it and lack a timing on a class that is there now.

    Not those of a made-up community: without a repository no worker gets at their files.
    """
    current = current_patch_sets().filter(pull__task__repository__isnull=False)
    current = current.select_related("pull__task", "pull__author", "revision")
    checks = Job.objects.filter(counts(), patch_set=OuterRef("pk"), kind=JobKind.CHECK).exclude(
        state=Job.State.CANCELLED
    )
    yield from current.filter(~Exists(checks), pull__state=PullRequest.State.OPEN)
    passed = checks.filter(verdict__outcome=Outcome.PASSED)
    not_closed = ~Q(pull__state=PullRequest.State.CLOSED)
    for name in hardware_classes():
        ranks = Job.objects.filter(counts(), patch_set=OuterRef("pk"), kind=JobKind.RANK, hardware_class=name)
        rows = current.filter(
            not_closed,
            Exists(passed),
            ~Exists(ranks.exclude(state=Job.State.CANCELLED)),
            revision=F("pull__task__current"),
        )
        yield from (row for row in rows if _is_timed(row, name))


def _runs(patch_set: PatchSet, kind: str) -> QuerySet[Job]:
    jobs = Job.objects.filter(counts(), patch_set=patch_set, kind=kind)
    return jobs.exclude(state=Job.State.CANCELLED)


def _is_timed(patch_set: PatchSet, hardware_class: str) -> bool:
    if patch_set.pull.author.keeps_rejects:  # what must not pass is on no board, even if it does
        return False
    return device_of(hardware_class) == patch_set.device and bool(
        spec_of(patch_set.revision).on(hardware_class).cases_for("rank")
    )


def shown_time(at: datetime) -> str:
    """A moment for a sentence, in the time of the site."""
    return date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT")
