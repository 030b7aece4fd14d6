"""Years of work: claims, pull requests, patch sets, jobs, verdicts, reviews, merges, points, discussion.

Not in charge of what a verdict says (`verdicts.py`) nor of who is there (`cast.py`).

Theory of operation
- A few people do most of the work and a few tasks get most of it: both are drawn by weights that fall slowly.
- Pull requests come one after the other in time, more of them towards the end. Each goes its way until it is
  merged, closed or left open by the end of time; each push is better than the last.
- The number of verdicts is exact: the way of the last pull request ends where they are used up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from uuid import UUID

from bench_runner.contract import JobKind
from hub.bench.models import Attempt, Job
from hub.claims.models import Claim
from hub.demo.crowd import words
from hub.demo.crowd.cast import Machine, Made, Member
from hub.demo.crowd.rows import BATCH, write
from hub.demo.crowd.tables import Tables
from hub.demo.crowd.verdicts import Judge, Said
from hub.pulls.models import MergeAttempt, PullRequest, Review
from hub.rewards.models import Reward

YEARS = timedelta(days=700)
FEWEST_LEFT = timedelta(days=14)  # a pull request with nothing new for so long is closed
REVIEW_POINTS = 5
SECONDS = '{"build": 0.41, "check": 0.9, "time": 8.7}'


@dataclass
class Way:
    """Where one pull request has come to."""

    key: int
    task: Made
    author: Member
    at: datetime
    skill: float  # the ratio that its author comes to in the end, as a logarithm
    hardware: str
    patch_set: int = 0
    merged_sha: str = ""
    state: str = PullRequest.State.OPEN
    ended: datetime | None = None


class Work(Tables):
    def __init__(
        self, members: list[Member], tasks: list[Made], machines: list[Machine], rng: Random, until: datetime
    ) -> None:
        super().__init__()
        self.rng, self.until, self.judge = rng, until, Judge(rng)
        self.members, self.tasks = members, tasks
        self.by_class: dict[str, list[Machine]] = defaultdict(list)
        for machine in machines:
            self.by_class[machine.hardware_class].append(machine)
        self._busy = list(accumulate((rng.random() + 0.001) ** -0.7 for _ in members))
        self._asked = list(accumulate((place + 10) ** -0.8 for place in range(len(tasks))))
        self._taken: set[tuple[int, int]] = set()
        self._slots: dict[int, int] = defaultdict(int)

    def make(self, verdicts: int, progress: Callable[[int], None]) -> None:
        """All of it, written batch by batch; the last one is left in the tables."""
        self._left = verdicts
        while self._left:
            self._pull(self._when(1 - self._left / verdicts))
            if len(self.verdict.rows) >= BATCH:
                write(self.tables)
                progress(verdicts - self._left)
        self._discussion()

    def _when(self, done: float) -> datetime:
        return self.until - YEARS * (1 - done**0.7) - timedelta(seconds=self.rng.random() * 3600)

    # One pull request

    def _pull(self, at: datetime) -> None:
        task, author = self._pair()
        way = Way(
            self.pull.last + 1,
            task,
            author,
            at,
            skill=self.rng.gauss(0.15 * task.level, 0.45),
            hardware=task.hardware[0] if self.rng.random() < 0.7 else self.rng.choice(task.hardware),
        )
        title = self.rng.choice(words.SUBJECTS)
        place = len(self.pull.rows)
        self.pull.add(task.key, author.key, self.rng.choice(words.TOPICS), title, at, "", None, "")
        for number in range(1, 1 + min(9, 1 + int(self.rng.expovariate(0.8)))):
            way.at += timedelta(hours=self.rng.expovariate(1 / 20) if number > 1 else 0)
            if way.at > self.until or not self._left:
                break
            if self._patch_set(way, number, title) and self._reviewed(way):
                break
        if way.state == PullRequest.State.OPEN and way.at < self.until - FEWEST_LEFT:
            way.state, way.ended = PullRequest.State.CLOSED, way.at + timedelta(days=10)
        self.pull.change(place, state=way.state, ended_at=way.ended, merged_sha=way.merged_sha)
        self._claim(way, at)

    def _pair(self) -> tuple[Made, Member]:
        """Somebody and a task that is new to them."""
        while True:
            task = self.rng.choices(self.tasks, cum_weights=self._asked)[0]
            author = self.rng.choices(self.members, cum_weights=self._busy)[0]
            if (task.key, author.key) not in self._taken and author.key not in task.mentors:
                self._taken.add((task.key, author.key))
                return task, author

    def _patch_set(self, way: Way, number: int, title: str) -> bool:
        """One push and what the judge says of it; whether all passed."""
        subject = title if number == 1 else self.rng.choice(words.SUBJECTS)
        way.patch_set = self.patch.add(
            way.key, number, self._sha(160), self._sha(160), way.task.revision, subject, way.at
        )
        artefact = self._sha(256)
        if self.rng.random() > 0.45 + 0.12 * number:
            self._verdict(way, JobKind.CHECK, self.judge.wrong(way.task), "")
            return False
        self._verdict(way, JobKind.CHECK, self.judge.right(way.task), artefact)
        ratio = 2.718 ** (way.skill * (1 - 0.6**number) + self.rng.gauss(0, 0.05))
        self._timing(way, JobKind.RANK, ratio, artefact)
        if self.rng.random() < 0.25:
            self._timing(way, JobKind.CONFIRM, ratio, artefact)
        return True

    def _reviewed(self, way: Way) -> bool:
        """A mentor looks at it; whether that was the end of it."""
        way.at += timedelta(hours=self.rng.expovariate(1 / 30))
        if way.at > self.until or not way.task.mentors or not self._left:
            return False
        mentor = self.rng.choice(way.task.mentors)
        if self.rng.random() < 0.35:
            self.review.add(
                way.patch_set, mentor, Review.Kind.CHANGES, self.rng.choice(words.CHANGES), way.at
            )
            return False
        self.review.add(way.patch_set, mentor, Review.Kind.APPROVE, self.rng.choice(words.APPROVALS), way.at)
        if self.rng.random() < 0.2:
            return True
        way.merged_sha = self._sha(160)
        attempt = self.merge.add(
            way.patch_set, mentor, MergeAttempt.State.LANDED, self._sha(160), way.merged_sha, way.at, way.at
        )
        self._verdict(way, JobKind.MERGE, self.judge.right(way.task), self._sha(256), merge=attempt)
        way.state, way.ended = PullRequest.State.MERGED, way.at
        self._pay(way, mentor)
        return True

    def _pay(self, way: Way, mentor: int) -> None:
        author, task = way.author, way.task
        self.reward.add(
            author.key,
            Reward.Kind.MERGE,
            task.points,
            way.key,
            f"merge:demo-{task.key}:{author.username}",
            way.at,
        )
        self.reward.add(
            mentor, Reward.Kind.REVIEW, REVIEW_POINTS, way.key, f"review:{way.key}:demo-{mentor}", way.at
        )

    def _claim(self, way: Way, since: datetime) -> None:
        task, live = way.task, way.state == PullRequest.State.OPEN
        slot = None
        if task.policy != "open":
            if live and self._slots[task.key] >= task.slots:
                live = False
            if live:
                self._slots[task.key] += 1
            slot = self._slots[task.key] if live else 1
        merged = way.state == PullRequest.State.MERGED
        state = Claim.State.ACTIVE if live else Claim.State.FULFILLED if merged else Claim.State.RELEASED
        proposal = self.rng.choice(words.PROPOSALS) if task.policy == "proposal" else ""
        begun = since - timedelta(days=2)
        self.claim.add(
            task.key,
            way.author.key,
            state,
            slot,
            proposal,
            begun,
            begun,
            way.at,
            since,
            None if live else way.at,
        )

    # The judge

    def _timing(self, way: Way, kind: str, ratio: float, artefact: str) -> None:
        if not self._left:
            return
        timed = self.judge.timed(ratio)
        verdict = self._verdict(way, kind, self.judge.measured(), artefact)
        self.verdict.change(
            -1, ratio=timed.ratio, low=timed.low, high=timed.high, speed=timed.speed, stopped="narrow"
        )
        for place, case in enumerate(way.task.ranks):
            one = self.judge.timed(ratio)
            baseline = 1e-3 * (1 + place)
            self.measurement.add(
                verdict,
                case,
                one.ratio,
                one.low,
                one.high,
                one.speed,
                baseline,
                baseline / one.ratio,
                min(96.0, 30 * one.ratio),
                16,
                self.judge.samples(baseline, baseline / one.ratio),
            )

    def _verdict(self, way: Way, kind: str, said: Said, artefact: str, merge: int | None = None) -> int:
        rng, self._left = self.rng, self._left - 1
        way.at += timedelta(seconds=30 + 90 * rng.random())
        queued, started = way.at - timedelta(seconds=20), way.at - timedelta(seconds=12)
        machine = rng.choice(self.by_class[way.hardware])
        job, attempt = (UUID(int=rng.getrandbits(128), version=4) for _ in range(2))
        self.job.add(
            job,
            way.patch_set,
            way.task.revision,
            merge,
            kind,
            way.hardware,
            Job.Priority.MERGE
            if merge
            else Job.Priority.CHECK
            if kind == JobKind.CHECK
            else Job.Priority.RANK,
            Job.State.FINISHED,
            queued,
            way.at,
            way.at,
        )
        self.attempt.add(
            attempt,
            job,
            machine.key,
            1,
            Attempt.State.DELIVERED,
            self._sha(256),
            started,
            way.at,
            way.at + timedelta(minutes=10),
            way.at,
            "timing" if artefact else "checking",
        )
        return int(
            self.verdict.add(
                job,
                attempt,
                said.outcome,
                said.reason,
                said.args,
                said.cases,
                None,
                None,
                None,
                "",
                "",
                machine.environment,
                said.log,
                SECONDS,
                artefact,
                way.at,
            )
        )

    def _sha(self, bits: int) -> str:
        return f"{self.rng.getrandbits(bits):0{bits // 4}x}"

    # What is said

    def _discussion(self) -> None:
        """Threads on tasks, most on those that most people work on."""
        for task in self._talked_about():
            at = self.until - YEARS * self.rng.random()
            begun = self._say(task, None, at)
            for _ in range(int(self.rng.expovariate(0.7))):
                at += timedelta(hours=self.rng.expovariate(1 / 12))
                self._say(task, begun, min(at, self.until))

    def _talked_about(self) -> Iterator[Made]:
        return iter(self.rng.choices(self.tasks, cum_weights=self._asked, k=len(self.tasks) * 4))

    def _say(self, task: Made, thread: int | None, at: datetime) -> int:
        author = self.rng.choices(self.members, cum_weights=self._busy)[0]
        return int(self.post.add(task.key, author.key, thread, self.rng.choice(words.POSTS), at))
