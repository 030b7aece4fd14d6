import os
import platform

import numpy as np

try:
    FLAGS = [line for line in open("/proc/cpuinfo") if line.startswith("flags")]
except OSError:
    FLAGS = []
PARTS = max(1, min(4, len(os.sched_getaffinity(0)), os.cpu_count() or 1))
NAME = platform.machine(), os.environ.get("OMP_NUM_THREADS"), os.getpid()


def mirror_add(x, y):
    for rows, mirror, out in zip(
        np.array_split(x, PARTS), np.array_split(x[::-1], PARTS), np.array_split(y, PARTS)
    ):
        np.add(rows, mirror * np.float32(0.5), out=out)
