"""How fast the operators are on an NVIDIA card: `make bench-gpu`. Ceilings, ours and torch's, in one run.

Theory of operation. Every contender is captured once as a CUDA graph of `REPEATS` calls, so that what Python
takes to launch one is not timed; what cannot be captured is called in a loop, and its row says so. A round
replays every graph once in random order between two events of the card; the ratio within a round is what
counts (`harness.py`). The ceilings are measured in the same run: a copy with the working set of the case it
serves, so that arrays that fit the card's cache are not held against its memory, and products of matrices by
cuBLAS on random numbers (zeros take less power, and so run faster than anything real does).
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import importlib.util
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from kernels.bench import harness, peers
from kernels.bench.gpu_cases import LARGE
from kernels.call import call
from kernels.dtypes import BY_NAME
from kernels.errors import KernelError, NoVersion
from kernels.registry import Cuda, Operator, operators
from kernels.samples import Case, bench_cases
from kernels.schema import Binding
from kernels.toolchain import launch

RESULTS = Path(__file__).with_name("results")
REPEATS = 10  # calls in a graph
ROUNDS = 40
SIDE = 8192  # of the products of matrices
AGREES = {"f32": 1e-3, "bf16": 3e-2, "f16": 1e-2}  # as in measure.py
NO_CARD = (
    "no NVIDIA card can be used here, and GPU figures are measured or not given. Needed: a card of compute "
    "capability 8.0 to 8.9, 9.0 or 12.0 with its driver, and pip install -e '.[gpu]'"
)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print a line per case, keep the rows; 1 where there is no card."""
    parser = argparse.ArgumentParser(prog="python -m kernels.bench.gpu", description=__doc__)
    parser.add_argument("operators", nargs="*", help="only these")
    parser.add_argument("--data", type=Path, help="where the figures are kept")
    parser.add_argument("--minutes", type=float, help="begin no case after so many; say which are left out")
    chosen = parser.parse_args(arguments)
    until = time.monotonic() + 60 * (chosen.minutes or float("inf"))
    if not card_is_there():
        print(f"bench-gpu: {NO_CARD}", file=sys.stderr)
        return 1
    ceilings = {kind: _matmul(kind) for kind in ("f32", "bf16", "f16")}
    rows = []
    left_out = []
    for operator, case, kinds in _cases(chosen.operators):
        if time.monotonic() > until:
            left_out.append(f"{case} {'_'.join(kinds.values())}")
            continue
        with contextlib.suppress(NoVersion):  # none for this dtype
            rows.append(_row(operator, case, kinds, ceilings))
            print(line(rows[-1]), flush=True)
    if left_out:
        print(f"left out after {chosen.minutes} minutes: {', '.join(left_out)}")
    kept = {"machine": _machine(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    path = chosen.data or RESULTS / f"gpu-{datetime.now(UTC):%Y-%m-%d}.json"
    path.write_text(json.dumps({**kept, "matmul_flops": ceilings, "rows": rows}, indent=1) + "\n")
    print(f"kept in {path}")
    return 0


def line(row: Mapping[str, Any]) -> str:
    """A row in words."""
    what = " ".join(row[each] for each in ("operator", "version", "case", "dtypes"))
    what += f": {row['seconds']['ours'] * 1e6:.1f} us"
    parts = [f"{row['bytes_per_second'] / 1e9:.0f} GB/s", f"{row['flops_per_second'] / 1e12:.2f} TFLOP/s"]
    parts.append(f"{row['of_limit']:.0%} of the limit")
    parts += [
        f"{value:.2f} times {name} ({low:.2f} to {high:.2f})"
        for name, (value, low, high) in row["ratios"].items()
    ]
    return ", ".join([what, *parts, *(f"{name}: {note}" for name, note in row["notes"].items())])


def _cases(names: list[str]) -> Iterator[tuple[Operator, Case, dict[str, str]]]:
    """What is timed: where there are large cases, those, and their operators first."""
    known = operators()
    if unknown := [name for name in names if name not in known]:
        raise KernelError(f"no operator {', '.join(unknown)}; there are: {', '.join(known)}")
    for name in names or sorted(known, key=lambda name: all(case.op != name for case in LARGE)):
        large = [case for case in LARGE if case.op == name]
        for case in large or bench_cases(known[name]):
            for kinds in case.combinations(known[name].schema):
                yield known[name], case, kinds


def _versions(operator: Operator, kinds: Mapping[str, str], dims: dict[str, int]) -> list[str]:
    """The versions that this card runs, but for the plainest: the one that is chosen, then the others."""
    capability = launch.driver().capability()
    found = [
        each
        for each in operator.candidates("cuda", "_".join(kinds.values()), dims)
        if isinstance(each, Cuda) and launch.arch_for(each.archs, capability)
    ]
    chosen = [each.name for each in found if not each.by_name][-1:]
    return chosen + [e.name for e in found if "naive" not in e.name and e.name not in chosen]


def _row(
    operator: Operator, case: Case, kinds: Mapping[str, str], ceilings: Mapping[str, float | None]
) -> dict[str, Any]:
    import cupy

    host = case.draw(operator, kinds)
    inputs = tuple(None if each is None else cupy.asarray(each) for each in host)
    attributes = case.attributes_of(operator)
    types = case.unseen(operator.schema, kinds)
    made = call(operator, inputs, attributes, types=types, want=case.want)
    outs = made if isinstance(made, tuple) or made is None else (made,)
    dims = _dims(operator, inputs, attributes, kinds)
    version, *others = _versions(operator, kinds, dims)

    def named(name: str) -> Ours:
        return Ours(lambda: call(operator, inputs, attributes, outs, name, types, case.want))

    contenders = {"ours": named(version), **{name: named(name) for name in others}}
    notes: dict[str, str] = {}
    _add_torch(contenders, notes, operator, inputs, attributes, outs or (), kinds.get("T", "f32"))
    times = _race(contenders)
    moved, flops = operator.work.bytes(dims), operator.work.flops(dims)
    ours = median(times["ours"])
    rate = ceilings.get(kinds.get("T", "f32") if operator.work.arithmetic == "T" else "f32")
    limit = max(moved / copy_bandwidth(int(moved)), flops / rate if rate else 0.0)
    notes |= {name: "launches included" for name, each in contenders.items() if not each.captured}
    return {
        "operator": operator.name,
        "version": version,
        "case": case.label,
        "dtypes": "_".join(kinds.values()),
        "seconds": {name: median(each) for name, each in times.items()},
        "ratios": {
            name: [found.value, found.low, found.high]
            for name, found in ((n, harness.ratio(t, times["ours"])) for n, t in times.items() if n != "ours")
        },
        "bytes_per_second": moved / ours,
        "flops_per_second": flops / ours,
        "limit_seconds": limit,
        "of_limit": limit / ours,
        "notes": notes,
    }


class Ours:
    """A call made through CuPy, as a graph where it can be captured."""

    def __init__(self, run: Callable[[], Any]) -> None:
        import cupy

        self.run, self.cupy = run, cupy
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self.captured = False
        with self.stream:
            for _ in range(3):  # loads kernels and fills the memory pool, neither of which may be captured
                run()
            self.stream.synchronize()
            try:
                self.stream.begin_capture()
                for _ in range(REPEATS):
                    run()
                self.graph = self.stream.end_capture()
                self.captured = True
            except (RuntimeError, ValueError):
                with contextlib.suppress(RuntimeError):
                    self.stream.end_capture()

    def replay(self) -> None:
        with self.stream:
            if self.captured:
                self.graph.launch(self.stream)
            else:
                for _ in range(REPEATS):
                    self.run()

    def sample(self) -> float:
        """Seconds of one call."""
        begin, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        begin.record(self.stream)
        self.replay()
        end.record(self.stream)
        end.synchronize()
        return float(self.cupy.cuda.get_elapsed_time(begin, end)) / 1e3 / REPEATS


class Torchs(Ours):
    """A call made by torch, on a stream that CuPy's events can look at."""

    def __init__(self, run: Callable[[], Any]) -> None:
        import cupy

        torch = _torch()
        self.run, self.cupy, self.torch = run, cupy, torch
        self.stream = cupy.cuda.Stream(non_blocking=True)
        self.theirs = torch.cuda.ExternalStream(self.stream.ptr)
        self.captured = False
        with torch.cuda.stream(self.theirs):
            for _ in range(3):
                run()
        self.stream.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with contextlib.suppress(RuntimeError):
            with torch.cuda.graph(self.graph, stream=self.theirs):
                for _ in range(REPEATS):
                    run()
            self.captured = True

    def replay(self) -> None:
        with self.torch.cuda.stream(self.theirs):
            if self.captured:
                self.graph.replay()
            else:
                for _ in range(REPEATS):
                    self.run()


def _race(contenders: Mapping[str, Ours]) -> dict[str, list[float]]:
    rng = random.Random(0)  # noqa: S311 - an order, not a secret
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for each in contenders.values():
        each.sample()
    until = time.perf_counter() + 20
    while len(times["ours"]) < ROUNDS and (len(times["ours"]) < 12 or time.perf_counter() < until):
        for name in rng.sample(list(contenders), len(contenders)):
            times[name].append(contenders[name].sample())
    return times


def _add_torch(
    contenders: dict[str, Ours],
    notes: dict[str, str],
    operator: Operator,
    inputs: tuple[Any, ...],
    attributes: tuple[Any, ...],
    outs: tuple[Any, ...],
    dtype: str,
) -> None:
    """torch's way beside ours, if it is installed, has one, and agrees with us."""
    if not _torch_is_there():
        return
    from kernels.bench.peers import torch_peer

    torch = _torch()

    named = {array.name: value for array, value in zip(operator.schema.inputs, inputs, strict=True)}
    settings = {each.name: value for each, value in zip(operator.schema.attributes, attributes, strict=True)}
    fresh = tuple(None if each is None else each.copy() for each in outs)  # ours keep what ours has computed
    peer = torch_peer.PEERS.get(operator.name)
    try:
        run = peer(peers.Call(named, settings, fresh, 1)) if peer else None
        if run is None:
            return
        found = run()
        torch.cuda.synchronize()
    except (RuntimeError, TypeError) as refused:
        notes["torch"] = f"left out: {str(refused).partition(chr(10))[0]}"
        return
    for theirs, our in zip(found if isinstance(found, tuple | list) else (found,), outs, strict=False):
        if theirs is None or our is None:
            continue
        a, b = theirs.double(), torch_peer.tensor(our).double()
        far = float((a.reshape(b.shape) - b).abs().max() / b.abs().max().clamp(min=1e-30))
        if far > AGREES.get(dtype, 1e-3):
            notes["torch"] = f"left out: its answer is {far:.1e} of the largest value away from ours"
            return
    contenders["torch"] = Torchs(run)


@functools.cache
def copy_bandwidth(working_set: int) -> float:
    """Bytes per second, read and written, of a copy whose two arrays together are so large."""
    import cupy

    size = max(working_set // 2, 1 << 12)
    source, target = cupy.arange(size // 4, dtype=cupy.float32), cupy.empty(size // 4, cupy.float32)

    def run() -> None:
        target.data.copy_from_device_async(source.data, size // 4 * 4, cupy.cuda.get_current_stream())

    copying = Ours(run)
    return 2 * (size // 4 * 4) / min(copying.sample() for _ in range(ROUNDS))


def _matmul(kind: str) -> float | None:
    """Operations per second of cuBLAS through torch, on random matrices; None without torch."""
    if not _torch_is_there():
        return None
    torch = _torch()
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[kind]
    a, b = (torch.randn(SIDE, SIDE, device="cuda", dtype=dtype) for _ in range(2))
    out = torch.empty_like(a)
    product = Torchs(lambda: torch.matmul(a, b, out=out))
    return float(2 * SIDE**3 / min(product.sample() for _ in range(10)))


def _dims(
    operator: Operator, inputs: tuple[Any, ...], attributes: tuple[Any, ...], kinds: Mapping[str, str]
) -> dict[str, int]:
    schema, binding = operator.schema, Binding(operator.name)
    for attribute, value in zip(schema.attributes, attributes, strict=True):
        if attribute.kind != "float":
            binding.dims[attribute.name] = int(attribute.encode(operator.name, value))
    for array, given in zip(schema.inputs, inputs, strict=True):
        if given is not None:
            binding.read(array, given.shape)
    if schema.derive:
        binding.dims.update(schema.derive(binding.dims))
    itemsize = BY_NAME[kinds["T"]].itemsize if "T" in kinds else 4
    return {**dict.fromkeys(schema.dimensions(), 0), **binding.dims, "itemsize": itemsize}


def card_is_there() -> bool:
    """Whether CuPy is installed and finds a card."""
    if importlib.util.find_spec("cupy") is None:
        return False
    import cupy

    return bool(cupy.cuda.is_available())


def _torch() -> Any:
    """Untyped, so that this module is checked alike with and without torch."""
    return importlib.import_module("torch")


def _torch_is_there() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    return bool(_torch().cuda.is_available())


def _machine() -> dict[str, Any]:
    import cupy

    from kernels.toolchain import nvrtc

    about = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
    torch = _torch().__version__ if _torch_is_there() else None
    return {
        "card": about["name"].decode(),
        "memory": about["totalGlobalMem"],
        "processors": about["multiProcessorCount"],
        "capability": cupy.cuda.Device().compute_capability,
        "driver": cupy.cuda.runtime.driverGetVersion(),
        "nvrtc": ".".join(map(str, nvrtc.version())) if nvrtc.available() else None,
        "cupy": cupy.__version__,
        "torch": torch,
    }


if __name__ == "__main__":
    sys.exit(main())
