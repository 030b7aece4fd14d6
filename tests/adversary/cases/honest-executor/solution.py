from concurrent.futures import ThreadPoolExecutor

import numpy as np

pool = ThreadPoolExecutor(2)


def part(x, mirror, y):
    np.add(x, mirror * np.float32(0.5), out=y)


def mirror_add(x, y):
    mirror = x[::-1]
    half = len(x) // 2
    jobs = [pool.submit(part, x[s], mirror[s], y[s]) for s in (slice(None, half), slice(half, None))]
    for job in jobs:
        job.result()
