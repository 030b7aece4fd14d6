"""What a card can do at best: bytes a second from cache and memory, products a second by kind of number.

Not in charge of judging: `Machine` (`fingerprint.py`) makes a roofline and a physics floor of these figures,
as of a processor's. `calibrate.cu` holds the kernels.

As on processors a figure is the best of many short runs and is only ever raised. Cards of other architectures
than sm_90a are measured with mma.sync alone; where they have units that it cannot fill, as sm_100 does, the
figure for tensor cores is too low, and the floor leaves more room than it need (`TOO_LOW`).
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench_runner import calibration
from bench_runner.calibration import Calibration, Level, Peak
from bench_runner.devices.card import Card
from bench_runner.devices.driver import Context, DriverError
from bench_runner.errors import CardUnhealthy
from tasks import cuda

SOURCE = Path(__file__).with_name("calibrate.cu")
THREADS, BLOCKS_A_PROCESSOR = 256, 8
RUN_SECONDS = 0.01
QUICK_RUNS, THOROUGH_RUNS = 10, 200
MEMORY_BYTES = 1 << 30  # for each of two buffers: far more than any cache
TOO_LOW = 4.0  # by so much mma.sync may fall behind on cards whose own units we cannot use


@dataclass(frozen=True)
class _Unit:
    """A kernel that multiplies: operations a block does in a round."""

    kernel: str
    set: str
    kind: str
    operations: int
    needs: tuple[int, int]  # the first capability that has it


WARPS = THREADS // 32
UNITS = (
    _Unit("cores_f32", "cores", "f32", THREADS * 32 * 2, (8, 0)),
    _Unit("mma_tf32", "mma", "tf32", WARPS * 8 * 2 * 16 * 8 * 8, (8, 0)),
    _Unit("mma_bf16", "mma", "bf16", WARPS * 8 * 2 * 16 * 8 * 16, (8, 0)),
    _Unit("mma_bf16", "mma", "f16", WARPS * 8 * 2 * 16 * 8 * 16, (8, 0)),  # as fast on every card
    _Unit("mma_fp8", "mma", "fp8", WARPS * 8 * 2 * 16 * 8 * 32, (8, 9)),
)
ASYNCHRONOUS = (  # of sm_90a alone
    _Unit("wgmma_tf32", "wgmma", "tf32", 2 * 4 * 2 * 64 * 128 * 8, (9, 0)),
    _Unit("wgmma_bf16", "wgmma", "bf16", 2 * 4 * 2 * 64 * 128 * 16, (9, 0)),
    _Unit("wgmma_bf16", "wgmma", "f16", 2 * 4 * 2 * 64 * 128 * 16, (9, 0)),
    _Unit("wgmma_fp8", "wgmma", "fp8", 2 * 4 * 2 * 64 * 128 * 32, (9, 0)),
)


def calibrate_card(card: Card, folder: Path, *, thorough: bool = False) -> Calibration:
    """The stored calibration of this kind of card, or a new one (some seconds).

    Raises:
        CardUnhealthy: the card does not do it.
    """
    store = calibration.store_of(folder, card.hardware_class)
    known = calibration.load(store, card.name, None)
    if known is not None and not thorough:
        return known
    try:
        fresh = measure(card, THOROUGH_RUNS if thorough else QUICK_RUNS)
    except (DriverError, OSError, cuda.BuildError) as error:
        raise CardUnhealthy(f"it cannot be calibrated: {error}") from error
    best = fresh if known is None else fresh.better_of(known)
    calibration.keep(best, store)
    return best


def measure(card: Card, runs: int) -> Calibration:
    units = units_of(card)
    context = Context(card.uuid)
    try:
        names = sorted({unit.kernel for unit in units} | {"copy", "read", "fill"})
        context.load(cuda.compile_cubin(str(SOURCE), card.arch), names)
        measuring = _Measuring(context, runs)
        peaks = tuple(measuring.peak(unit) for unit in units)
        levels = tuple(measuring.levels())
    finally:
        context.close()
    slack = Peak("allowance", "fp8", TOO_LOW * max(peak.rate for peak in peaks))
    if card.capability >= (10, 0):
        peaks = (*peaks, slack)
    return Calibration(card.name, peaks, levels, load=0.0)


def units_of(card: Card) -> list[_Unit]:
    units = [*UNITS, *(ASYNCHRONOUS if card.arch == "sm_90a" else ())]
    return [unit for unit in units if unit.needs <= card.capability]


class _Measuring:
    def __init__(self, context: Context, runs: int) -> None:
        self._context, self._runs = context, runs
        self._blocks = BLOCKS_A_PROCESSOR * context.attribute("processors")

    def peak(self, unit: _Unit) -> Peak:
        out = self._context.allocate(4 * THREADS * self._blocks)
        word = ctypes.c_uint64(out)

        def run(rounds: int) -> float:
            return self._seconds(unit.kernel, word, ctypes.c_uint32(rounds))

        rounds = 256
        while (took := run(rounds)) < RUN_SECONDS and rounds < 1 << 24:
            rounds *= 2
        took = min(took, *(run(rounds) for _ in range(self._runs)))
        self._context.free(out)
        return Peak(unit.set, unit.kind, unit.operations * rounds * self._blocks / took)

    def levels(self) -> Iterator[Level]:
        """The cache with a part of what it holds, where it is the fastest; memory with far more than fits."""
        cache = self._context.attribute("l2_bytes")
        for name, capacity, size in (("L2", cache, cache // 4), ("memory", MEMORY_BYTES, MEMORY_BYTES)):
            yield Level(name, capacity, *self._rates(size // 16 * 16))

    def _rates(self, size: int) -> tuple[float, float]:
        context = self._context
        buffers = [context.allocate(size) for _ in range(2)]
        words = [ctypes.c_uint64(each) for each in buffers]
        self._seconds("fill", words[0], ctypes.c_uint64(size // 4))
        count = ctypes.c_uint64(size // 16)
        best = []
        for kernel, moved in (("copy", 2 * size), ("read", size)):
            times = [self._seconds(kernel, *words, count, repeats=8) for _ in range(self._runs)]
            best.append(moved / min(times))
        for each in buffers:
            context.free(each)
        return best[0], best[1]

    def _seconds(self, kernel: str, *arguments: object, repeats: int = 1) -> float:
        """Of one launch; `repeats` follow each other without waiting, so that the host is not timed."""
        begin = time.perf_counter()
        for _ in range(repeats):
            self._context.launch(kernel, self._blocks, THREADS, *arguments)
        self._context.wait()
        return (time.perf_counter() - begin) / repeats
