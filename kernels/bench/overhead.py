"""What a call costs beside the computing: `python -m kernels.bench.overhead`.

A softmax of eight numbers and its like compute for a few nanoseconds; the rest is the way there and back.
NumPy's own smallest call stands beside them. The best of many short loops counts: what else the machine
does is not ours.
"""

from __future__ import annotations

import sys
import timeit
from collections.abc import Callable

import numpy as np

import kernels

LOOPS, CALLS = 300, 300


def microseconds(run: Callable[[], object]) -> float:
    """Of one call; with it goes that of the lambda around it, 0.05 µs."""
    return min(timeit.repeat(run, number=CALLS, repeat=LOOPS)) / CALLS * 1e6


def main() -> int:
    """Print a line per call, with and without `out=`."""
    x = np.ones((1, 8), np.float32)
    y, weight = np.empty_like(x), np.ones(8, np.float32)
    calls: dict[str, Callable[[], object]] = {
        "numpy.add(x, x, out=y)": lambda: np.add(x, x, out=y),
        "kernels.softmax(x, out=y)": lambda: kernels.softmax(x, out=y),
        "kernels.softmax(x)": lambda: kernels.softmax(x),
        "kernels.gelu(x, out=y)": lambda: kernels.gelu(x, out=y),
        "kernels.gelu(x)": lambda: kernels.gelu(x),
        "kernels.rms_norm(x, weight)": lambda: kernels.rms_norm(x, weight),
    }
    for name, run in calls.items():
        print(f"{name:28} {microseconds(run):5.2f} µs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
