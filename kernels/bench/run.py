"""`python -m kernels bench` and `python -m kernels ladder`: time, print, keep.

Every number of threads gets a process of its own, on processors of its own: one thread is timed on one
processor. The rows of a run are kept as data with the machine and the date; the tables are made from them.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from kernels.bench import peers, report
from kernels.errors import BadArgument, KernelError
from kernels.registry import operators
from kernels.toolchain import cc, isa

RESULTS = Path(__file__).with_name("results")
# Read by OpenBLAS, MKL, OpenMP and our own kernels when they are loaded.
THREADS = ("KERNELS_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def bench(names: list[str], seconds: float, counts: list[int] | None, data: Path | None) -> int:
    """Time operators beside NumPy and the peers that are installed, with one thread and with all."""
    counts = counts or sorted({1, len(os.sched_getaffinity(0))})
    names = _known(names)
    if missing := peers.missing():
        print(f"not installed, so not compared with: {', '.join(missing)} (pip install {' '.join(missing)})")
    rows = []
    for count in counts:
        for row in _measured(names, seconds, count, "peers"):
            rows.append(row)
            print(report.line(row), flush=True)
    path = data or RESULTS / f"peers-{datetime.now(UTC):%Y-%m-%d}.json"
    _keep(rows, path)
    print("\n".join(["", *report.table(rows), "", *report.summary(rows), "", f"kept in {path}"]))
    return 0


def ladder(names: list[str], seconds: float) -> int:
    """Time the versions of operators beside each other, one thread, and write the table into the README."""
    rows = []
    for row in _measured(_known(names), seconds, 1, "ladder"):
        rows.append(row)
        print(report.line(row), flush=True)
    report.write_ladder(_keep(rows, RESULTS / "ladder.json"))
    return 0


def _keep(rows: list[dict[str, Any]], path: Path) -> dict[str, Any]:
    kept = {"machine": machine(), "at": datetime.now(UTC).isoformat(timespec="seconds"), "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n")
    return kept


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return {
        "cpu": next(models, platform.processor()),
        "cores": len(os.sched_getaffinity(0)),
        "level": isa.chosen(),
        "load": os.getloadavg()[0],
        "compiler": cc.compiler_version(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        **{package: _version(package) for package in ("torch", "onnxruntime", "bitsandbytes")},
    }


def _known(names: list[str]) -> list[str]:
    known = list(operators())
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadArgument(f"no operator {', '.join(unknown)}; there are: {', '.join(known)}")
    return names or known


def _measured(names: list[str], seconds: float, count: int, what: str) -> Iterator[dict[str, Any]]:
    processors = sorted(os.sched_getaffinity(0))
    if count > len(processors):
        raise BadArgument(f"{count} threads wanted; this process may use {len(processors)} processors")
    environment = {**os.environ, **dict.fromkeys(THREADS, str(count))}
    pinned = ",".join(map(str, processors[-count:]))
    command = [sys.executable, "-m", "kernels.bench.measure", str(seconds), what, pinned, *names]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
        for text in child.stdout or ():
            yield json.loads(text)
    if child.returncode:
        raise KernelError(f"{' '.join(command)} ended with {child.returncode}; what it said stands above")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
