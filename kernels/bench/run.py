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

from kernels.bench import measure, peers, report
from kernels.bench.record import Record
from kernels.errors import BadArgument, KernelError
from kernels.registry import operators
from kernels.toolchain import cc, isa

RESULTS = Path(__file__).with_name("results")
# Read by OpenBLAS, MKL, OpenMP and our own kernels when they are loaded.
THREADS = ("KERNELS_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def bench(names: list[str], seconds: float, counts: list[int] | None, data: Path | None) -> int:
    """Time operators beside NumPy and the peers that are installed, with one thread and with all.

    The rows go to `data`, by default a file of the day, and renew those of the same cases there; a table of
    all of them goes beside it.
    """
    counts = counts or sorted({1, len(os.sched_getaffinity(0))})
    names = _known(names)
    if missing := peers.missing():
        print(f"not installed, so not compared with: {', '.join(missing)} (pip install {' '.join(missing)})")
    record = _record(data or RESULTS / f"peers-{datetime.now(UTC):%Y-%m-%d}.json")
    failed = [_timed(record, names, seconds, count, "peers") for count in counts]
    summary, table = report.summary(record.rows, list(operators())), record.path.with_suffix(".md")
    table.write_text("\n".join([*report.heading(record.kept), *report.table(record.rows), "", *summary, ""]))
    print("\n".join(["", *summary, "", f"kept in {record.path}, as a table in {table}"]))
    return int(any(failed))


def ladder(names: list[str], seconds: float) -> int:
    """Time the versions of operators beside each other, one thread, and write the table into the README."""
    names = _known(names)
    record = _record(RESULTS / "ladder.json")
    failed = _timed(record, names, seconds, 1, "ladder")
    report.write_ladder(record.kept)
    return int(failed)


def _timed(record: Record, names: list[str], seconds: float, count: int, what: str) -> bool:
    """Time, print and keep; whether anything failed, which is said, while the others went on."""
    try:
        for row in _measured(names, seconds, count, what):
            record.add(row)
            print(report.line(row), flush=True)
    except KernelError as refused:
        print(refused, file=sys.stderr, flush=True)
        return True
    return False


def _record(path: Path) -> Record:
    cases = [
        (name, case.label, "_".join(kinds.values()))
        for name, operator in operators().items()
        for case, kinds in measure.timed(operator)
    ]
    return Record(path, machine(), cases)


def machine() -> dict[str, Any]:
    """What the figures hold for."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = (line.partition(":")[2].strip() for line in lines if "model name" in line)
    return {
        "cpu": next(models, platform.processor()),
        "processors": os.cpu_count(),
        "level": isa.chosen(),
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
        raise KernelError(f"timing with {count} threads ended with {child.returncode}; why stands above")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
