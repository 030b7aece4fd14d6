"""How many threads, what they do between calls, and what a fork leaves of them."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
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
