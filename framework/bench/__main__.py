"""`python -m framework.bench [workload …]`: time what we run beside peers, one thread; keep the figures.

Each workload runs in a process of its own, pinned to one processor; there all contenders take turns
(`kernels/bench/harness.py`), after their results were compared: who computes something else is not timed.
Where there are several processors, another process times our compiled step on one and on all of them, in
turns.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

THREADS = ("KERNELS_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
RESULTS = Path(__file__).with_name("results")
APART = "ours, products apart"
TOLERANCE = 2e-4  # of a loss after a few steps


def main() -> int:
    """Run what the command line says."""
    from framework.bench.workloads import WORKLOADS

    parser = argparse.ArgumentParser(prog="python -m framework.bench", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="workload", help=", ".join(WORKLOADS))
    parser.add_argument("--seconds", type=float, default=20.0, help="per workload (20)")
    parser.add_argument("--here", choices=("alone", "threads"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.workloads) - set(WORKLOADS):
        parser.error(f"no workload {', '.join(sorted(unknown))}; there are: {', '.join(WORKLOADS)}")
    names = given.workloads or list(WORKLOADS)
    if given.here:
        work = {"alone": measured, "threads": on_threads}[given.here]
        print(json.dumps(work(names[0], given.seconds)))
        return 0
    rows = [_in_a_process(name, given.seconds) for name in names]
    path = RESULTS / f"steps-{datetime.now(UTC):%Y-%m-%d}.json"
    kept = json.loads(path.read_text())["rows"] if path.is_file() else []
    kept = [row for row in kept if row["workload"] not in names] + rows
    path.write_text(json.dumps({"machine": _machine(), "rows": kept}, indent=1) + "\n")
    print(f"kept in {path}")
    return 0


def _in_a_process(name: str, seconds: float) -> Any:
    processors = sorted(os.sched_getaffinity(0))
    row = _run(name, seconds, "alone", processors[-1:])
    if len(processors) > 1 and "first_call" in row:
        row["threads"] = _run(name, seconds / 4, "threads", processors)
    unit = 1e6 / row.get("operators", 1)
    print(f"{name}: ours {unit * row['seconds']['ours']:,.2f} µs{_said(row)}", flush=True)
    for peer, (ratio, low, high) in row["ratios"].items():
        print(
            f"  {peer}: {unit * row['seconds'][peer]:,.2f} µs, {ratio:.2f} ({low:.2f}-{high:.2f}) times ours",
            flush=True,
        )
    if "threads" in row:
        threads = row["threads"]
        ratio, low, high = threads["ratio"]
        print(f"  ours on {threads['count']} threads: {ratio:.2f} ({low:.2f}-{high:.2f}) times as fast")
        ratio, low, high = threads[APART]
        print(f"  {APART}, on as many: {ratio:.2f} ({low:.2f}-{high:.2f}) times ours")
    return row


def _said(row: Any) -> str:
    """What else there is to say of ours."""
    if "operators" in row:
        return " an operator"
    first = ", ".join(f"{seconds:.2f} s {how}" for how, seconds in row["first_call"].items())
    block, naive = row["memory"].values()
    return f"; first call {first}; {block:,} bytes, {block / naive:.0%} of one buffer per value"


def _run(name: str, seconds: float, how: str, processors: list[int]) -> Any:
    """What a process on these processors says, its libraries with a thread for each."""
    environment = {**os.environ, **dict.fromkeys(THREADS, str(len(processors)))}
    command = ["taskset", "-c", ",".join(map(str, processors)), sys.executable, "-m", "framework.bench", name]
    command += ["--here", how, "--seconds", str(seconds)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def on_threads(name: str, seconds: float) -> dict[str, Any]:
    """How many times as fast our step is on all processors as on one, with the 95 % interval."""
    import kernels
    from framework.bench import workloads
    from kernels.bench.harness import race

    count = kernels.get_num_threads()
    work = workloads.WORKLOADS[name]()

    def on(threads: int, compiled: Callable[[Any], Callable[[], Any]]) -> Callable[[], Any]:
        kernels.set_num_threads(threads)
        step = compiled(work)

        def run() -> Any:
            kernels.set_num_threads(threads)
            return step()

        run()
        return run

    timed = race(
        {"all": on(count, workloads.ours), "one": on(1, workloads.ours), APART: on(count, _apart)}, seconds
    )
    ratio, apart = timed["one"].ratio, timed[APART].ratio
    return {
        "count": count,
        "seconds": timed["all"].seconds,
        "ratio": (ratio.value, ratio.low, ratio.high),
        APART: (apart.value, apart.low, apart.high),
    }


def measured(name: str, seconds: float) -> dict[str, Any]:
    """One workload, all contenders: seconds, and ratios to ours with their 95 % intervals."""
    from framework.bench import peers, workloads
    from kernels.bench.harness import race

    work = workloads.WORKLOADS[name]()
    row: dict[str, Any] = {"workload": name, "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}"}
    runs = {"ours": workloads.ours(work)}
    if isinstance(work, workloads.Chain):
        row["operators"] = workloads.OPERATORS
    else:
        row["first_call"] = _first_calls(work)
        function, args = workloads.compiled(work)
        block, naive = function.lower(*args).memory
        row["memory"] = {"block": block, "one buffer per value": naive}
        runs[APART] = _apart(work)
    runs |= peers.contenders(work)
    expected = _result(workloads.ours(work, "O0"))
    for peer, run in runs.items():
        difference = float(np.abs(_result(run) - expected).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise SystemExit(f"{name}: {peer} gives a result that differs by {difference:.2g}")
    timed = race(runs, seconds)
    return {
        **row,
        "seconds": {each: timing.seconds for each, timing in timed.items()},
        "ratios": {
            each: (timing.ratio.value, timing.ratio.low, timing.ratio.high)
            for each, timing in timed.items()
            if each != "ours"
        },
    }


def _apart(work: Any) -> Callable[[], Any]:
    """Our step with every product by itself, not in panels with the loops behind it."""
    from framework.bench import workloads
    from framework.jit import panels

    step = workloads.ours(work)
    first = [patch.object(panels, "PANEL", math.inf)]  # the first call compiles

    def run() -> Any:
        with first.pop() if first else nullcontext():
            return step()

    return run


def _first_calls(work: Any) -> dict[str, float]:
    """Seconds of the first call, in a cache of its own, and of another function's that finds it there."""
    from framework.bench import workloads
    from kernels.toolchain import cc

    seconds = {}
    with tempfile.TemporaryDirectory() as cache, patch.dict(os.environ, {cc.VARIABLE: cache}):
        for how in ("compiling", "from the cache"):
            run = workloads.ours(work)
            start = time.perf_counter()
            run()
            seconds[how] = time.perf_counter() - start
    return seconds


def _result(run: Any) -> Any:
    """What a contender gives, a result or several of one shape, as an array."""
    value = run()
    each = value if isinstance(value, tuple) else (value,)
    return np.stack([np.asarray(x.detach() if hasattr(x, "detach") else x) for x in each])


def _machine() -> dict[str, Any]:
    from kernels.bench.run import machine

    return {**machine(), "system": platform.system()}


if __name__ == "__main__":
    sys.exit(main())
