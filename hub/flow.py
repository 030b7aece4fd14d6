"""The story, top to bottom: push → patch set → check → timing → verdict → review → merge → points.

Not in charge of any rule of one app (`actions.py` and `queries.py` of each), nor of pages and JSON.

Theory of operation.
Each step that touches more than one app is a line here; no app calls another one upwards, and there are no
signals. What holds everywhere:

1. Every function may be called again, at any time, by anybody: it looks at facts, does what is missing, and a
   named constraint or a compare-and-swap decides races. So a process may die between any two lines.
2. The sweeper (`jobs.py`, every 30 s and once at start) calls them again for everything that should exist and
   does not: whatever state a row can be left in, one of its rules looks after it.
3. git is outside the database: it is read before a transaction and moved (`main`) between two.
4. Wake-ups are sent after the commit and carry no right; losing one costs time, never a job.

    push ──► patch set ──► check ──passed──► rank on each hardware class ──podium──► confirm
                │                │  (an exercise ends here: its lesson is done)              │
                └ older jobs     └──► review ──approved──► merge commit ──► merge job ──passed──► main moves,
                  cancelled                                                              points are booked
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from bench_runner.contract import Bundle, Hello, JobKind, Outcome, Result
from hub import honours, rejudging, studying, telling
from hub.accounts.models import User
from hub.bench import actions as bench
from hub.bench import queries as bench_facts
from hub.bench import queue, quotas
from hub.bench.models import Job, Verdict, Worker
from hub.boards import goals
from hub.boards import stored as boards
from hub.catalog.actions import publish
from hub.catalog.models import Task, TaskRevision
from hub.catalog.queries import spec_of
from hub.catalog.repository import first_tree
from hub.claims import actions as claims
from hub.community import sigs
from hub.core.errors import NotAllowed, NotNow
from hub.core.guard import each, guarded
from hub.core.refs import branch_of
from hub.pulls import actions as pulls
from hub.pulls import queries as pull_facts
from hub.pulls.models import MergeAttempt, PatchSet, PullRequest, Review
from hub.repos import git
from hub.repos.access import allowed_for, outside
from hub.repos.actions import note_pushes, open_repository
from hub.repos.models import Repository
from hub.rulings import actions as rulings
from hub.rulings.models import Ruling

TRIES = 3  # of taking in a branch that somebody else is taking in as well


# 1. A task is published, and has a repository.


def publish_task(slug: str, files: Bundle, by: User | None = None) -> TaskRevision:
    """Make `files` the current revision of a task; `main` gets its README and starters, its SIG a page."""
    revision = publish(slug, files, by)
    spec = spec_of(revision)
    tree = first_tree(spec, files, settings.SITE_URL)
    open_repository(revision.task, tree, f"Start of {spec.title.en}\n\nRevision {revision.digest[:12]}\n")
    sigs.ensure(revision.task.sig)
    return revision


# 2. Somebody pushes: each branch that moved becomes a patch set of its pull request.


def branches_moved(repository: Repository) -> list[PatchSet]:
    """Take in what git has and the hub has not; the new patch sets.

    The known heads are read before the branches: if others take in at the same time, an old look at a branch
    meets a patch set number that is taken, and looks again.
    """
    note_pushes(repository)
    task = repository.task
    added: list[PatchSet] = []
    for _try in range(TRIES):
        known = pull_facts.heads(task)
        moved = _moved_branches(task, known)
        taken_in = [
            guarded(partial(_take_in, task, who, sha, known.get(who)), f"{task.slug} {who} {sha}")
            for who, sha in moved.items()
        ]
        added += [patch_set for patch_set in taken_in if patch_set is not None]
        if all(taken_in):
            break
    return added


def _moved_branches(task: Task, known: dict[tuple[str, str], PatchSet]) -> dict[tuple[str, str], str]:
    moved = {}
    for ref, sha in git.branches(task.slug).items():
        who = branch_of(ref)
        if who is None:
            continue
        last = known.get(who)
        if last is None or (last.head_sha != sha and last.pull.state == PullRequest.State.OPEN):
            moved[who] = sha
    names = User.objects.filter(username__in={username for username, _topic in moved})
    people = set(names.values_list("username", flat=True))
    return {who: sha for who, sha in moved.items() if who[0] in people}


def _take_in(task: Task, who: tuple[str, str], sha: str, last: PatchSet | None) -> PatchSet | None:
    """One branch; None if somebody else was taking it in."""
    username, topic = who
    author = User.objects.get(username=username)
    main = git.main_sha(task.slug)
    base = git.merge_base(task.slug, main, sha) or main
    subjects = [line.subject for line in git.commits(task.slug, base, sha)] or [""]
    device = bench_facts.device_of_push(task, username, base, sha)
    with transaction.atomic():
        pull = last.pull if last else pulls.open_pull(task, author, topic, title=subjects[-1])
        number = last.number + 1 if last else 1
        patch_set = pulls.add_patch_set(
            pull, number=number, head_sha=sha, base_sha=base, subject=subjects[0], device=device
        )
        if patch_set is None:
            return None
        claims.note_activity(task, author, pushed=True)
        supersede_older(patch_set)
        judge(patch_set)
    return patch_set


def supersede_older(patch_set: PatchSet) -> None:
    """A new push leaves behind what older patch sets were about: jobs, merges (and, by itself, approvals)."""
    pulls.outdate_merges(patch_set)
    own = bench_facts.dispensable().filter(patch_set__pull=patch_set.pull_id)
    for job in own.filter(patch_set__number__lt=patch_set.number):
        bench.cancel_job(job, f"patch set {patch_set.number} was pushed")


# 3. The judge gets it: first a check on one hardware class, then, if it passed, timing on each.


def judge(patch_set: PatchSet) -> list[Job]:
    """Queue what this patch set lacks, as far as workers and quotas are there; the new jobs."""
    with transaction.atomic():
        pull = pulls.locked(patch_set.pull)  # two who derive the same work come one after the other …
        User.objects.select_for_update(no_key=True).get(pk=pull.author_id)  # … and so do counts of quotas
        if pull.state == PullRequest.State.CLOSED or pull_facts.current_patch_set(pull) != patch_set:
            return []
        return [
            bench.queue_job(patch_set, kind, name)
            for kind, name in _lacking(pull, patch_set)
            if quotas.quota(pull.task, pull.author, kind, name).left
        ]


def _lacking(pull: PullRequest, patch_set: PatchSet) -> list[tuple[JobKind, str]]:
    """Kind and hardware class of the jobs that should be there and are not."""
    if not bench_facts.has_run(patch_set, JobKind.CHECK):
        chosen = bench_facts.check_class(pull.task, patch_set.device)
        return [(JobKind.CHECK, chosen)] if chosen and pull.state == PullRequest.State.OPEN else []
    timed = bench_facts.timed_classes(patch_set) if bench_facts.passed_check(patch_set) else []
    return [(JobKind.RANK, name) for name in timed if not bench_facts.has_run(patch_set, JobKind.RANK, name)]


def worker_reported(worker: Worker, hello: Hello) -> list[queue.Waiting]:
    """A worker says hello; what waits for it now. The first of its hardware class brings work with it."""
    if bench.hello(worker, hello):
        each(bench_facts.unjudged_patch_sets(), judge)
        each(pull_facts.merges_without_job(), judge_merge)
    return queue.due(worker.hardware_class)


# 4. A worker claims the job, reports progress, and delivers a verdict — or our machine fails.


def result_arrived(attempt_id: UUID, token: str, result: Result) -> Verdict | None:
    """Take a result and do what follows from it; None if it came too late."""
    verdict = bench.deliver(attempt_id, token, result)
    if verdict is not None:
        each([verdict.job], job_ended)  # a failure here is not the worker's: the sweeper tries it again
    return verdict


def attempt_failed(attempt_id: UUID, token: str, what: str) -> bool:
    """Our machine failed; False if that came too late. The job is queued again, or abandoned."""
    job = bench.fault(attempt_id, token, what)
    if job is not None and job.state == Job.State.ABANDONED:
        each([job], job_ended)
    return job is not None


def job_ended(job: Job) -> None:
    """Draw what follows from a job that ended: finished, abandoned or cancelled."""
    passed = job.state == Job.State.FINISHED and job.verdict.outcome == Outcome.PASSED
    pull = job.patch_set.pull
    if rejudging.trial_ended(job):
        bench.settle(job)
        return
    held = False
    if job.kind == JobKind.CHECK:
        claims.note_activity(pull.task, pull.author)  # it is the contributor's turn from now on, not before
    if job.kind == JobKind.CHECK and passed:
        held = rejudging.hold_if_alike(job)
        judge(job.patch_set)
    elif job.kind in (JobKind.RANK, JobKind.CONFIRM):
        rejudging.confirm_podium(pull.task, job.hardware_class)
        honours.timed(job)
    elif job.kind == JobKind.MERGE:
        merge_judged(job)
    if held or boards.may_move(job):
        boards.refresh([job.revision_id])
    if studying.judged(pull):
        honours.award(pull.author)
    telling.job_ended(job)
    bench.settle(job)


# 5. A maintainer decides about what is held back. Second looks of other kinds: `rejudging.py`.


def rule(verdict: Verdict, by: User, kind: str, reason: str) -> Ruling:
    """Clear it or uphold it (see `rulings.rule`); what was held up by it goes on."""
    with transaction.atomic():
        ruling = rulings.rule(verdict, by, kind, reason)
        judge(verdict.job.patch_set)
        boards.refresh([verdict.job.revision_id])
        rejudging.confirm_podium(verdict.job.patch_set.pull.task, verdict.job.hardware_class)
        telling.review_due(verdict.job.patch_set.pull)
    return ruling


# 6. Mentors review. They and the author may close, reopen and run again.


def review(
    patch_set: PatchSet, reviewer: User, kind: str, body: str = "", remarks: Sequence[pulls.LineComment] = ()
) -> Review:
    """Say what a mentor thinks of it (see `pulls.review`); the contributor's clock runs from there."""
    with transaction.atomic():
        given = pulls.review(patch_set, reviewer, kind, body, remarks)
        telling.reviewed(given)
    claims.note_activity(patch_set.pull.task, patch_set.pull.author)
    honours.award(reviewer)
    return given


def close(pull: PullRequest, by: User) -> None:
    """Close it and stop its jobs, but for what others wait for."""
    with transaction.atomic():
        pulls.close(pull, by)
        for job in bench_facts.dispensable().filter(patch_set__pull=pull):
            bench.cancel_job(job, "the pull request was closed")


def reopen(pull: PullRequest, by: User) -> list[Job]:
    """Open it again and judge what it lacks."""
    pulls.reopen(pull, by)
    current = pull_facts.current_patch_set(pull)
    return judge(current) if current else []


def run_again(pull: PullRequest, by: User) -> list[Job]:
    """Run again what our machines failed at; a mentor may have a failed verdict run again as well.

    Raises:
        NotAllowed: neither the author nor a mentor of the task nor a maintainer.
        NotNow: not open, or there is nothing to run again.
    """
    if not pull_facts.may_change(pull, by):
        raise NotAllowed(_("Only the author, a mentor of the task or a maintainer does that."))
    with transaction.atomic():
        pulls.locked(pull)
        facts = pull_facts.facts(pull)
        disputed = by.pk != pull.author_id and pull_facts.is_mentor_of(pull.task, by)
        again = [
            run
            for run in facts.runs
            if run.kind != JobKind.MERGE and (run.abandoned or (disputed and run.failed))
        ]
        if pull.state != PullRequest.State.OPEN or facts.patch_set is None or not again:
            raise NotNow(
                _("There is nothing to run again: no machine of ours failed at the current patch set.")
            )
        patch_set, priority = facts.patch_set, Job.Priority.MENTOR if disputed else None
        return [bench.queue_job(patch_set, run.kind, run.hardware_class, priority=priority) for run in again]


# 7. Somebody with the right to it merges: the merge commit itself is judged.


def merge(pull: PullRequest, by: User, why: str = "") -> MergeAttempt:
    """Make the merge commit and have it judged. With conflicts, the attempt that is returned says which.

    Raises:
        NotAllowed, NotNow: with the reason; `why` is missing below the speed goal. Nothing was changed.
    """
    patch_set = _may_merge(pull, by)
    slug, head, below = pull.task.slug, patch_set.head_sha, goals.accepted(patch_set, why)
    main = git.main_sha(slug)
    if git.merge_base(slug, main, head) is None:
        raise NotNow(_("The branch shares no history with main: begin it again from main."))
    tried = git.test_merge(slug, main, head)
    unmerged = tried.conflicts or _not_the_author_s(patch_set, git.changed_names(slug, main, tried.tree))
    if unmerged:
        conflict = pulls.note_conflict(patch_set, by, main_sha=main, paths=unmerged)
        telling.unmerged(conflict)
        return conflict
    subject = f"Merge {pull.author.username}/{pull.topic}: {pull.title}"
    message = f"{subject}\n\nPull request: {settings.SITE_URL}/pulls/{pull.pk}/\n"
    sha = git.commit_merge(slug, tried.tree, [main, head], message, by)
    with transaction.atomic():
        _may_merge(pulls.locked(pull), by)  # somebody may have asked for changes meanwhile
        attempt = pulls.start_merge(patch_set, by, main_sha=main, merge_sha=sha, **below)
        judge_merge(attempt)
    return attempt


def _may_merge(pull: PullRequest, by: User) -> PatchSet:
    facts = pull_facts.facts(pull)
    why = pull_facts.why_not_merge(pull, by, facts)
    if why is not None or facts.patch_set is None:
        raise (NotNow if pull_facts.is_mentor_of(pull.task, by) else NotAllowed)(why or "")
    return facts.patch_set


def _not_the_author_s(patch_set: PatchSet, changed: list[str]) -> list[str]:
    """What the merge would change beyond the author's own files.

    A push is compared with one merge base; a history that has several can undo what others merged, unseen.
    """
    pull = patch_set.pull
    rules = spec_of(pull.task.current or patch_set.revision).paths
    return outside(changed, allowed_for(pull.author.username, rules.allowed))


def judge_merge(attempt: MergeAttempt) -> Job | None:
    """Queue the job of a merge attempt that has none; None if no worker fits, or it is there."""
    with transaction.atomic():
        pull = pulls.locked(attempt.patch_set.pull)
        chosen = bench_facts.check_class(pull.task, attempt.patch_set.device)
        if chosen is None or attempt.jobs.exists():
            return None
        return bench.queue_job(attempt.patch_set, JobKind.MERGE, chosen, attempt)


def merge_judged(job: Job) -> None:
    """Land what passed; refuse what did not; a merge that nobody could judge may be tried again."""
    attempt = job.merge_attempt
    if attempt is None or attempt.state not in MergeAttempt.moves.live:
        return
    if job.state == Job.State.ABANDONED:
        pulls.end_merge(attempt, MergeAttempt.State.ABANDONED)
    elif job.state == Job.State.CANCELLED:
        pulls.end_merge(attempt, MergeAttempt.State.OUTDATED)
    elif job.verdict.outcome != Outcome.PASSED:
        pulls.end_merge(attempt, MergeAttempt.State.REFUSED)
        telling.unmerged(attempt)
    elif _still_stands(attempt) and pulls.begin_landing(attempt):
        land(attempt)
    else:
        pulls.end_merge(attempt, MergeAttempt.State.OUTDATED)


def _still_stands(attempt: MergeAttempt) -> bool:
    """Whether git has no newer push (a deleted branch is none), and no run went wrong since."""
    pull, head = attempt.patch_set.pull, attempt.patch_set.head_sha
    is_newest = git.branches(pull.task.slug).get(pull.ref, head) == head
    return is_newest and pull_facts.facts(pull).wrong is None


# 8. `main` moves, by compare-and-swap; then everything that is paid for it is booked once.


def land(attempt: MergeAttempt) -> bool:
    """Move `main` to the judged merge commit, unless it moved meanwhile.

    Whoever finds an attempt landing may do this, even two at once: whether `main` has the merge commit is
    one fact for all, and it never changes back.
    """
    pull = attempt.patch_set.pull
    slug, sha = pull.task.slug, attempt.merge_sha
    if not (_is_in_main(slug, sha) or git.move_main(slug, sha, attempt.main_sha) or _is_in_main(slug, sha)):
        pulls.end_merge(attempt, MergeAttempt.State.OUTDATED, only_from=MergeAttempt.State.LANDING)
        return False
    with transaction.atomic():
        if pulls.landed(attempt):
            honours.pay_for(pull, claims.fulfil(pull.task, pull.author))
            telling.merged(pull)
    return True


def _is_in_main(slug: str, sha: str) -> bool:
    return git.merge_base(slug, git.main_sha(slug), sha) == sha
