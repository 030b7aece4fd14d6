"""The cases of some operators timed here, a row each: ours beside NumPy and the peers, or our versions.

Run as a process of its own for every number of threads (`run.py`), because NumPy's and the peers' libraries
read theirs from the environment when they are loaded.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import numpy as np

from kernels import compiled, threads
from kernels.bench import ceilings, harness, peers
from kernels.bench.harness import Run
from kernels.call import call
from kernels.dtypes import BY_NAME
from kernels.errors import KernelError
from kernels.registry import ORACLE, Cpu, Operator, operators
from kernels.samples import Case, bench_cases
from kernels.schema import Binding
from kernels.toolchain import isa

Tables = Mapping[str, Mapping[str, peers.Peer]]
COMPARED = 1 << 20  # about so many numbers of a peer's answer
LONGEST = 1.0  # seconds of a call that is still made again beside the others
# How far a peer's answer may be from ours before it is taken for wrong, as a share of the largest value.
AGREES = {"f32": 1e-3, "bf16": 3e-2, "f16": 1e-2}


def main(arguments: list[str]) -> int:
    """`measure.py SECONDS peers|ladder PROCESSORS OPERATOR…`: a line of JSON per case, when it is done.

    1 where an operator cannot be called, which is said.
    """
    budget, ladder, names = float(arguments[0]), arguments[1] == "ladder", arguments[3:]
    os.sched_setaffinity(0, map(int, arguments[2].split(",")))
    tables = None if ladder else peers.tables()
    failed = 0
    for name in names:
        try:
            for row in rows([name], budget, tables):
                print(json.dumps(row), flush=True)
        except KernelError as refused:  # the others are timed all the same
            print(f"{name}: {refused}", file=sys.stderr, flush=True)
            failed = 1
    return failed


def rows(names: list[str], budget: float, tables: Tables | None) -> Iterator[dict[str, Any]]:
    """Time every benchmark case of these operators: beside the peers, or without them our versions."""
    for name in names:
        operator = operators()[name]
        for case, kinds in timed(operator):
            yield _row(_Prepared(operator, case, kinds), budget, tables)


def timed(operator: Operator) -> list[tuple[Case, dict[str, str]]]:
    """What an operator is timed on: its cases, with the dtypes they name, else the first of the schema."""
    found = []
    for case in bench_cases(operator):
        wanted = list(case.combinations(operator.schema))
        found += [(case, kinds) for kinds in (wanted if case.dtypes else wanted[:1])]
    return found


class _Prepared:
    """The arrays and attributes of a case, and ways to call it."""

    def __init__(self, operator: Operator, case: Case, kinds: Mapping[str, str]) -> None:
        self.operator, self.case, self.kinds = operator, case, kinds
        self.inputs, self.attributes = case.draw(operator, kinds), case.attributes_of(operator)
        self.types = case.unseen(operator.schema, kinds)
        made = call(operator, self.inputs, self.attributes, types=self.types, want=case.want)
        self.outs: tuple[Any, ...] | None = made if isinstance(made, tuple) or made is None else (made,)

    def ours(self, version: str | None = None) -> Run:
        about = (self.operator, self.inputs, self.attributes, self.outs, version, self.types, self.case.want)
        return lambda: call(*about)

    def for_peers(self) -> peers.Call:
        schema = self.operator.schema
        return peers.Call(
            {array.name: value for array, value in zip(schema.inputs, self.inputs, strict=True)},
            {each.name: value for each, value in zip(schema.attributes, self.attributes, strict=True)},
            self.outs or (),
            threads.get_num_threads(),
        )

    def versions(self) -> list[str]:
        """Those of our versions that serve the case on this machine."""
        dims = _dims(self.operator, self.inputs, self.attributes)
        served = self.operator.candidates("cpu", "_".join(self.kinds.values()), dims)
        return [each.name for each in served if isinstance(each, Cpu) and compiled.serves(each, isa.chosen())]


def _row(case: _Prepared, budget: float, tables: Tables | None) -> dict[str, Any]:
    raced, once, notes = _versions(case) if tables is None else _others(case, tables)
    timings = harness.race({"ours": case.ours(), **raced}, budget)
    return {
        "operator": case.operator.name,
        "case": case.case.label,
        "dtypes": "_".join(case.kinds.values()),
        "threads": threads.get_num_threads(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load": os.getloadavg()[0],
        "seconds": {each: timing.seconds for each, timing in timings.items()} | once,
        "ratios": {
            each: [timing.ratio.value, timing.ratio.low, timing.ratio.high]
            for each, timing in timings.items()
            if each != "ours"
        },
        "limit_seconds": _limit(case.operator, case.inputs, case.attributes, case.kinds),
        "notes": notes,
    }


def _versions(case: _Prepared) -> tuple[dict[str, Run], dict[str, float], dict[str, str]]:
    """Our versions to be raced, and the seconds of those so slow that one call has to do."""
    raced: dict[str, Run] = {}
    once: dict[str, float] = {}
    for version in case.versions():
        run = case.ours(version)
        if (spent := _seconds(run)) > LONGEST:
            once[version] = spent
        else:
            raced[version] = run
    return raced, once, {}


def _others(case: _Prepared, tables: Tables) -> tuple[dict[str, Run], dict[str, float], dict[str, str]]:
    """NumPy and the peers to be raced, and why one is left out."""
    raced, notes = _peers(case.operator, case.for_peers(), tables, case.kinds.get("T", "f32"))
    if _within(LONGEST, case.ours(ORACLE)):
        raced["numpy"] = case.ours(ORACLE)
    else:
        notes["numpy"] = f"left out: a call takes more than {LONGEST:g} s"
    return raced, {}, notes


def _peers(
    operator: Operator, about: peers.Call, tables: Tables, dtype: str
) -> tuple[dict[str, Run], dict[str, str]]:
    """What the peers have for this call, each checked; and why one is left out."""
    found, notes = {}, {}
    for name, table in tables.items():
        try:
            run = table[operator.name](about) if operator.name in table else None
            if run is None:
                continue
            far = _distance(run(), about.outs)
        except (RuntimeError, TypeError, ValueError) as refused:
            first = str(refused).partition("\n")[0]
            notes[name] = f"left out: it raised {type(refused).__name__}: {first:.80}"
            continue
        if far > AGREES.get(dtype, 1e-3):
            notes[name] = f"left out: its answer is {far:.1e} of the largest value away from ours"
        else:
            found[name] = run
    return found, notes


class _TooLongError(Exception):
    """A call took longer than it was given."""


def _within(seconds: float, run: Run) -> bool:
    """Whether a call of NumPy code ends in time; it is broken off at the next step of its Python code."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, ring)
    start = time.perf_counter()
    # Again every tenth of a second: what is raised within a finaliser is lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        run()
    except _TooLongError:
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return time.perf_counter() - start < seconds


def _seconds(run: Run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _distance(theirs: Any, ours: tuple[Any, ...]) -> float:
    """The largest difference as a share of the largest value; 0 where there is nothing to compare."""
    far = 0.0
    for their, our in zip(theirs if isinstance(theirs, tuple | list) else (theirs,), ours, strict=False):
        if their is None or our is None:
            continue
        step = max(1, our.size // COMPARED)
        some = their.reshape(-1)[::step]
        # torch's 16-bit floats are none of NumPy's.
        a = np.asarray(some.double() if hasattr(some, "double") else some, np.float64)
        b = np.asarray(our.reshape(-1)[::step], np.float64)
        difference = np.abs(a - b)
        scale = np.max(np.abs(b), initial=0.0, where=np.isfinite(b)) or 1.0
        far = max(far, float(np.max(difference, initial=0.0, where=np.isfinite(difference)) / scale))
    return far


def _limit(
    operator: Operator, inputs: tuple[Any, ...], attributes: tuple[Any, ...], kinds: Mapping[str, str]
) -> float:
    """Seconds below which this machine cannot do it: its bytes at copy speed (what is updated in place at the
    speed of that), or its operations at peak."""
    dims = _dims(operator, inputs, attributes)
    dims["itemsize"] = BY_NAME[kinds["T"]].itemsize if "T" in kinds else 4
    count = threads.get_num_threads()
    moved = operator.work.bytes(dims)
    updated: float = 2.0 * sum(
        value.nbytes
        for array, value in zip(operator.schema.inputs, inputs, strict=True)
        if array.update and value is not None
    )
    working_set = max(int(moved), 1)
    copied = max(moved - updated, 0.0) / ceilings.copy_bandwidth(working_set, count)
    kind = kinds["T"] if operator.work.arithmetic == "T" else operator.work.arithmetic
    return max(
        copied + (updated / ceilings.update_bandwidth(working_set, count) if updated else 0.0),
        operator.work.flops(dims) / ceilings.operations(kind, count),
    )


def _dims(operator: Operator, inputs: tuple[Any, ...], attributes: tuple[Any, ...]) -> dict[str, int]:
    schema, binding = operator.schema, Binding(operator.name)
    for attribute, value in zip(schema.attributes, attributes, strict=True):
        if attribute.kind != "float":
            binding.dims[attribute.name] = int(attribute.encode(operator.name, value))
    for array, value in zip(schema.inputs, inputs, strict=True):
        if value is not None:
            binding.read(array, value.shape)
    if schema.derive:
        binding.dims.update(schema.derive(binding.dims))
    return {**dict.fromkeys(schema.dimensions(), 0), **binding.dims}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
