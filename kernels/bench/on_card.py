"""The first thing to run on a card: compile all kernels for it, test every version, time them beside torch.

`make check-gpu`, or `python -m kernels.bench.on_card` where make's virtual environment cannot be had: it
needs CuPy, NVRTC, NumPy, ml_dtypes and pytest, and of the repository `kernels/` and `tests/kernels/`. Tests
and benchmark have limits that leave a minute of eight to the compiler; a kernel that never ends is cut off
with the tests.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from kernels.bench import gpu
from kernels.registry import Cuda, operators
from kernels.toolchain import launch, nvrtc

ROOT = Path(__file__).parents[2]
TESTS_SECONDS, BENCH_MINUTES = 180, 3.5
# Neither the settings nor the fixtures of the whole repository: they need the hub and its libraries.
PYTEST = ("-c", os.devnull, "--rootdir", str(ROOT), "--confcutdir", str(ROOT / "tests" / "kernels"))


def main() -> int:
    """Run all three parts; 1 where there is no card, or where a test fails."""
    if not gpu.card_is_there():
        print(f"check-gpu: {gpu.NO_CARD}", file=sys.stderr)
        return 1
    _timed("compiled", compile_all)
    failed = _timed("tested", test)
    gpu.main(["--minutes", str(BENCH_MINUTES)])
    return failed


def compile_all() -> int:
    """Every source for this card, on all processors at once."""
    capability = launch.driver().capability()
    wanted = {
        (operator.folder / version.file, arch)
        for operator in operators().values()
        for version in operator.versions
        if isinstance(version, Cuda) and (arch := launch.arch_for(version.archs, capability))
    }
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        return len(list(pool.map(_compile, sorted(wanted))))


def test() -> int:
    """What pytest returns; 1 if it does not end."""
    workers = ("-n", "8") if importlib.util.find_spec("xdist") else ()
    words = [
        sys.executable,
        "-m",
        "pytest",
        *PYTEST,
        *workers,
        "-q",
        "-m",
        "gpu",
        "tests/kernels/test_launch.py",
    ]
    try:
        return subprocess.run(words, cwd=ROOT, timeout=TESTS_SECONDS, check=False).returncode
    except subprocess.TimeoutExpired:
        print(f"the tests did not end within {TESTS_SECONDS} s: a kernel may wait for ever", file=sys.stderr)
        return 1


def _compile(what: tuple[Path, str]) -> Path:
    return nvrtc.compile_source(*what).path


def _timed(what: str, run: Callable[[], int]) -> int:
    start = time.monotonic()
    found = run()
    print(f"{what}: {found}, {time.monotonic() - start:.0f} s", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
