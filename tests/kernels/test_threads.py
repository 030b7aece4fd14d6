"""How many threads, who does what, what they do between calls, and what a fork leaves of them."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kernels import threads
from kernels.errors import BadArgument
from kernels.toolchain import cc

needs_compiler = pytest.mark.skipif(not cc.available(), reason="needs gcc and g++")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cc.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5", "1025", "٣"])
def test_a_number_of_threads_that_is_none_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(threads.VARIABLE, given)
    with pytest.raises(
        BadArgument, match=f"KERNELS_NUM_THREADS is '{given}'; set it to a whole number from 1"
    ):
        threads._from_environment()


def test_the_environment_says_how_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(threads.VARIABLE, " 3 ")
    assert threads._from_environment() == 3
    monkeypatch.setenv(threads.VARIABLE, "")
    assert threads._from_environment() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("given", [0, -2, 1.5, "2", None, 2**40])
def test_threads_can_only_be_set_to_a_number(given: object) -> None:
    before = threads.get_num_threads()
    with pytest.raises(BadArgument, match=r"set_num_threads: .* given; a whole number from 1 to 1024"):
        threads.set_num_threads(given)  # type: ignore[arg-type]
    assert threads.get_num_threads() == before


FORKED = """
import os, sys
import numpy as np
import kernels
kernels.set_num_threads(2)
x = np.ones((4096, 256), np.float32)
kernels.softmax(x)
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert kernels.get_num_threads() == 1
assert kernels.softmax(x)[0, 0] == 1 / 256
try:
    kernels.set_num_threads(2)
except kernels.errors.BadArgument as refused:
    assert "start method spawn" in str(refused)
    os._exit(0)
os._exit(1)
"""


@needs_compiler
def test_a_forked_child_computes_in_one_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


LOOP = """
#include "parallel.h"
#include "kernel.h"
// Adds 1 to done[0..n), and to `shared` for each part whose number another part has meanwhile.
KERNEL loop(int *done, int64_t n, int64_t inner, int threads) {
    std::atomic<int> shared{0}, used[1024] = {};
    parallel_for(n, 1, threads, [&](int64_t begin, int64_t end, int64_t worker) {
        if (worker >= threads || used[worker].exchange(1)) shared++;
        for (int64_t i = begin; i < end; i++)
            parallel_for(inner, 1, threads, [&](int64_t from, int64_t to) { done[i] += int(to - from); });
        used[worker] = 0;
    });
    return shared;
}
"""


def _loop(name: str, folder: Path) -> Callable[[int, int, int], tuple[int, set[int]]]:
    """A library with a loop; called, how many numbers were shared, and what was added to each place."""
    unit = folder / f"{name}.cpp"
    unit.write_text(LOOP)
    run = cc.load(cc.library(name, [cc.Unit(unit)])).loop

    def call(n: int, inner: int, count: int) -> tuple[int, set[int]]:
        done = (ctypes.c_int * n)()
        return run(done, ctypes.c_int64(n), ctypes.c_int64(inner), count), set(done)

    return call


@needs_compiler
def test_each_part_is_done_once_by_a_thread_with_a_number_of_its_own(cache: Path, tmp_path: Path) -> None:
    call = _loop("once", tmp_path)
    for turn in range(300):
        for count in (1, 2, 7, 3):
            assert call(1 + turn, 1, count) == (0, {1})


@needs_compiler
def test_loops_within_loops_and_beside_them_are_done_too(cache: Path, tmp_path: Path) -> None:
    call = _loop("within", tmp_path)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda turn: call(50, 1 + turn % 5, 3), range(400)))
    assert found == [(0, {1 + turn % 5}) for turn in range(400)]


@needs_compiler
def test_all_libraries_share_the_helpers(cache: Path, tmp_path: Path) -> None:
    script = f"""
import os
from pathlib import Path
from tests.kernels.test_threads import _loop
before = len(os.listdir("/proc/self/task"))
for name in ("first", "second"):
    for count in (3, 2):
        assert _loop(name, Path({str(tmp_path)!r}))(1000, 1, count) == (0, {{1}})
    assert len(os.listdir("/proc/self/task")) == before + 2
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


@needs_compiler
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors")
def test_helpers_keep_off_the_processor_of_their_caller(cache: Path, tmp_path: Path) -> None:
    """And stay where they are once there is no other that the caller may run on."""
    script = f"""
import os, time
from pathlib import Path
from tests.kernels.test_threads import _loop
usable, before = os.sched_getaffinity(0), set(os.listdir("/proc/self/task"))
call = _loop("apart", Path({str(tmp_path)!r}))
def left_out():
    call(100, 1, 2)
    [helper] = set(os.listdir("/proc/self/task")) - before
    return usable - os.sched_getaffinity(int(helper))
for _ in range(1000):
    if left_out():
        break
    time.sleep(0.002)  # the helper is about to sleep for the first time
for processor in usable:
    os.sched_setaffinity(0, {{processor}})
    os.sched_setaffinity(0, usable)  # it stays where it is, until it sleeps
    assert len(left_out()) == 1, left_out()
os.sched_setaffinity(0, {{min(usable)}})
there = left_out()
assert left_out() == there and len(there) == 1
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=60)


@needs_compiler
def test_openmps_threads_are_told_to_sleep_unless_somebody_says_otherwise(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
    #include <stdlib.h>
    const char *told;
    __attribute__((constructor)) static void begin(void) { told = getenv("OMP_WAIT_POLICY"); }
    __attribute__((visibility("default"))) int has_been_told(void) { return told != 0; }
    """
    for given, told in ((None, 1), ("300000", 0)):
        monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
        monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
        if given:
            monkeypatch.setenv("GOMP_SPINCOUNT", given)
        unit = tmp_path / f"told{told}.c"
        unit.write_text(text)
        path = cc.library("told", [cc.Unit(unit)])
        monkeypatch.setattr(cc, "OPENMP", str(path))
        cc._keep_openmp.__wrapped__()
        assert ctypes.CDLL(str(path)).has_been_told() == told
        assert "OMP_WAIT_POLICY" not in os.environ


@needs_compiler
def test_threads_outlive_the_last_library_that_used_them(cache: Path, tmp_path: Path) -> None:
    """They wait in OpenMP's code: were that unloaded too, they would wake up nowhere."""
    unit = tmp_path / "many.c"
    unit.write_text("""
    __attribute__((visibility("default"))) int many(void)
    {
        int count = 0;
    #pragma omp parallel num_threads(4) reduction(+ : count)
        count++;
        return count;
    }
    """)
    script = f"""
import _ctypes, time
from pathlib import Path
from kernels.toolchain import cc
for _ in range(20):
    library = cc.load(Path({str(cc.library("many", [cc.Unit(unit)]))!r}))
    assert library.many() == 4
    _ctypes.dlclose(library._handle)
    time.sleep(0.002)
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
