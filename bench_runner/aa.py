"""Judge a task's baseline against itself, again and again: how often does this machine find a difference?

    python -m bench_runner.aa tasks/row-softmax --jobs 20

Not in charge of the statistics (`stats.py`). Any "faster" or "slower" here is false; so is a wide interval a
sign of a machine too busy to measure on. `--against` compares with another folder (a true difference, to see
the power).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from bench_runner import config, director, fingerprint
from bench_runner.contract import JobKind, JobSpec, Result, Speed
from bench_runner.sandbox import Sandbox
from bench_runner.workspace import Revision
from tasks.spec import Bundle, load_folder, read_folder


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench_runner.aa", description=__doc__.split("\n")[0])
    parser.add_argument("task", type=Path, help="a task's folder, e.g. tasks/row-softmax")
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--against", type=Path, help="folder of a submission instead of the baseline")
    parser.add_argument("--raw", type=Path, help="append each result to this file, a JSON object a line")
    arguments = parser.parse_args(words)
    files = read_folder(arguments.against or arguments.task / "baseline")
    files.pop("expect.toml", None)
    with contextlib.closing(Sandbox.open()) as sandbox:
        return _repeat(sandbox, arguments, files)


def _repeat(sandbox: Sandbox, arguments: argparse.Namespace, files: Bundle) -> int:
    speeds: Counter[Speed] = Counter()
    for number in range(1, arguments.jobs + 1):
        result = judge_once(sandbox, arguments.task, files)
        if result.summary is None:
            print(f"{number}: {result.outcome.value} ({result.reason}): {result.log}", file=sys.stderr)
            return 1
        speeds[result.summary.speed] += 1
        print(f"{number}: {_line(result)}", flush=True)
        if arguments.raw:
            with arguments.raw.open("a") as file:
                file.write(json.dumps(result.to_json()) + "\n")
    false = speeds[Speed.FASTER] + speeds[Speed.SLOWER]
    print(f"{false} of {arguments.jobs} jobs found a difference; {speeds[Speed.SAME]} the same")
    return 0


def judge_once(sandbox: Sandbox, folder: Path, files: Bundle) -> Result:
    """One rank job of these files on this machine."""
    task = load_folder(folder)
    machine = fingerprint.machine(config.data_dir())
    spec = JobSpec(
        "aa", "aa", "", JobKind.RANK, task.slug, task.digest, machine.hardware_class, files, 3600.0
    )
    revision = Revision(task, folder.resolve())
    return director.judge(spec, revision, sandbox, machine, lambda event: None, lambda: False)


def _line(result: Result) -> str:
    assert result.summary is not None  # noqa: S101 - for the type checker
    summary, seconds = result.summary, result.seconds
    around = seconds["total"] - seconds["build"] - seconds["timed_calls"]
    parts: dict[str, Any] = {
        "pairs": result.environment["pairs"],
        "repeated": result.environment["repeated_pairs"],
        "others": result.environment["others_cores"],
        "empty call": f"{result.environment['empty_call_us']} us",
        "timed": f"{seconds['timed_calls']:.1f} s",
        "neither built nor timed": f"{around:.1f} s",
    }
    interval = f"{summary.ratio:.3f} ({summary.low:.3f}-{summary.high:.3f}) {summary.speed.value}"
    return interval + "".join(f", {name} {value}" for name, value in parts.items())


if __name__ == "__main__":
    sys.exit(main())
