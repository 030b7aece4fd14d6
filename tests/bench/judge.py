"""What a judged job costs beside the contributor's own code: starts, parts of a job, jobs a minute, memory.

Not in charge of the way from `git push` to the verdict (`push_to_verdict.py`). Four measurements, one after
the other on one hub of its own, with the honest C solution of the smallest task, half its smallest size:

* starts: the sandbox, the interpreter, NumPy and the compiler, each beside its peer without a sandbox;
* parts: check and rank jobs judged in this process, claimed from and delivered to the running site;
* jobs a minute: a backlog of pushes, judged by one worker of two processes, as `make up` runs it;
* memory of that worker, before its first job and after its last.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

from bench_runner import attempt, fingerprint
from bench_runner.attempt import Attempts
from bench_runner.client import HubClient
from bench_runner.config import Config
from bench_runner.contract import Hello, JobSpec, Result
from bench_runner.director import judge
from bench_runner.fitness import Fitness
from bench_runner.revisions import Revisions
from bench_runner.sandbox import Sandbox
from bench_runner.workspace import Revision
from tasks.spec import load_folder, read_folder
from tests.bench.figures import keep, table
from tests.bench.starts import starts
from tests.pushing import contributors
from tests.small_tasks import small_tasks
from tests.whole import WholeHub, whole_hub

TASK = "vector-add"
PUSHES_EACH = 3  # a person has five rank jobs a day; one is left for the confirmation
IN_PROCESS, BACKLOG = ["anna", "boris"], ["chen", "dora"]
WARM_UP = 1  # jobs of each kind that are not counted: they fill the caches of the worker
VERDICT_SECONDS = 240
SETTLED_SECONDS = 2.0
IDLE = "SELECT count(*) FROM bench_job WHERE state IN ('queued', 'running')"
QUEUED = "SELECT id FROM bench_job WHERE state = 'queued' ORDER BY queued_at"
HEARD = "SELECT count(*) FROM bench_worker WHERE name = 'worker-1' AND last_seen_at IS NOT NULL"
ATTEMPTS = """
SELECT job.kind, julianday(attempt.ended_at) * 86400
FROM bench_attempt attempt JOIN bench_job job ON job.id = attempt.job_id
JOIN bench_worker worker ON worker.id = attempt.worker_id
WHERE attempt.state = 'delivered' AND worker.name = 'worker-1' ORDER BY attempt.started_at
"""
# What grows with the calls that are timed, and so with the task; the rest is the same for every job.
WITH_CALLS = ("inputs", "handing over", "checking")
THEIRS = ("build", "timed calls")
NO_PARTS = {"total", "pairs"}


def main() -> int:
    with tempfile.TemporaryDirectory() as work:
        return measure(Path(work))


def measure(work: Path) -> int:
    tasks = small_tasks(work / "tasks")
    task = load_folder(tasks / TASK)
    revision = Revision(task, tasks / TASK)
    example = next(e for e in task.examples if e.verdict == "passed" and e.language == "c")
    files = example.files_of(read_folder(revision.folder))
    with whole_hub(work / "hub", workers=0, tasks=tasks) as hub:
        clones = work / "clones"
        clones.mkdir()
        machine = fingerprint.machine(work / "worker")
        with closing(Sandbox.open()) as sandbox:
            begun = starts(sandbox, revision, files)
            table("From start to cleaned up", begun)
            parts = in_process(hub, work / "worker", sandbox, machine, files, clones)
            print_parts(parts)
        found = {"task": TASK, "starts": begun, "parts": parts}
        keep("judge", machine.fingerprint(), found)  # should what follows fail
        rates, memory = backlog(hub, files, clones)
    print_rates(rates, memory)
    keep("judge", machine.fingerprint(), {**found, "jobs": rates, "memory": memory})
    return 0


# Parts of a job.


@dataclasses.dataclass
class Stopwatch:
    """Seconds of the parts of the job that is under way."""

    parts: dict[str, float] = dataclasses.field(default_factory=dict)
    kind: str = ""
    pairs: int = 0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.parts[name] = self.parts.get(name, 0.0) + time.perf_counter() - begin


def in_process(
    hub: WholeHub, data: Path, sandbox: Sandbox, machine: Any, files: dict[str, bytes], clones: Path
) -> dict[str, list[dict[str, float]]]:
    """Jobs judged here, so that each step can be watched; seconds by part, by kind of job."""
    token = register(hub, "bench")
    config = Config(hub.url, "", token.read_text().strip(), "bench", data)
    client = HubClient(config.hub_url, config.token)
    client.hello(Hello("bench", machine.hardware_class, machine.fingerprint(), sandboxed=True))
    people = contributors(hub, TASK, IN_PROCESS, clones)
    found: dict[str, list[dict[str, float]]] = {}
    with watched(Stopwatch()) as (watch, judging):
        attempts = Attempts(config, sandbox, machine, Fitness(), judging)
        for number, who in enumerate(people * PUSHES_EACH):
            topic = f"part-{number}"
            who.push(who.commit(files, topic), topic)
            for kind, seconds in judged(hub, attempts, watch):
                found.setdefault(kind, []).append(seconds)
    return {kind: rows[WARM_UP:] for kind, rows in found.items()}


def register(hub: WholeHub, name: str) -> Path:
    """Make a worker known to the hub; the file with its token, where the hub's programs look for it."""
    token = hub.folder / "secrets" / f"{name}.token"
    hub.manage("add_worker", name, "--token-file", str(token), "--verbosity", "0")
    return token


def judged(hub: WholeHub, attempts: Attempts, watch: Stopwatch) -> Iterator[tuple[str, dict[str, float]]]:
    """Every job that a push leads to; its kind and its seconds by part."""
    while queued := hub.rows(QUEUED):
        watch.parts, watch.kind, watch.pairs = {}, "", 0
        with watch.part("total"):
            attempts.run(str(UUID(queued[0][0])))  # or what is due before it
        seconds = dict(watch.parts)
        named = sum(value for name, value in seconds.items() if name != "total")
        if watch.kind:
            other = seconds.get("other", 0.0) + seconds["total"] - named
            yield watch.kind, {**seconds, "other": other, "pairs": watch.pairs}


@contextmanager
def watched(watch: Stopwatch) -> Iterator[tuple[Stopwatch, Any]]:
    """A judge whose parts are clocked, in a worker whose requests are."""

    class Client(HubClient):
        def claim(self, job: str, **options: Any) -> JobSpec:
            with watch.part("claim"):
                spec = super().claim(job, **options)
            watch.kind = spec.kind.value
            return spec

        def deliver(self, *arguments: Any, **options: Any) -> None:
            with watch.part("report"):
                super().deliver(*arguments, **options)

    class Fetching(Revisions):
        def get(self, *arguments: Any) -> Revision:
            with watch.part("fetch"):
                return super().get(*arguments)

    def judging(*arguments: Any) -> Result:
        result = judge(*arguments)
        for name, seconds in result.seconds.items():
            if name not in ("check", "time", "total"):
                watch.parts[name.replace("_", " ")] = seconds
        watch.pairs = result.environment.get("pairs", 0)
        return result

    with mock.patch.object(attempt, "HubClient", Client), mock.patch.object(attempt, "Revisions", Fetching):
        yield watch, judging


# Jobs a minute, and memory.


def backlog(
    hub: WholeHub, files: dict[str, bytes], clones: Path
) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """Many pushes wait when the worker starts; how quickly it gets through, and what it holds."""
    register(hub, "worker-1")
    hub.start_worker(1)
    hub.wait(lambda: bool(hub.count(HEARD)), "the worker to report")
    time.sleep(SETTLED_SECONDS)
    memory = {"before its first job": resident(hub)}
    hub.kill("worker-1")
    for number, who in enumerate(contributors(hub, TASK, BACKLOG, clones) * PUSHES_EACH):
        who.push(who.commit(files, f"rate-{number}"), f"rate-{number}")
    hub.start_worker(1)
    least = (
        2 * PUSHES_EACH * len(BACKLOG)
    )  # a check and a rank job each; the hub may queue them a little later
    hub.wait(
        lambda: len(hub.rows(ATTEMPTS)) >= least and not hub.count(IDLE), "every verdict", VERDICT_SECONDS
    )
    time.sleep(SETTLED_SECONDS)
    memory["after its last job"] = resident(hub)
    return jobs_a_minute(hub.rows(ATTEMPTS)), memory


def jobs_a_minute(attempts: list[tuple[Any, ...]]) -> dict[str, Any]:
    """By kind: seconds of each job with the pause before it, and what that makes a minute."""
    took: dict[str, list[float]] = {}
    for (_, before), (kind, ended) in pairwise(attempts):
        took.setdefault(kind, []).append(ended - before)
    every = [seconds for kind in took.values() for seconds in kind]
    return {
        "seconds": took,
        "a minute": {
            **{kind: 60 * len(s) / sum(s) for kind, s in took.items()},
            "all": 60 * len(every) / sum(every),
        },
    }


def resident(hub: WholeHub) -> dict[str, float]:
    """Megabytes of the worker's two processes together: what each has (RSS), and shared pages once (PSS)."""
    main = hub.running["worker-1"].pid
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    found = {"RSS": 0.0, "PSS": 0.0}
    for pid in (str(main), *children):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.upper() in found:
                found[name.upper()] += int(value.split()[0]) / 1024
    return found


def print_parts(parts: dict[str, list[dict[str, float]]]) -> None:
    for kind, rows in parts.items():
        names = [*sorted({name for row in rows for name in row} - NO_PARTS), "total"]
        table(f"A {kind} job, by part", {name: [row.get(name, 0.0) for row in rows] for name in names})
        ours = [row["total"] - sum(row.get(name, 0.0) for name in THEIRS) for row in rows]
        fixed = [
            mine - sum(row.get(name, 0.0) for name in WITH_CALLS)
            for mine, row in zip(ours, rows, strict=True)
        ]
        table("  of it", {"neither build nor timed calls": ours, "… nor growing with the calls": fixed})
        print(f"  pairs of guests: {', '.join(str(row['pairs']) for row in rows)}")


def print_rates(rates: dict[str, Any], memory: dict[str, dict[str, float]]) -> None:
    table("A job of a backlog, one worker on two cores", rates["seconds"])
    for kind, rate in rates["a minute"].items():
        print(f"  {kind:<46} {rate:8.1f} jobs a minute, {rate / 2:.1f} a core")
    print("\nMemory of an idle worker, both processes")
    for when, held in memory.items():
        print(f"  {when:<46} PSS {held['PSS']:.0f} MB   RSS {held['RSS']:.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
