"""`aa`, `power` and `campaign`: repeat trials until there are enough, or the time is spent.

Not in charge of a single job (`judging.py`) nor of the counting (`report.py`).

Every job is appended to a file, a JSON object a line, and whatever is there already counts: a run that was
cut off goes on where it was, and `--trials` is the number that there shall be in the end.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

from bench_runner import config
from bench_runner.errors import ConfigError
from bench_runner.trials.judging import TASK, Bench, Condition, Record, machine_name, rule
from bench_runner.trials.options import CAMPAIGN_POWER, PERCENTS
from bench_runner.trials.report import table, tally


def run(arguments: argparse.Namespace) -> int:
    small = arguments.small
    if arguments.command == "aa":
        plan = [(Condition(0, arguments.busy, small), arguments.trials)]
    elif arguments.command == "power":
        plan = [
            (Condition(percent, arguments.busy, small), arguments.trials) for percent in arguments.percent
        ]
    else:
        few = min(CAMPAIGN_POWER, arguments.trials)
        slow = [(Condition(percent, False, small), few) for percent in PERCENTS]
        plan = [(Condition(0, False, small), arguments.trials), *slow]
        plan.append((Condition(0, True, small), arguments.trials))
    task = getattr(arguments, "task", None) or TASK
    data = arguments.data or config.data_dir() / f"trials-{task.resolve().name}.jsonl"
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
        data.open("a").close()
    except OSError as error:
        raise ConfigError(f"--data {data}: jobs cannot be kept there: {error.strerror}") from error
    with Bench(task, small=small) as bench:
        records = _repeat(bench, plan, data, arguments.minutes)
    print("\n".join(["", f"{machine_name()}; {rule()}", *table([tally(c, records) for c, _ in plan])]))
    return 0


def _repeat(bench: Bench, plan: Sequence[tuple[Condition, int]], data: Path, minutes: float) -> list[Record]:
    """Take turns over the conditions, so that a run cut short has some of each."""
    until = time.monotonic() + minutes * 60
    records = read(data)
    print(f"data: {data}, {len(records)} jobs there already under this rule on this machine", flush=True)
    with data.open("a") as file:
        while time.monotonic() < until and (condition := _most_wanting(plan, records)):
            record = bench.judge(condition)
            records.append(record)
            file.write(json.dumps(record.to_json()) + "\n")
            file.flush()
            print(_job_line(record), flush=True)
            print(f"    {tally(condition, records).line()}", flush=True)
    return records


def read(data: Path) -> list[Record]:
    """The jobs of this machine under the present rule."""
    try:
        found = [Record.from_json(json.loads(line)) for line in data.read_text().splitlines()]
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"--data {data}: that is no file of trials: name another ({error})") from error
    return [each for each in found if each.rule == rule() and each.machine == machine_name()]


def _most_wanting(plan: Sequence[tuple[Condition, int]], records: Sequence[Record]) -> Condition | None:
    """The condition with the smallest share of its trials done; None when all have theirs."""
    shares = {condition: tally(condition, records).trials / wanted for condition, wanted in plan}
    condition = min(shares, key=lambda each: shares[each])
    return condition if shares[condition] < 1 else None


def _job_line(record: Record) -> str:
    if record.fault:
        return f"{record.condition}: not ranked: {record.fault}"
    told = (
        f"{name} {case['speed']} {case['ratio']:.3f} ({case['low']:.3f}-{case['high']:.3f})"
        for name, case in record.cases.items()
    )
    about = record.environment
    return (
        f"{', '.join(told)}; {about['pairs']} pairs, {about['repeated_pairs']} repeated, "
        f"others {about['others_cores']} cores, {record.seconds:.1f} s per case"
    )
