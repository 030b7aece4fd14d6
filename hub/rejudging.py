"""Second looks: confirmation of the podium, what looks like another's work, appeals, re-judge sets.

Not in charge of the path of a push (`flow.py`, which calls this where a job ended) nor of what counts
(`hub/pulls/standing.py`).

Theory of operation
- Who comes onto the podium of a board is run again with fresh seeds. While the runs disagree another one is
  made, up to CONFIRM_MOST. Neither a newer push nor closing the pull request stops a confirmation: else the
  number that nobody could confirm would stay.
- A submission that passed its check and is alike to the earlier work of somebody else is held back before it
  is timed. A person looks at it; what they cleared is not held again, nor is its author's later work for
  being like the same pull request.
- A re-judge set runs old verdicts again, beside them, with jobs that change nothing (`standing.counts`). When
  all have ended a maintainer applies the set or discards it, as one step in one transaction.
- Jobs of a set are queued while the rows of the set and of the pull request are locked, in this order. Where
  the same work is under way already the item waits; the sweeper calls `advance` again.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from bench_runner.contract import Bundle, JobKind, Outcome
from hub.accounts.models import User
from hub.audit.actions import record
from hub.bench import actions as bench
from hub.bench.models import Job, Verdict
from hub.boards import stored as boards
from hub.boards.queries import PODIUM, board, earlier_board, unconfirmed_podium
from hub.boards.runs import TIMED, Candidate
from hub.catalog import roles
from hub.catalog.models import Task, TaskRevision
from hub.catalog.queries import files_of, spec_of
from hub.core.errors import NotAllowed, NotNow
from hub.pulls import actions as pulls
from hub.pulls.models import PatchSet, PullRequest
from hub.pulls.queries import current_patch_sets
from hub.pulls.standing import counts
from hub.repos import git
from hub.rulings import actions as rulings
from hub.rulings import likeness
from hub.rulings import queries as ruling_facts
from hub.rulings.models import Likeness, Rejudge, RejudgeItem, Ruling

CONFIRM_MOST = 3  # confirmations of one artefact that are asked for by themselves
GIVEN = ("baseline/", "starter/", "examples/")  # of a task's files: what everybody may begin with


# 1. Who stands on the podium is run again with fresh seeds.


def confirm_podium(task: Task, hardware_class: str) -> list[Job]:
    """Queue the confirmations that the first places of a board lack; the new jobs. Exercises rank nobody."""
    if task.kind == Task.Kind.EXERCISE:
        return []
    lacking = unconfirmed_podium(task, hardware_class)
    queued = (_confirm(candidate, task, hardware_class) for candidate in lacking)
    return [job for job in queued if job is not None]


def _confirm(candidate: Candidate, task: Task, hardware_class: str) -> Job | None:
    with transaction.atomic():
        pulls.locked(candidate.patch_set.pull)
        made = Job.objects.filter(
            counts(),
            patch_set__in=candidate.patch_sets,
            revision=task.current,
            kind=JobKind.CONFIRM,
            hardware_class=hardware_class,
        )
        states = list(made.exclude(state=Job.State.CANCELLED).order_by("queued_at").values_list("state"))
        over = len(states) >= CONFIRM_MOST or (Job.State.ABANDONED,) in states[-1:]
        if over or any(state in Job.moves.live for (state,) in states):
            return None
        return bench.queue_job(candidate.patch_set, JobKind.CONFIRM, hardware_class, revision=task.current)


def run_podium_again(task: Task, hardware_class: str, by: User) -> list[Job]:
    """Run the first places of a board once more; each result joins what stands behind the entry.

    Raises:
        NotAllowed: no maintainer.
        NotNow: nobody stands on the board, or it is being run already.
    """
    if not roles.maintains(task, by):
        raise NotAllowed(_("Only a maintainer has a podium run again."))
    with transaction.atomic():
        queued = []
        for entry in board(task, hardware_class).entries[:PODIUM]:
            patch_set = entry.verdict.job.patch_set
            pulls.locked(patch_set.pull)
            same = Job.objects.filter(
                patch_set=patch_set, kind=JobKind.CONFIRM, hardware_class=hardware_class
            )
            if not same.filter(state__in=Job.moves.live).exists():
                queued.append(
                    bench.queue_job(patch_set, JobKind.CONFIRM, hardware_class, revision=task.current)
                )
        if not queued:
            raise NotNow(_("Nobody stands on this board, or its podium is being run already."))
        record(by, "podium.run_again", task, hardware_class=hardware_class, jobs=len(queued))
    return queued


# 2. What is alike to somebody else's earlier work is held back until a person has looked at it.


def hold_if_alike(job: Job) -> bool:
    """Hold back the passed check of a copy; of two, whoever pushed later. True if one was held back.

    Nobody copies from themselves, from the house's examples or from what the task gives to everybody. And
    what a lesson has just explained is written alike by all who have read it.
    """
    patch_set = job.patch_set
    is_exercise = patch_set.pull.task.kind == Task.Kind.EXERCISE
    if is_exercise or patch_set.pull.author.is_house or not job.verdict.artefact_sha256:
        return False
    own = _likeness(patch_set)
    if not own.says_something:
        return False
    same = _same_artefact(patch_set)
    found = [
        other
        for other in _others(patch_set)
        if other.pk in same or likeness.share(own, _sketch_of(other.likeness)) >= likeness.ALIKE
    ]
    held = [_hold(late, early) for early, late in (_in_order(patch_set, other) for other in found)]
    return any(held)


def common_runs(one: Bundle, other: Bundle, digest: str) -> frozenset[int]:
    """Runs of tokens that two submissions share and the task of this revision gave to neither."""
    return (likeness.runs(one) & likeness.runs(other)) - _given(digest)


def _likeness(patch_set: PatchSet) -> likeness.Sketch:
    known = Likeness.objects.filter(patch_set=patch_set).first()
    if known is None:
        pull = patch_set.pull
        files = git.bundle(pull.task.slug, patch_set.head_sha, f"solutions/{pull.author.username}")
        made = likeness.sketch(files, _given(patch_set.revision.digest))
        columns = {"own": made.own, "sketch": sorted(made.hashes)}
        known, _new = Likeness.objects.get_or_create(patch_set=patch_set, defaults=columns)
    return _sketch_of(known)


@lru_cache(maxsize=64)
def _given(digest: str) -> frozenset[int]:
    """Runs of the task's own sources; a revision never changes, so they are read once per process."""
    files = files_of(TaskRevision.objects.get(digest=digest))
    return likeness.runs({name: data for name, data in files.items() if name.startswith(GIVEN)})


def _sketch_of(row: Likeness) -> likeness.Sketch:
    return likeness.Sketch(row.own, frozenset(row.sketch))


def _others(patch_set: PatchSet) -> Iterable[PatchSet]:
    """What other people pushed to the task, earliest first."""
    rows = PatchSet.objects.filter(pull__task=patch_set.pull.task_id, likeness__isnull=False)
    others = rows.exclude(pull__author=patch_set.pull.author_id).exclude(pull__author__is_house=True)
    return others.select_related("likeness", "pull__author").order_by("pk")


def _same_artefact(patch_set: PatchSet) -> set[int]:
    """Patch sets of the task that gave the same bytes."""
    made = Verdict.objects.filter(job__patch_set=patch_set).exclude(artefact_sha256="")
    same = Verdict.objects.filter(
        artefact_sha256__in=made.values("artefact_sha256"),
        job__patch_set__pull__task=patch_set.pull.task_id,
    )
    return set(same.values_list("job__patch_set", flat=True))


def _in_order(one: PatchSet, other: PatchSet) -> tuple[PatchSet, PatchSet]:
    return (one, other) if one.pk < other.pk else (other, one)


def _hold(late: PatchSet, early: PatchSet) -> bool:
    """Hold back the later one, unless its author had it before or a person has looked at it already."""
    sketch = _sketch_of(late.likeness)
    before = PatchSet.objects.filter(pull__task=late.pull.task_id, pull__author=late.pull.author_id)
    own = before.filter(pk__lt=early.pk, likeness__isnull=False).select_related("likeness")
    if any(likeness.share(sketch, _sketch_of(row.likeness)) >= likeness.ALIKE for row in own):
        return False
    looked_at = Ruling.objects.filter(verdict__job__patch_set=late, like__isnull=False).exists()
    if looked_at or ruling_facts.was_cleared(late.pull.author, early.pull):
        return False
    checks = Verdict.objects.filter(
        counts("job__"), job__patch_set=late, job__kind=JobKind.CHECK, outcome=Outcome.PASSED
    )
    verdict = checks.order_by("at").last()
    if verdict is None:
        return False
    share = likeness.share(sketch, _sketch_of(early.likeness))
    return rulings.hold(verdict, early, share, same_artefact=early.pk in _same_artefact(late))


# 3. An appeal, or a maintainer, has verdicts run again beside the old ones.


def appeal(verdict: Verdict, by: User, text: str) -> Rejudge:
    """The author objects to a verdict that is held for review: once, and with a run beside the old one."""
    made = rulings.open_one(verdict, by, text, appeal=True)
    advance(made)
    return made


def judge_again(verdict: Verdict, by: User, why: str) -> Rejudge:
    made = rulings.open_one(verdict, by, why, appeal=False)
    advance(made)
    return made


def judge_task_again(task: Task, by: User, why: str) -> Rejudge:
    """Run again by the current rules what was judged by older ones."""
    made = rulings.open_task(task, outdated(task), by, why)
    advance(made)
    return made


def outdated(task: Task) -> list[Verdict]:
    """Verdicts by older rules of what still matters: the newest patch set of each pull request that is not
    closed, and whatever stood on a board by the last rules. Of each kind on each class the one that counts.
    What is held back or upheld stays so: new rules clear nobody.
    """
    if task.current is None:
        return []
    spec = spec_of(task.current)
    newest = current_patch_sets().filter(pull__task=task).exclude(pull__state=PullRequest.State.CLOSED)
    matters = set(newest.values_list("pk", flat=True)) | _stood_on_a_board(task)
    last: dict[tuple[int, str, str], Verdict] = {}
    kinds = [JobKind.CHECK, *TIMED]
    matters -= set(ruling_facts.doubted().values_list("job__patch_set", flat=True))
    rows = ruling_facts.standing_verdicts().filter(job__patch_set__in=matters, job__kind__in=kinds)
    for verdict in rows.order_by("at"):
        job = verdict.job
        here = spec.on(job.hardware_class)
        if here.cases_for("rank" if job.kind in TIMED else "check"):
            last[job.patch_set_id, job.kind, job.hardware_class] = verdict
    return [verdict for verdict in last.values() if verdict.job.revision_id != task.current_id]


def _stood_on_a_board(task: Task) -> set[int]:
    classes = Job.objects.filter(patch_set__pull__task=task, kind__in=TIMED).order_by()
    found = (earlier_board(task, name) for name in set(classes.values_list("hardware_class", flat=True)))
    boards = (pair[1] for pair in found if pair is not None)
    return {entry.verdict.job.patch_set_id for earlier in boards for entry in earlier.entries}


def advance(rejudge: Rejudge) -> bool:
    """Queue the jobs that a set lacks; when all have ended it is to be decided. True if anything moved."""
    queued = [_run_beside(rejudge, item) for item in rejudge.items.filter(job=None)]
    ended = all(item.job is not None and item.job.ended_at for item in rejudge.items.select_related("job"))
    return (ended and rulings.make_ready(rejudge)) or any(queued)


def _run_beside(rejudge: Rejudge, item: RejudgeItem) -> bool:
    old = item.old.job
    with transaction.atomic():
        row = Rejudge.objects.select_for_update(no_key=True).get(pk=rejudge.pk)
        pulls.locked(old.patch_set.pull)
        work: dict[str, Any] = {
            "patch_set": old.patch_set,
            "revision": row.revision,
            "kind": old.kind,
            "hardware_class": old.hardware_class,
        }
        item.refresh_from_db()
        busy = Job.objects.filter(**work, state__in=Job.moves.live).exists()
        if busy or item.job_id is not None or row.state != Rejudge.State.RUNNING:
            return False
        rulings.link(item, bench.queue_job(**work, priority=Job.Priority.HOUSE))
    return True


def trial_ended(job: Job) -> bool:
    """Of a trial nothing follows but that its set moves on; False for other jobs."""
    if not ruling_facts.is_trial(job):
        return False
    advance(job.rejudged.rejudge)
    return True


# 4. A maintainer has looked at old and new: one step, for all of the set.


def apply(rejudge: Rejudge, by: User, decision: str, changes: int) -> list[RejudgeItem]:
    """Let the new verdicts count (see `rulings.apply`); the stage follows by itself."""
    with transaction.atomic():
        items = rulings.apply(rejudge, by, decision, changes)
        judged = (job for item in items for job in (item.old.job, item.job) if job is not None)
        boards.refresh({job.revision_id for job in judged})
        for name in sorted({item.old.job.hardware_class for item in items}):
            confirm_podium(rejudge.task, name)
    return items


def discard(rejudge: Rejudge, by: User, decision: str) -> None:
    """Leave the old verdicts as they are and stop what still runs."""
    with transaction.atomic():
        for job in rulings.discard(rejudge, by, decision):
            bench.cancel_job(job, "its re-judge set was discarded")
