"""Medians with intervals, printed as a table and kept as data with machine and date."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import comb
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")
CONFIDENCE = 0.95


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the median lies at 95 % confidence, by order statistics; of few values the whole range."""
    ordered, count = sorted(values), len(values)
    below = 0.0  # the chance that fewer than `left` values lie below the median
    left = 0
    while 2 * (below + comb(count, left) / 2**count) <= 1 - CONFIDENCE:
        below += comb(count, left) / 2**count
        left += 1
    left = max(left - 1, 0)
    return ordered[left], ordered[count - 1 - left]


def in_turns(work: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each, every one once a round and in random order, so that a loud moment hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name in random.sample(list(work), len(work)):
            begin = time.perf_counter()
            work[name]()
            taken[name].append(time.perf_counter() - begin)
    return taken


def table(
    title: str, rows: Mapping[str, Sequence[float]], *, unit: str = "ms", scale: float = 1000.0
) -> None:
    print(f"\n{title}")
    for name, values in rows.items():
        low, high = interval(values)
        middle = statistics.median(values) * scale
        print(
            f"  {name:<46} {middle:8.1f} {unit}   [{low * scale:.1f} … {high * scale:.1f}]  n = {len(values)}"
        )


def keep(name: str, machine: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    when = datetime.now(UTC)
    path = RESULTS / f"{name}-{when:%Y-%m-%d}.json"
    path.write_text(json.dumps({"at": when.isoformat(), "machine": machine, **data}, indent=1) + "\n")
    print(f"\nKept in {path.relative_to(RESULTS.parents[2])}")
