"""`make demo`: the path from a claim to the reward, walked in the terminal against the running site.

Writes go through the site's own forms and through git, as a person's would; what happens is read from the
database and printed. Four submissions are pushed: an honest fast one, a wrong one, one that does not build
and one that cheats. The walk succeeds only if every verdict is what the task's examples are labelled with.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench_runner.contract import JobKind
from hub.accounts.models import User
from hub.bench.models import Attempt, Job, Verdict
from hub.boards.stored import boards_of
from hub.catalog.models import Task
from hub.catalog.queries import files_of, spec_of
from hub.claims.queries import live_claim
from hub.demo.people import PEOPLE
from hub.demo.visitor import Visitor
from hub.pulls.models import PullRequest
from hub.rewards.queries import points_of
from tasks.spec import Example

T = TypeVar("T")

TASK = "row-softmax"
# Honest and fast; wrong; does not build; cheats.
EXAMPLES = ("accept-simd-exp", "reject-no-max", "reject-no-build", "reject-late-thread")
WAIT_SECONDS = 300  # for one job, the queue included
POLL_SECONDS = 0.2
SETTLED = {Job.State.FINISHED, Job.State.ABANDONED, Job.State.CANCELLED}


class WalkFailed(Exception):
    """The path broke off, or a verdict was not the expected one."""


@dataclass
class Walk:
    """One walk over the hub at `site`. `say` prints a line."""

    site: str
    say: Callable[[str], None]
    stamp: str = field(default_factory=lambda: time.strftime("%m%d-%H%M%S"))
    unexpected: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Walk the whole path.

        Raises:
            WalkFailed: with one sentence for each thing that was not as expected.
        """
        task = Task.objects.get(slug=TASK)
        alice, bob, mentor = (self._visitor(name) for name in ("alice", "bob", "mentor"))
        honest, wrong, broken, cheat = self._cast_examples(task)
        with tempfile.TemporaryDirectory(prefix="touchstone-demo-") as folder:
            pull = self._contribute(task, alice, honest, "fast", Path(folder))
            for example, topic in ((wrong, "wrong"), (broken, "broken"), (cheat, "cheat")):
                self._contribute(task, bob, example, topic, Path(folder))
        self._review_and_merge(pull, alice, mentor)
        self._show_board(task)
        if self.unexpected:
            raise WalkFailed("\n".join(self.unexpected))

    def _visitor(self, username: str) -> Visitor:
        person = next(person for person in PEOPLE if person.username == username)
        visitor = Visitor(self.site, username, person.password)
        visitor.log_in()
        if not person.rights:
            visitor.make_token(f"demo {self.stamp}")
        self.say(f"✓ {username} ({person.role}) logged in at {self.site}")
        return visitor

    @staticmethod
    def _cast_examples(task: Task) -> list[Example]:
        named = {example.name: example for example in spec_of(task.current).examples}
        return [named[name] for name in EXAMPLES]

    def _contribute(
        self, task: Task, who: Visitor, example: Example, topic: str, folder: Path
    ) -> PullRequest:
        """Claim if needed, clone, commit the example, push, follow the judge, compare the verdict."""
        user = User.objects.get(username=who.username)
        self.say(f"\n── {who.username}: {example.about.en}")
        if live_claim(task, user) is None:
            who.submit(f"/tasks/{task.slug}/claim/")
            self.say(f"✓ claimed {task.slug}")
        branch = f"{topic}-{self.stamp}"
        self._push(task, who, example, branch, folder / branch)
        pull = self._wait(
            lambda: PullRequest.objects.filter(task=task, author=user, topic=branch).first(),
            f"the pull request of {who.username}/{branch}",
        )
        verdict = self._follow(pull, JobKind.CHECK)
        self._expect(example, verdict)
        if verdict.outcome == "passed":
            self._follow(pull, JobKind.RANK)
        return pull

    def _push(self, task: Task, who: Visitor, example: Example, branch: str, work: Path) -> None:
        work.mkdir()
        clone = who.git("clone", "-q", f"{self.site}/git/{task.slug}.git", "work", folder=work)
        if clone.returncode:
            raise WalkFailed(f"git clone failed:\n{clone.stderr}")
        own = work / "work" / "solutions" / who.username
        own.mkdir(parents=True, exist_ok=True)
        for old in own.iterdir():
            old.unlink()
        for name, content in example.files_of(files_of(task.current)).items():
            (own / name).write_bytes(content)
        # The stamp makes this walk's commit differ from an earlier walk's merged one.
        (own / "NOTES.md").write_text(f"Demo of {self.stamp}\n")
        who.git("add", "-A", folder=work / "work")
        who.git("commit", "-q", "-m", example.about.en, folder=work / "work")
        command = f"git push origin HEAD:{who.username}/{branch}"
        self.say(f"$ {command}")
        pushed = who.git(*command.split()[1:], folder=work / "work")
        for line in pushed.stderr.splitlines():
            if line.startswith("remote:") and line.strip() != "remote:":
                self.say(f"  {line}")
        if pushed.returncode:
            raise WalkFailed(f"{command} was refused:\n{pushed.stderr}")

    def _follow(self, pull: PullRequest, kind: str) -> Verdict:
        """Print what the judge does until the job of this kind has its verdict."""
        started = time.monotonic()
        job = self._wait(
            lambda: Job.objects.filter(patch_set__pull=pull, kind=kind).order_by("-queued_at").first(),
            f"a {kind} job for {pull}; is the day's quota used up? See {self.site}/pulls/{pull.pk}/",
        )
        seen = ""
        while job.state not in SETTLED:
            where = self._where(job)
            if where != seen:
                self.say(f"  {kind}: {where}")
                seen = where
            if time.monotonic() - started > WAIT_SECONDS:
                raise WalkFailed(f"{kind} of {pull} is still {job.state} after {WAIT_SECONDS} s")
            time.sleep(POLL_SECONDS)
            job.refresh_from_db()
        if job.state != Job.State.FINISHED:
            raise WalkFailed(f"{kind} of {pull} was {job.state}: see {self.site}/pulls/{pull.pk}/")
        verdict = job.verdict
        figures = ""
        if verdict.ratio is not None:
            figures = f", {verdict.ratio:.2f}× the baseline [{verdict.low:.2f}, {verdict.high:.2f}]"
        self.say(
            f"  {kind}: {verdict.outcome} ({verdict.reason}){figures} in {time.monotonic() - started:.1f} s"
        )
        return verdict

    @staticmethod
    def _where(job: Job) -> str:
        attempt = Attempt.objects.filter(job=job, state=Attempt.State.OPEN).first()
        if attempt is None:
            return str(job.state)
        line = attempt.progress.exclude(total=0).last()
        steps = f" {line.done}/{line.total}" if line and line.phase == attempt.phase else ""
        return f"{attempt.phase}{steps}"

    def _expect(self, example: Example, verdict: Verdict) -> None:
        if verdict.outcome == example.verdict:
            self.say(f"✓ as expected: {verdict.outcome}")
            return
        self.unexpected.append(f"{example.name}: expected {example.verdict}, got {verdict.outcome}")
        self.say(f"✗ expected {example.verdict}")

    def _review_and_merge(self, pull: PullRequest, author: Visitor, mentor: Visitor) -> None:
        self.say(f"\n── {mentor.username} reviews pull request {pull}")
        before = points_of(pull.author)
        mentor.submit(
            f"/pulls/{pull.pk}/review/", patch_set="1", kind="approve", body="Clear and fast. Thank you!"
        )
        self.say("✓ approved")
        mentor.submit(f"/pulls/{pull.pk}/merge/", why="The walk merges whatever the machine measures.")
        self.say("✓ merge asked for: the merge commit itself is judged first")
        self._follow(pull, JobKind.MERGE)
        self._wait(lambda: self._is_merged(pull), f"{pull} to land on main")
        self.say(f"✓ merged as {pull.merged_sha[:12]}")
        after = points_of(pull.author)
        paid = "" if after > before else " (a task pays each person once)"
        self.say(f"✓ {author.username}: {before} → {after} points{paid}")

    @staticmethod
    def _is_merged(pull: PullRequest) -> bool:
        pull.refresh_from_db()
        return pull.state == PullRequest.State.MERGED

    def _show_board(self, task: Task) -> None:
        for board in boards_of(task):
            self.say(f"\n── Board: {task.slug} on {board.hardware_class}")
            for place, entry in enumerate(board.entries):
                if place == board.baseline_after:
                    self._show_baseline()
                rank = f"{entry.rank}{'=' if entry.tied else ''}"
                mark = "confirmed" if entry.confirmed else "awaiting confirmation"
                self.say(
                    f"{rank:>4}  {entry.user.username:<14} {entry.ratio:8.2f}×  "
                    f"[{entry.low:.2f}, {entry.high:.2f}]  {mark}"
                )
            if board.baseline_after == len(board.entries):
                self._show_baseline()
            self.say(f"{self.site}/boards/{task.slug}/{board.hardware_class}/")

    def _show_baseline(self) -> None:
        self.say(f"{'–':>4}  {'baseline':<14} {1:8.2f}×")

    @staticmethod
    def _wait(look: Callable[[], T | None], what: str) -> T:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(POLL_SECONDS)
        raise WalkFailed(f"Waited {WAIT_SECONDS} s for {what}")
