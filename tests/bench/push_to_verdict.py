"""From `git push` to the verdict: how long a contributor waits on an idle machine, and what the time goes to.

Brings up a hub of its own, pushes the honest C example of row-softmax ten times, one after the other, and
waits for the check and the rank verdict of each. "Overhead" is all that is neither building nor timed calls:
push, queue, claims, process starts, inputs, oracle, checks, reports.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from hub.services import programs
from tasks.spec import load_folder, read_folder
from tests.bench.figures import keep, table
from tests.pushing import Contributor, contributors
from tests.whole import WholeHub, whole_hub

TASK = "row-softmax"
PEOPLE = ["anna", "boris"]  # the task has two slots, and each person five rank jobs a day
PUSHES_EACH = 5
VERDICT_SECONDS = 180
# Steps of the judge that the contributor's own code takes, the rest is ours.
THEIRS = ("build", "timed_calls")
VERDICTS = """
SELECT job.kind, verdict.seconds, verdict.outcome FROM bench_verdict verdict
JOIN bench_job job ON job.id = verdict.job_id JOIN pulls_patchset patch ON patch.id = job.patch_set_id
WHERE patch.head_sha = ? AND job.kind IN ('check', 'rank')
"""


def measure_one(hub: WholeHub, who: Contributor, files: dict[str, bytes], topic: str) -> dict[str, Any]:
    """One push and its two verdicts; seconds."""
    sha = who.commit(files, topic)
    started = time.monotonic()
    who.push(sha, topic)
    pushed = time.monotonic() - started
    hub.wait(lambda: len(hub.rows(VERDICTS, sha)) == 2, f"the verdicts of {topic}", VERDICT_SECONDS)
    total = time.monotonic() - started
    steps: dict[str, float] = {}
    for kind, seconds, outcome in hub.rows(VERDICTS, sha):
        assert outcome == "passed", f"{topic}: {kind} ended as {outcome}"
        for name, value in json.loads(seconds).items():
            steps[f"{kind}.{name}"] = value
    theirs = sum(value for name, value in steps.items() if name.split(".")[1] in THEIRS)
    # The leader is run again to be confirmed: the next push must find the machine idle.
    hub.wait(
        lambda: hub.count("SELECT count(*) FROM bench_job WHERE state IN ('queued', 'running')") == 0,
        "an idle queue",
        VERDICT_SECONDS,
    )
    return {"total": total, "push": pushed, "overhead": total - theirs, "steps": steps}


def main() -> int:
    folder = programs.ROOT / "tasks" / TASK
    task = load_folder(folder)
    example = next(e for e in task.examples if e.verdict == "passed" and e.language == "c")
    files = example.files_of(read_folder(folder))
    runs = []
    with tempfile.TemporaryDirectory() as work, whole_hub(Path(work) / "hub") as hub:
        (Path(work) / "clones").mkdir()
        for who in contributors(hub, TASK, PEOPLE, Path(work) / "clones"):
            for number in range(PUSHES_EACH):
                run = measure_one(hub, who, files, f"run-{number}")
                runs.append(run)
                print(f"{who.username} run-{number}: {run['total']:.2f} s, overhead {run['overhead']:.2f} s")
        (fingerprint,) = hub.rows("SELECT fingerprint FROM bench_worker")[0]
    report(runs, json.loads(fingerprint))
    return 0


def report(runs: list[dict[str, Any]], machine: dict[str, Any]) -> None:
    """Print medians and keep everything as data."""
    table(
        "From git push to both verdicts", {n: [run[n] for run in runs] for n in ("total", "push", "overhead")}
    )
    steps = sorted({step for run in runs for step in run["steps"]})
    table("  of it", {step: [run["steps"].get(step, 0.0) for run in runs] for step in steps})
    keep("push_to_verdict", machine, {"runs": runs})


if __name__ == "__main__":
    sys.exit(main())
