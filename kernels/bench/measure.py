"""The cases of some operators timed in this process: ours, NumPy and the peers, one row per case.

Run as a process of its own for every number of threads (`run.py`), because NumPy's and the peers' libraries
read theirs from the environment when they are loaded.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kernels import threads
from kernels.bench import ceilings, harness, peers
from kernels.bench.harness import Run
from kernels.call import call
from kernels.dtypes import BY_NAME
from kernels.registry import ORACLE, Cpu, Operator, operators
from kernels.samples import Case, bench_cases
from kernels.schema import Binding

LONGEST = 1.0  # seconds of a NumPy call that is still timed beside the others
# How far a peer's answer may be from ours before it is taken for wrong, as a share of the largest value.
AGREES = {"f32": 1e-3, "bf16": 3e-2, "f16": 1e-2}


def main(arguments: list[str]) -> int:
    """`measure.py SECONDS peers|ladder PROCESSORS OPERATOR…`: a line of JSON per case, when it is done."""
    budget, ladder, names = float(arguments[0]), arguments[1] == "ladder", arguments[3:]
    os.sched_setaffinity(0, map(int, arguments[2].split(",")))
    tables = {} if ladder else peers.tables()
    for row in rows(names, budget, tables, ladder=ladder):
        print(json.dumps(row), flush=True)
    return 0


def rows(
    names: list[str], budget: float, tables: Mapping[str, Mapping[str, peers.Peer]], *, ladder: bool
) -> Iterator[dict[str, Any]]:
    """Time every benchmark case of these operators."""
    known = operators()
    for name in names:
        for case in bench_cases(known[name]):
            wanted = list(case.combinations(known[name].schema))
            for kinds in wanted if case.dtypes else wanted[:1]:
                yield _row(known[name], case, kinds, budget, tables, ladder=ladder)


def _row(
    operator: Operator,
    case: Case,
    kinds: Mapping[str, str],
    budget: float,
    tables: Mapping[str, Mapping[str, peers.Peer]],
    *,
    ladder: bool,
) -> dict[str, Any]:
    inputs, attributes = case.draw(operator, kinds), case.attributes_of(operator)
    types = case.unseen(operator.schema, kinds)
    made = call(operator, inputs, attributes, types=types, want=case.want)
    outs = made if isinstance(made, tuple) or made is None else (made,)

    def ours(version: str | None) -> Run:
        return lambda: call(operator, inputs, attributes, outs, version, types, case.want)

    contenders: dict[str, Run] = {"ours": ours(None)}
    notes: dict[str, str] = {}
    if ladder:
        contenders |= {each.name: ours(each.name) for each in operator.versions if isinstance(each, Cpu)}
    else:
        about = peers.Call(
            {array.name: value for array, value in zip(operator.schema.inputs, inputs, strict=True)},
            {each.name: value for each, value in zip(operator.schema.attributes, attributes, strict=True)},
            outs or (),
            threads.get_num_threads(),
        )
        found, notes = _peers(operator, about, tables, kinds.get("T", "f32"))
        contenders |= found
        if (once := _seconds(ours(ORACLE))) < LONGEST:
            contenders["numpy"] = ours(ORACLE)
        else:
            notes["numpy"] = f"left out: one call took {once:.1f} s"
    timings = harness.race(contenders, budget)
    return {
        "operator": operator.name,
        "case": case.label,
        "dtypes": "_".join(kinds.values()),
        "threads": threads.get_num_threads(),
        "seconds": {each: timing.seconds for each, timing in timings.items()},
        "ratios": {
            each: [timing.ratio.value, timing.ratio.low, timing.ratio.high]
            for each, timing in timings.items()
            if each != "ours"
        },
        "limit_seconds": _limit(operator, inputs, attributes, kinds),
        "notes": notes,
    }


def _peers(
    operator: Operator, about: peers.Call, tables: Mapping[str, Mapping[str, peers.Peer]], dtype: str
) -> tuple[dict[str, Run], dict[str, str]]:
    """What the peers have for this call, each checked; and why one is left out."""
    found, notes = {}, {}
    for name, table in tables.items():
        run = table[operator.name](about) if operator.name in table else None
        if run is None:
            continue
        far = _distance(run(), about.outs)
        if far > AGREES.get(dtype, 1e-3):
            notes[name] = f"left out: its answer is {far:.1e} of the largest value away from ours"
        else:
            found[name] = run
    return found, notes


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
        # torch's 16-bit floats are none of NumPy's.
        plain = their.double() if hasattr(their, "double") else their
        a, b = np.asarray(plain, np.float64), np.asarray(our, np.float64)
        difference = np.abs(a.reshape(b.shape) - b)
        scale = np.max(np.abs(b), initial=0.0, where=np.isfinite(b)) or 1.0
        far = max(far, float(np.max(difference, initial=0.0, where=np.isfinite(difference)) / scale))
    return far


def _limit(
    operator: Operator, inputs: tuple[Any, ...], attributes: tuple[Any, ...], kinds: Mapping[str, str]
) -> float:
    """Seconds below which this machine cannot do it: its bytes at copy speed, or its operations at peak."""
    dims = _dims(operator, inputs, attributes)
    dims["itemsize"] = BY_NAME[kinds["T"]].itemsize if "T" in kinds else 4
    count = threads.get_num_threads()
    moved = operator.work.bytes(dims)
    kind = kinds["T"] if operator.work.arithmetic == "T" else operator.work.arithmetic
    return max(
        moved / ceilings.copy_bandwidth(max(int(moved), 1), count),
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
