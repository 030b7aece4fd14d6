"""A chaos run: people push, workers judge, and one fault after the other is done to all of it.

Not in charge of the faults (`faults.py`) nor of what must hold (`checks.py`).

Theory of operation
- A seed gives the submissions and the order of the faults. They are paced by progress and not by the clock,
  so a fault meets about the same jobs on a fast machine and on a slow one; which worker is hit is drawn among
  those that are at work.
- Everybody reaches the site through one line (`wire.py`), so that it can be cut for anybody. People push
  until git says that it went well, as people do.
- Some jobs are hunted: whoever judges one is killed, each time. They must end abandoned, and nothing else may
  without three faults.
- Hub and one worker keep their data on small disks of their own, so that these can be filled.
"""

from __future__ import annotations

import contextlib
import random
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import checks
from tests.chaos.checks import Expected
from tests.chaos.faults import KINDS, Missed, Stage, children, kill
from tests.chaos.ledger import Fate, Ledger, Strike
from tests.chaos.wire import Wire
from tests.pushing import Contributor, contributors
from tests.whole import WholeHub

TASK = "tiny-add"
TASKS = Path(__file__).with_name("task")
PUSHES_EACH = 20  # as many checks as a day allows
AHEAD = 20  # pushes wait while so many jobs do
PUSH_SECONDS = 120
STRUCK_BY = 0.6  # of the jobs have ended when the last fault is done; the rest are there to be struck
TRIES = 3
HUNT_AGAIN_SECONDS = 1.2
HUNTED, ENDED = "hunted", "ended by itself, started again"  # in the ledger, beside the kinds of faults
STALL_SECONDS = 90  # without the end of one job
CODE = """#include <stdint.h>
{extra}
void tiny_add(const float *x, const float *y, float *z, int64_t n)
{{
    {body}
}}
"""
# They wait rather than work: a fault must find somebody at work, and two processors must do for four workers.
BODIES = {
    "wrong_answer": ("#include <unistd.h>", "usleep(300000);"),
    "build_failed": ("#error not yet", ""),
    "runtime_error": ("#include <stdlib.h>\n#include <unistd.h>", "usleep(300000), abort();"),
    "passed": ("", "for (int64_t i = 0; i < n; i++) z[i] = x[i] + y[i];"),
}
SLOW = ("#include <unistd.h>", "usleep(1500000);")
CANARY = re.compile(r"Task bench\.canary\[[^]]+\] succeeded in ([\d.e-]+)s")
SLOT = re.compile(r"slot-(\d+)\.lock")


@dataclass(frozen=True)
class Plan:
    jobs: int
    workers: int
    seed: int
    kinds: list[str]  # of the faults, in their order
    hunted: int
    passing: int = 0  # these are timed as well
    at_once: bool = False  # all pushes as fast as they go


@dataclass
class Outcome:
    """How a run ended."""

    ledger: Ledger
    fates: dict[str, Fate]
    problems: list[str]
    account: dict[str, object]


@dataclass
class Run:
    plan: Plan
    stage: Stage
    ledger: Ledger
    pushed: dict[str, Expected] = field(default_factory=dict)
    slots: set[int] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)
    hunted: dict[str, float] = field(default_factory=dict)  # attempts, and when their judge was killed

    def go(self, people: list[Contributor]) -> None:
        work = self._commits(people)
        watching = threading.Thread(target=self._watch, name="hunter", daemon=True)
        watching.start()
        with ThreadPoolExecutor(8 if self.plan.at_once else 3) as pool:
            pushes = [pool.submit(self._push, *item) for item in work]
            try:
                self._strike()
                for push in pushes:
                    push.result()
                self._wait_until_all_ended()
            finally:
                self.over.set()
        watching.join()

    # People

    def _commits(self, people: list[Contributor]) -> list[tuple[Contributor, str, str]]:
        """All commits, made before anything is pushed; in which order they come is drawn."""
        chance = random.Random(self.plan.seed)
        kinds = ["wrong_answer"] * self.plan.hunted + ["passed"] * self.plan.passing
        others = [kind for kind in BODIES if kind != "passed"]
        kinds += [others[number % len(others)] for number in range(self.plan.jobs - len(kinds))]
        order = list(range(self.plan.jobs))
        chance.shuffle(order)
        work = []
        for number in order:
            hunted = number < self.plan.hunted
            person, topic = people[number % len(people)], f"t{number}"
            extra, body = SLOW if hunted else BODIES[kinds[number]]
            code = CODE.format(extra=f"/* {number} */\n{extra}", body=body)
            work.append((person, topic, code, Expected(person.username, kinds[number], hunted)))
        made = []
        for person in people:
            own = [item for item in work if item[0] is person]
            shas = person.import_commits({topic: {"solution.c": code.encode()} for _, topic, code, _ in own})
            self.pushed |= {shas[topic]: expected for _, topic, _, expected in own}
            made.append(shas)
        return [(person, made[people.index(person)][topic], topic) for person, topic, _, _ in work]

    def _push(self, person: Contributor, sha: str, topic: str) -> None:
        while not self.plan.at_once and self._count("state = 'queued'") > AHEAD and not self.over.is_set():
            time.sleep(0.2)
        until = time.monotonic() + PUSH_SECONDS
        while not self.over.is_set():
            try:
                person.push(sha, topic)
                return
            except (AssertionError, subprocess.TimeoutExpired):
                if time.monotonic() > until:
                    raise
                time.sleep(0.3)

    # Faults

    def _strike(self) -> None:
        for number, kind in enumerate(self.plan.kinds):
            self._wait_for_progress(int(STRUCK_BY * self.plan.jobs * number / len(self.plan.kinds)))
            for _ in range(TRIES):
                at = time.monotonic() - self.began
                try:
                    hit = KINDS[kind](self.stage)
                except Missed as missed:
                    print(f"{at:6.1f} s  {kind}: {missed}", flush=True)
                    time.sleep(1)
                    continue
                self._struck(kind, at, hit)
                break
            else:
                self.ledger.missed.append(kind)

    def _struck(self, kind: str, at: float, attempts: list[str]) -> None:
        self.ledger.strikes.append(Strike(kind, round(at, 2), attempts))

    def _watch(self) -> None:
        """Kill whoever judges a hunted job; remember which sandbox slots the workers had."""
        while not self.over.wait(0.05):
            for name, process in list(self.stage.hub.running.items()):
                if process.poll() is not None:
                    self._start_again(name)
                elif name.startswith("worker-"):
                    self.slots |= {slot for child in children(process.pid) for slot in slots_of(child)}
            for attempt, sha, worker in self._open():
                last = self.hunted.get(attempt, 0.0)  # it may be given to the same worker again
                if self.pushed[sha].hunted and time.monotonic() > last + HUNT_AGAIN_SECONDS:
                    self._hunt(attempt, worker)

    def _start_again(self, name: str) -> None:
        """As `make up` does with a program that ended by itself."""
        self._struck(ENDED, time.monotonic() - self.began, [])
        if self.stage.hub.running.pop(name, None) is not None:
            self.stage.hub.start_by_name(name)

    def _hunt(self, attempt: str, worker: str) -> None:
        main = self.stage.hub.running.get(worker)
        self.hunted[attempt] = time.monotonic()
        for process in self.stage.processes(worker):
            if main is None or process != main.pid:
                kill(process)
        self._struck(HUNTED, time.monotonic() - self.began, [attempt])

    def _open(self) -> list[tuple[str, str, str]]:
        return self.stage.hub.rows(
            "SELECT attempt.id, patch.head_sha, worker.name FROM bench_attempt attempt "
            "JOIN bench_job job ON job.id = attempt.job_id JOIN pulls_patchset patch ON "
            "patch.id = job.patch_set_id JOIN bench_worker worker ON worker.id = attempt.worker_id "
            "WHERE attempt.state = 'open'"
        )  # type: ignore[return-value]

    # Progress

    def _count(self, which: str) -> int:
        return self.stage.hub.count(f"SELECT count(*) FROM bench_job WHERE {which}")

    def _wait_for_progress(self, ended: int) -> None:
        self._wait(lambda: self._count("ended_at IS NOT NULL AND kind = 'check'") >= ended)

    def _wait_until_all_ended(self) -> None:
        self._wait(
            lambda: self._count("kind = 'check'") >= self.plan.jobs and self._count("settled_at IS NULL") == 0
        )

    def _wait(self, holds: Callable[[], bool]) -> None:
        """Until it holds; a run in which nothing ends any more is over, and has failed."""
        last, since = -1, time.monotonic()
        while not holds():
            if (ended := self._count("ended_at IS NOT NULL")) != last:
                last, since = ended, time.monotonic()
            if time.monotonic() - since > STALL_SECONDS:
                raise AssertionError(f"no job has ended for {STALL_SECONDS} s\n{self.stage.hub.logs()}")
            time.sleep(0.1)


def slots_of(pid: int) -> Iterator[int]:
    """Numbers of the sandbox slots that a process holds."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if found := SLOT.search(str(link.readlink())):
                    yield int(found[1])


def run(plan: Plan, folder: Path) -> Outcome:
    """Bring up a hub, break it as planned, and say what does not hold."""
    own = folder / "hub"
    with small_disks(own) as small, Wire().listening() as wire:
        hub = WholeHub(
            own, plan.workers, settings="tests.chaos.settings", worker_module="tests.chaos.worker",
            tasks=TASKS, workers_door=wire.url,
        )  # fmt: skip
        wire.send_to(hub.url)
        stage = Stage(hub, wire, random.Random(plan.seed), folder / "clones", small)
        stage.clones.mkdir()
        try:
            hub.start()
            names = [f"chaos-{number}" for number in range(-(-plan.jobs // PUSHES_EACH))]
            people = contributors(hub, TASK, names, stage.clones, url=wire.url)
            this = Run(plan, stage, Ledger(plan.seed, plan.jobs, plan.workers))
            this.go(people)
            return ended(this)
        finally:
            hub.stop()


def ended(this: Run) -> Outcome:
    """Take the account while the hub is up, then stop the workers and see what they leave."""
    hub, ledger = this.stage.hub, this.ledger
    refused = sum(strike.kind in ("result twice", "result late") for strike in ledger.strikes)
    problems = [f"{kind}: found nothing to strike at" for kind in ledger.missed]
    for found in (
        checks.one_end_each(hub, this.pushed),
        checks.attempts_add_up(hub),
        checks.given_up_only_if_struck(hub, this.pushed, ledger.struck()),
        checks.refusals_are_booked(hub, refused),
        checks.as_the_hub_sees_it(hub),
        checks.every_worker_hears(hub),
    ):
        try:
            problems += found
        except AssertionError as error:  # the ledger of a long run is worth keeping all the same
            problems.append(str(error))
    states = dict(hub.rows("SELECT state, count(*) FROM bench_job GROUP BY state"))
    attempts = dict(hub.rows("SELECT state, count(*) FROM bench_attempt GROUP BY state"))
    account: dict[str, object] = {
        "seconds": round(time.monotonic() - this.began, 1),
        "jobs": states,
        "attempts": attempts,
        "canaries": len(took := canaries(hub)),
        "canary_median_seconds": statistics.median(took) if took else None,
    }
    checks.wait_for_clearing(this.slots)
    hub.stop_workers()
    problems += checks.nothing_runs(hub, this.slots)
    account["problems"] = problems
    return Outcome(ledger, checks.fates(hub), problems, account)


def canaries(hub: WholeHub) -> list[float]:
    """How long each canary took in its worker, guest and answer included."""
    logs = "".join(log.read_text(errors="replace") for log in hub.place.log_dir.glob("worker-*.log"))
    return [float(seconds) for seconds in CANARY.findall(logs)]


@contextlib.contextmanager
def small_disks(hub: Path) -> Iterator[list[Path]]:
    """The hub's data on a disk of its own, and the first worker's on a smaller one within."""
    mounted: list[Path] = []
    try:
        for folder, size in ((hub, "256m"), (hub / "worker-1", "16m")):
            folder.mkdir(parents=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
            mounted.append(folder)
        yield mounted
    finally:
        for folder in reversed(mounted):
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
