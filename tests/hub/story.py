"""Drives the story without HTTP: real repositories, pushes by plumbing, a worker that says what it is told.

Not in charge of people (`tests/people.py`) nor of real workers (`tests/whole.py`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bench_runner.contract import (
    CaseResult,
    Hello,
    JobSpec,
    Measurement,
    Outcome,
    ProgressEvent,
    Result,
    Speed,
    Summary,
)
from hub import flow
from hub.accounts.models import User
from hub.bench import actions as bench
from hub.bench.models import Attempt, Job, Verdict, Worker
from hub.boards.queries import board
from hub.catalog.actions import publish
from hub.catalog.models import Task
from hub.catalog.queries import files_of
from hub.core import clock
from hub.core.refs import MAIN
from hub.pulls import actions as pulls
from hub.pulls.models import MergeAttempt, PatchSet, PullRequest
from hub.repos import git

HARDWARE = "cpu-x86-avx2"
SOLUTION = "solution.c"


def hello(hardware_class: str = HARDWARE, **columns: Any) -> Hello:
    return Hello(
        **{"name": "w", "hardware_class": hardware_class, "fingerprint": {}, "sandboxed": True} | columns
    )


def result(outcome: str = "passed", ratio: float | None = None, **columns: Any) -> Result:
    """A result; with a ratio, that of a timing."""
    timed: dict[str, Any] = {}
    if ratio is not None:
        around = {"ratio": ratio, "low": ratio * 0.98, "high": ratio * 1.02, "speed": Speed.FASTER}
        timed["summary"] = Summary(**around, stopped="narrow")
        timed["measurements"] = [
            Measurement(
                **around,
                case="wide",
                baseline_seconds=1e-3 * ratio,
                candidate_seconds=1e-3,
                roofline_percent=40.0,
                calls_per_sample=10,
                pairs=[{"baseline": [1e-3 * ratio], "candidate": [1e-3]}],
            )
        ]
    cases = [CaseResult("tiny", outcome == "passed")]
    return Result(**{"outcome": Outcome(outcome), "reason": outcome, "cases": cases} | timed | columns)


def event(seq: int, text: str = "", **columns: Any) -> ProgressEvent:
    return ProgressEvent(**{"seq": seq, "at": time.time(), "phase": "building", "text": text} | columns)


@dataclass
class Story:
    """One task with its repository, and a worker."""

    task: Task
    workers: dict[str, Worker] = field(default_factory=dict)
    pushes: int = 0

    def worker(self, hardware_class: str = HARDWARE, name: str = "") -> Worker:
        """A worker of that class that has said hello."""
        name = name or hardware_class
        if name not in self.workers:
            bench.register_worker(name)
            self.workers[name] = Worker.objects.get(name=name)
            flow.worker_reported(self.workers[name], hello(hardware_class))
        return self.workers[name]

    def idle_worker(self, hardware_class: str) -> Worker:
        """One that runs nothing; asking for a job gives up what a worker is at."""
        own = [worker for worker in self.workers.values() if worker.hardware_class == hardware_class]
        idle = [worker for worker in own if not worker.attempts.filter(state=Attempt.State.OPEN).exists()]
        return idle[0] if idle else self.worker(hardware_class, f"{hardware_class}-{len(own)}")

    def commit(
        self, who: User, topic: str = "fast", files: dict[str, bytes] | None = None, subject: str = ""
    ) -> str:
        """Put a commit on a branch as a push would, without telling the hub."""
        self.pushes += 1
        content = files or {SOLUTION: f"// version {self.pushes}\n".encode()}
        ref = f"refs/heads/{who.username}/{topic}"
        branches = git.branches(self.task.slug)
        return git.commit_files(
            self.task.slug,
            ref,
            {f"solutions/{who.username}/{name}": data for name, data in content.items()},
            author=who,
            message=subject or f"Version {self.pushes}",
            parent=branches.get(ref, branches[MAIN]),
        )

    def push(self, who: User, topic: str = "fast", **commit: Any) -> PatchSet:
        sha = self.commit(who, topic, **commit)
        flow.branches_moved(self.task.repository)
        return PatchSet.objects.get(pull__author=who, pull__topic=topic, head_sha=sha)

    def live(self, **filters: Any) -> list[Job]:
        return list(Job.objects.filter(state__in=Job.moves.live, **filters).order_by("queued_at"))

    def claim(self, job: Job) -> JobSpec:
        """A worker gets this very job, whatever is due before it."""
        queued = Job.objects.filter(state=Job.State.QUEUED, hardware_class=job.hardware_class)
        others = dict(queued.exclude(pk=job.pk).values_list("pk", "not_before"))
        queued.filter(pk__in=others).update(not_before=clock.now() + timedelta(hours=1))
        Job.objects.filter(pk=job.pk).update(not_before=None)
        spec = bench.claim_job(job.pk, self.idle_worker(job.hardware_class))
        for pk, not_before in others.items():
            Job.objects.filter(pk=pk).update(not_before=not_before)
        assert spec is not None, f"{job.kind} job was not to be had"
        return spec

    def run(self, job: Job, outcome: str = "passed", ratio: float = 1.5, **columns: Any) -> Verdict:
        """A worker claims the job and delivers."""
        spec = self.claim(job)
        timed = job.kind in ("rank", "confirm") and outcome == "passed"
        verdict = flow.result_arrived(
            attempt_id(spec), spec.token, result(outcome, ratio if timed else None, **columns)
        )
        assert verdict is not None
        return verdict

    def run_all(self, ratio: float = 1.5) -> None:
        """Everything passes until nothing is queued."""
        while job := Job.objects.filter(state=Job.State.QUEUED).order_by("priority", "queued_at").first():
            self.run(job, ratio=ratio)

    def approved(self, who: User, by: User, topic: str = "fast") -> PullRequest:
        """A pull request whose current patch set passed and is approved."""
        self.worker()
        patch_set = self.push(who, topic)
        self.run_all()
        pulls.review(patch_set, by, "approve", "Good.")
        return patch_set.pull

    def merged(self, who: User, by: User, merger: User, topic: str = "fast") -> MergeAttempt:
        attempt = flow.merge(self.approved(who, by, topic), merger)
        self.run_all()
        attempt.refresh_from_db()
        return attempt

    def new_rules(self) -> None:
        """The task's tolerance changes."""
        files = dict(files_of(self.task.current))
        files["task.toml"] = files["task.toml"].replace(b"[tolerance", b"# stricter\n[tolerance", 1)
        old = self.task.current
        publish(self.task.slug, files)
        self.task.refresh_from_db()
        assert self.task.current != old


def attempt_id(spec: JobSpec) -> Any:
    return Attempt.objects.get(pk=spec.attempt).pk


def with_token(spec: JobSpec, token: str) -> JobSpec:
    return replace(spec, token=token)


def places(story: Story) -> list[tuple[int, str, float]]:
    return [(line.rank, line.user.username, line.ratio) for line in board(story.task, HARDWARE).entries]


def suspicious(story: Story, who: User, ratio: float = 9.0) -> Verdict:
    """A timing that is faster than the machine allows, with its number."""
    story.push(who)
    story.run(story.live(kind="check")[0])
    summary = result(ratio=ratio).summary
    return story.run(story.live(kind="rank")[0], "suspicious", reason="faster_than_possible", summary=summary)
