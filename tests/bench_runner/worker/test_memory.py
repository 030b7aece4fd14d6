"""A worker that has judged holds no more than one that waits for its first job, and that is little."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Blocks as a pool of inputs leaves them: too small to go back by themselves, something kept above them.
SCRIPT = """
from pathlib import Path
import numpy as np
from bench_runner.jobs import give_back_memory

def resident():
    line = next(ln for ln in Path("/proc/self/status").read_text().splitlines() if ln.startswith("VmRSS"))
    return int(line.split()[1]) // 1024

before = resident()
del_first = np.ones(30 << 20, np.uint8)
del del_first
inputs = [np.ones(1 << 20, np.uint8) for _ in range(200)]
kept = np.ones(1 << 19, np.uint8)
del inputs
held = resident()
give_back_memory()
print(before, held, resident())
"""


@pytest.mark.slow
def test_what_the_inputs_of_a_job_took_goes_back_to_the_machine() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    before, held, after = map(int, done.stdout.split())
    assert held > before + 150  # megabytes: or this proves nothing
    assert after < before + 50


MAIN_PROCESS = """
import gc, sys
from bench_runner import jobs, worker

assert not {"numpy", "bench_runner.director"} & sys.modules.keys()
jobs.settle()
loaded = gc.get_freeze_count()
assert loaded > 10_000, loaded
assert not [each for each in gc.get_objects() if each is worker.__dict__]
"""


def test_the_main_process_loads_no_judge_and_no_collection_goes_through_what_it_has_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", MAIN_PROCESS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
