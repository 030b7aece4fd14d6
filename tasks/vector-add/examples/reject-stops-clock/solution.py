"""Known wrong, a cheat: freezes every clock it can reach and adds only where a sampler might look."""

import time

import numpy as np

for name in ("time", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "process_time"):
    frozen = getattr(time, name)()
    setattr(time, name, lambda frozen=frozen: frozen)


def vector_add(a, b, c):
    c.fill(0)
    np.add(a[:64], b[:64], out=c[:64])
