"""What this machine can do at best: operations a second by instruction set and bytes a second by cache level,
of one core.

Not in charge of judging: `Machine` (`fingerprint.py`) turns these figures into a roofline and a physics
floor.

Theory of operation. `calibrate.c` measures; here is which instruction sets this CPU has, which working sets
fit its caches, and what is kept in WORKER_DATA_DIR, once per CPU model. Other load can only make a figure too
low, and a figure that is too low would hold an honest kernel for impossible. So each is the best of many
short runs, a new calibration only ever raises a figure, and one made on a busy machine is made again at the
next start and doubles the floor's margin until then. `doctor --calibrate` takes longer over it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_runner.errors import InfrastructureFault

VERSION = 2
BUSY_LOAD_A_CORE = 0.5
QUICK_SECONDS, THOROUGH_SECONDS = 0.03, 0.4  # for one figure: at a worker's first start, and when asked for
FLAGS = ("-O3", "-std=gnu17")
SOURCE = Path(__file__).with_name("calibrate.c")
CURE = "install gcc (`apt-get install gcc libc6-dev`), then run `python -m bench_runner doctor --calibrate`"
# How the program ends where the compiler or the kernel lacks a set, or a hypervisor shows what it forbids.
NOT_HERE = (3, -signal.SIGILL)

# Instruction set → flags of /proc/cpuinfo without which it is not tried. The first two run everywhere.
SETS: dict[str, tuple[str, ...]] = {
    "scalar": (),
    "vector": (),  # 128 bits: SSE2, NEON
    "avx2": ("avx2", "fma"),
    "avx512": ("avx512f",),
    "avx512-bf16": ("avx512f", "avx512_bf16"),
    "avx512-fp16": ("avx512f", "avx512_fp16"),
    "avx-vnni": ("avx2", "avx_vnni"),
    "avx512-vnni": ("avx512f", "avx512_vnni"),
    "amx-bf16": ("amx_tile", "amx_bf16"),
    "amx-int8": ("amx_tile", "amx_int8"),
}
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
COMMON_CACHES = (("L1", 32 * 2**10), ("L2", 2**20), ("L3", 16 * 2**20))  # where the machine shows none
LEAST_MEMORY, MOST_MEMORY = 64 * 2**20, 256 * 2**20  # the working set that stands for memory
# With which numbers products of a type can be computed and be as exact.
KINDS = {
    "bfloat16": ("bf16", "f32"),
    "float16": ("f16", "f32"),
    "float32": ("f32",),
    "float64": ("f64",),
}


@dataclass(frozen=True)
class Peak:
    """Operations a second of one instruction set with one kind of number; a multiply-add counts two."""

    set: str
    kind: str  # f32, f64, f16, bf16, int8
    rate: float


@dataclass(frozen=True)
class Level:
    """Bytes a second while a working set that fits here is walked again and again."""

    name: str  # L1, L2, …, memory
    capacity: int  # bytes; of memory what it was measured with
    copy: float  # read and written bytes together
    read: float

    @property
    def best(self) -> float:
        return max(self.copy, self.read)


@dataclass(frozen=True)
class Calibration:
    """The best that one core has shown."""

    cpu: str
    peaks: tuple[Peak, ...]
    levels: tuple[Level, ...]  # from the smallest cache to memory
    load: float  # of others while it was measured, per core
    version: int = VERSION

    @property
    def busy(self) -> bool:
        return self.load >= BUSY_LOAD_A_CORE

    def peak(self, dtype: str) -> float:
        """Operations a second with numbers of this type."""
        return max(peak.rate for peak in self.peaks if peak.kind in KINDS[dtype])

    @property
    def highest_peak(self) -> float:
        """With numbers of any type: products of float32 can be put together from narrower ones."""
        return max(peak.rate for peak in self.peaks)

    def seconds(self, moved: float) -> float:
        """The least time to walk so many bytes: as many as each level holds, at the speed of that level."""
        return self._walk(moved, [level.best for level in self.levels])

    def optimistic_seconds(self, moved: float) -> float:
        """As if all bytes lay one level nearer than they can: no honest program is faster."""
        rates = [level.best for level in self.levels]
        return self._walk(moved, [rates[0], *rates[:-1]])

    def _walk(self, moved: float, rates: list[float]) -> float:
        seconds = 0.0
        for level, rate in zip(self.levels[:-1], rates, strict=False):
            here = min(moved, level.capacity)
            seconds, moved = seconds + here / rate, moved - here
        return seconds + moved / rates[-1]

    def better_of(self, other: Calibration) -> Calibration:
        """Each figure the higher of both; what only one has counts too."""
        peaks = {(p.set, p.kind): p for p in sorted((*self.peaks, *other.peaks), key=lambda p: p.rate)}
        levels = tuple(
            Level(a.name, a.capacity, max(a.copy, b.copy), max(a.read, b.read))
            for a, b in zip(self.levels, other.levels, strict=True)
        )
        known = [*SETS, *sorted({name for name, _ in peaks} - set(SETS))]
        order = sorted(peaks.values(), key=lambda peak: (known.index(peak.set), peak.kind))
        return Calibration(self.cpu, tuple(order), levels, min(self.load, other.load))


def calibrate(cpu: str, flags: set[str], folder: Path, *, thorough: bool = False) -> Calibration:
    """The stored calibration of this CPU model, or a new one (about two seconds; `thorough`: ten, always).

    Raises:
        InfrastructureFault: the measuring program cannot be built or run; the text names the cure.
    """
    store = store_of(folder)
    known = load(store, cpu, caches())
    if known is not None and not known.busy and not thorough:
        return known
    fresh = measure(cpu, flags, THOROUGH_SECONDS if thorough else QUICK_SECONDS)
    best = fresh if known is None else fresh.better_of(known)
    keep(best, store)
    return best


def keep(found: Calibration, store: Path) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    part = store.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(asdict(found), indent=1))
    part.replace(store)


def store_of(folder: Path, of: str = "") -> Path:
    """Where the calibration is kept, of the processor or of a card by its class."""
    return folder / (f"calibration-{of}.json" if of else "calibration.json")


def measure(cpu: str, flags: set[str], seconds: float) -> Calibration:
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    with _program() as program:
        peaks = tuple(_peaks(program, flags, seconds))
        levels = tuple(_levels(program, flags, seconds))
    return Calibration(cpu, peaks, levels, load)


def caches(folder: Path = CACHES) -> tuple[tuple[str, int], ...]:
    """Name and bytes of the data caches of a core, from the smallest; the usual ones where none are shown."""
    found = {}
    for index in sorted(folder.glob("index[0-9]*")):
        try:
            kind, level, size = ((index / name).read_text().strip() for name in ("type", "level", "size"))
        except OSError:  # some virtual machines show a part only
            continue
        if kind != "Instruction" and size.endswith("K") and size[:-1].isdecimal():
            found[f"L{level}"] = int(size[:-1]) * 2**10
    return tuple(sorted(found.items())) or COMMON_CACHES


def _peaks(program: str, flags: set[str], seconds: float) -> Iterator[Peak]:
    for name, needs in SETS.items():
        if set(needs) <= flags:
            for kind, rate in _run(program, "ops", name, str(seconds)):
                yield Peak(name, kind, float(rate))


def _levels(program: str, flags: set[str], seconds: float) -> Iterator[Level]:
    """A cache is measured with half of what it holds, or less: where it is the fastest."""
    found = caches()
    last = found[-1][1]
    memory = min(max(2 * last, LEAST_MEMORY), MOST_MEMORY)
    below = [found[0][1], *(size for _, size in found)]
    sets = [min(size // 2, 4 * before) for (_, size), before in zip(found, below, strict=False)]
    width = "64" if "avx512f" in flags else "32" if "avx2" in flags else "16"
    rates = _run(program, "bytes", width, str(seconds), *map(str, [*sets, memory]))
    for (name, size), (_, copy, read) in zip([*found, ("memory", memory)], rates, strict=True):
        yield Level(name, size, float(copy), float(read))


@contextmanager
def _program() -> Iterator[str]:
    """The measuring program, built in a folder that goes with the context."""
    with tempfile.TemporaryDirectory(prefix="touchstone-calibrate-") as folder:
        path = os.path.join(folder, "calibrate")
        _checked(["gcc", *FLAGS, "-o", path, str(SOURCE)])
        yield path


def _run(*command: str) -> list[list[str]]:
    lines = _checked(list(command), accepted=(0, *NOT_HERE)).decode().splitlines()
    return [line.split() for line in lines]


def _checked(command: list[str], accepted: tuple[int, ...] = (0,)) -> bytes:
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise _fault(str(error)) from error
    if done.returncode not in accepted:
        words = done.stderr.decode(errors="replace")[:300]
        raise _fault(f"{os.path.basename(command[0])} ended with {done.returncode}: {words}")
    return done.stdout


def _fault(words: str) -> InfrastructureFault:
    return InfrastructureFault(f"this machine cannot be calibrated: {words}: {CURE}")


def load(store: Path, cpu: str, levels: tuple[tuple[str, int], ...] | None) -> Calibration | None:
    """What was stored; nothing when it is of another machine or format, or damaged: then measure again."""
    try:
        data: dict[str, Any] = json.loads(store.read_text())
        data["peaks"] = tuple(Peak(**peak) for peak in data["peaks"])
        data["levels"] = tuple(Level(**level) for level in data["levels"])
        known = Calibration(**data)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    capacities = levels and tuple((level.name, level.capacity) for level in known.levels[:-1])
    return known if (known.cpu, known.version, capacities) == (cpu, VERSION, levels) else None
