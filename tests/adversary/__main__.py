"""Judge every labelled submission several times and print what was expected against what came out.

    python -m tests.adversary [--runs 3] [WORD …]      only cases whose name contains one of the words

Not in charge of what a case must get (`labelled.py`). Cases that are only checked run side by side, a process
and a sandbox slot each: what is right does not depend on how long it takes. Those that are timed run one at a
time, with nothing beside them. Exit status 1 unless every verdict of every run was the expected one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing.util import Finalize

from bench_runner.contract import JobKind, Outcome
from bench_runner.sandbox import Sandbox
from tests.adversary import labelled
from tests.adversary.labelled import Label

FIRST_SLOT = 8
SIDE_BY_SIDE = 2
KINDS = ("honest", "wrong", "cheat")
FAULT = "fault of ours"

_opened: list[Sandbox] = []  # of this process


@dataclass(frozen=True)
class Got:
    """What came out of judging one submission once."""

    outcome: str
    faults: list[str]
    seconds: float


def main(arguments: list[str]) -> int:
    about = "Judge every labelled submission; print what was expected against what came out."
    parser = argparse.ArgumentParser(prog="python -m tests.adversary", description=about)
    parser.add_argument("--runs", type=int, default=3, metavar="N")
    parser.add_argument("words", nargs="*", metavar="WORD")
    options = parser.parse_args(arguments)
    labels = [
        label
        for label in labelled.everything()
        if not options.words or any(word in label.name for word in options.words)
    ]
    if not labels:
        parser.error(f"no submission's name holds any of: {' '.join(options.words)}")
    if options.runs < 1:
        parser.error(f"--runs {options.runs}: at least one run is needed")
    good = [_run(labels, number, options.runs) for number in range(1, options.runs + 1)]
    print(f"{sum(good)} of {len(good)} runs without a mistake")
    return 0 if all(good) else 1


def _run(labels: list[Label], number: int, runs: int) -> bool:
    """One run over all; True if every verdict was the expected one."""
    print(f"run {number} of {runs}: {len(labels)} submissions")
    begin = time.perf_counter()
    results: dict[str, Got] = {}
    for label, got in _judged(labels):
        results[label.name] = got
        mark, expected = "✗ " if got.faults else "  ", label.outcome.value
        print(f"{mark}{label.name:<34}{expected:<16}{got.outcome:<16}{got.seconds:6.2f} s", flush=True)
        for fault in got.faults:
            print(f"      {fault}")
    print(_matrix(labels, results))
    right = sum(not got.faults for got in results.values())
    print(f"{right} of {len(labels)} as labelled, {time.perf_counter() - begin:.0f} s\n", flush=True)
    return right == len(labels)


def _judged(labels: list[Label]) -> Iterator[tuple[Label, Got]]:
    """Verdicts as they come."""
    checked = [label for label in labels if label.job is JobKind.CHECK]
    with ProcessPoolExecutor(SIDE_BY_SIDE, initializer=_open) as pool:
        waiting = {pool.submit(_judge, label): label for label in checked}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    with ProcessPoolExecutor(1, initializer=_open) as pool:
        for label in labels:
            if label.job is not JobKind.CHECK:
                yield label, pool.submit(_judge, label).result()


def _open() -> None:
    """A sandbox for this process, given back when it ends."""
    _opened.append(Sandbox.open(slot=FIRST_SLOT))
    Finalize(None, _opened[0].close, exitpriority=1)


def _judge(label: Label) -> Got:
    begin = time.perf_counter()
    try:
        result = labelled.judge(label, _opened[0])
    except Exception as error:  # noqa: BLE001 - whatever the judge itself raises is its mistake in this case alone
        return Got(FAULT, [f"{type(error).__name__}: {error}"], time.perf_counter() - begin)
    found = labelled.faults(label, result, _opened[0])
    return Got(result.outcome.value, found, time.perf_counter() - begin)


def _matrix(labels: list[Label], results: dict[str, Got]) -> str:
    """Expected outcomes down, outcomes that came across; then each kind in a line."""
    counts = Counter((label.outcome.value, results[label.name].outcome) for label in labels)
    names = sorted({name for pair in counts for name in pair})
    lines = [f"\n  {'expected, got':<16}" + "".join(f"{name:>16}" for name in names)]
    for expected in names:
        cells = (f"{counts[expected, got] or '·':>16}" for got in names)
        lines.append(f"  {expected:<16}" + "".join(cells))
    for kind in KINDS:
        ours = [results[label.name] for label in labels if label.kind == kind]
        right = sum(not got.faults for got in ours)
        lines.append(f"  {kind}: {right} of {len(ours)} as labelled")
    honest = (label.name for label in labels if label.kind == "honest")
    flagged = [name for name in honest if results[name].outcome != Outcome.PASSED.value]
    lines.append(f"  honest submissions flagged: {', '.join(flagged) or 'none'}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
