"""What this machine can do at best: bytes and floating-point operations a second, of one core.

Not in charge of judging: `Machine` (`fingerprint.py`) turns these figures into a roofline and a physics
floor.

Measured by a small C program, once per CPU model, and kept in WORKER_DATA_DIR. Other load can only make a
figure too low, so each is the best of many short runs, and a calibration made on a busy machine is made
again at the next start, keeping the better of both.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench_runner.errors import InfrastructureFault

VERSION = 1
# Bytes of both arrays together: L1, L2, L3 and memory of common CPUs.
WORKING_SETS = (16 * 2**10, 512 * 2**10, 8 * 2**20, 256 * 2**20)
BUSY_LOAD_A_CORE = 0.5
FLAGS = ("-O3", "-march=native", "-std=gnu17")
CURE = "install gcc (`apt-get install gcc libc6-dev`), then run `python -m bench_runner doctor`"

SOURCE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__AVX512F__)
#define WIDTH 64
#elif defined(__AVX__)
#define WIDTH 32
#else
#define WIDTH 16
#endif
typedef float vec __attribute__((vector_size(WIDTH), aligned(WIDTH)));
enum { LANES = WIDTH / 4, CHAINS = 12 };  /* two FMA units of latency 4 need 8 chains; 16 registers exist */
static volatile float sink;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

static double fma_rate(void) {
    double best = 0;
    for (int run = 0; run < 20; run++) {
        vec acc[CHAINS], a, b;
        for (int l = 0; l < LANES; l++) { a[l] = 0.999f; b[l] = 1e-3f + run; }
        for (int c = 0; c < CHAINS; c++) acc[c] = b + (float)c;
        const long steps = 200000;
        double start = now();
        for (long i = 0; i < steps; i++)
            for (int c = 0; c < CHAINS; c++) acc[c] = acc[c] * a + b;
        double rate = 2.0 * LANES * CHAINS * steps / (now() - start);
        for (int c = 0; c < CHAINS; c++) sink += acc[c][0];
        if (rate > best) best = rate;
    }
    return best;
}

static float sum(const vec *x, size_t n) {
    vec s[8] = {{0}};
    for (size_t i = 0; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) s[k] += x[i + k];
    return (s[0] + s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7])[0];
}

static void bytes_rate(size_t set, double *copy, double *read) {
    size_t half = set / 2, rounds = half < (1 << 22) ? (1 << 22) / half : 1;
    char *from = aligned_alloc(4096, half), *to = aligned_alloc(4096, half);
    memset(from, 1, half);
    memset(to, 1, half);
    *copy = *read = 0;
    double end = now() + 0.06;
    do {
        double t0 = now();
        for (size_t r = 0; r < rounds; r++) { memcpy(to, from, half); sink = to[r % half]; }
        double t1 = now();
        for (size_t r = 0; r < rounds; r++) sink = sum((const vec *)from, half / WIDTH);
        double t2 = now(), c = 2.0 * half * rounds / (t1 - t0), d = (double)half * rounds / (t2 - t1);
        if (c > *copy) *copy = c;
        if (d > *read) *read = d;
    } while (now() < end);
    free(from);
    free(to);
}

int main(int argc, char **argv) {
    printf("%.0f\n", fma_rate());
    for (int i = 1; i < argc; i++) {
        double copy, read;
        bytes_rate(strtoull(argv[i], 0, 10), &copy, &read);
        printf("%s %.0f %.0f\n", argv[i], copy, read);
    }
    return 0;
}
"""


@dataclass(frozen=True)
class Level:
    """Bytes a second while a working set of this size is walked again and again."""

    working_set: int  # bytes
    copy: float  # read and written bytes together
    read: float


@dataclass(frozen=True)
class Calibration:
    """The best that one core has shown."""

    cpu: str
    flops: float  # single-precision, a fused multiply-add counts two
    levels: tuple[Level, ...]  # from the smallest working set to memory
    load: float  # of others while it was measured, per core
    version: int = VERSION

    def copy_rate(self, working_set: int) -> float:
        """Bytes a second for a working set of that size."""
        return next((lv.copy for lv in self.levels if working_set <= lv.working_set), self.levels[-1].copy)

    def optimistic_rate(self, working_set: int) -> float:
        """As if the bytes lay one cache level nearer than they can: no honest program is faster."""
        smaller = [level for level in self.levels if level.working_set < working_set] or [self.levels[0]]
        return max(smaller[-1].copy, smaller[-1].read)

    def better_of(self, other: Calibration) -> Calibration:
        levels = tuple(
            Level(a.working_set, max(a.copy, b.copy), max(a.read, b.read))
            for a, b in zip(self.levels, other.levels, strict=True)
        )
        return Calibration(self.cpu, max(self.flops, other.flops), levels, min(self.load, other.load))


def calibrate(cpu: str, folder: Path) -> Calibration:
    """The stored calibration of this CPU model, or a new one (about half a second).

    Raises:
        InfrastructureFault: the measuring program cannot be built or run; the text names the cure.
    """
    store = folder / "calibration.json"
    known = _load(store, cpu)
    if known is not None and known.load < BUSY_LOAD_A_CORE:
        return known
    fresh = measure(cpu)
    best = fresh if known is None else fresh.better_of(known)
    folder.mkdir(parents=True, exist_ok=True)
    part = store.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(asdict(best), indent=1))
    part.replace(store)
    return best


def measure(cpu: str) -> Calibration:
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    lines = _run()
    flops = float(next(lines)[0])
    levels = tuple(Level(int(size), float(copy), float(read)) for size, copy, read in lines)
    return Calibration(cpu, flops, levels, load)


def _run() -> Iterator[list[str]]:
    with tempfile.TemporaryDirectory(prefix="touchstone-calibrate-") as folder:
        program = os.path.join(folder, "calibrate")
        try:
            subprocess.run(
                ["gcc", *FLAGS, "-x", "c", "-", "-o", program],
                input=SOURCE.encode(), check=True, capture_output=True, timeout=60,
            )  # fmt: skip
            sizes = [str(size) for size in WORKING_SETS]
            result = subprocess.run([program, *sizes], check=True, capture_output=True, timeout=60)
        except (OSError, subprocess.SubprocessError) as error:
            words = getattr(error, "stderr", None) or b""
            text = f"this machine cannot be calibrated: {error} {words.decode(errors='replace')[:300]}"
            raise InfrastructureFault(f"{text}: {CURE}") from error
    return (line.split() for line in result.stdout.decode().splitlines())


def _load(store: Path, cpu: str) -> Calibration | None:
    """What was stored; nothing when it is of another machine or format, or damaged: then measure again."""
    try:
        data: dict[str, Any] = json.loads(store.read_text())
        data["levels"] = tuple(Level(**level) for level in data["levels"])
        known = Calibration(**data)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    sizes = tuple(level.working_set for level in known.levels)
    return known if (known.cpu, known.version, sizes) == (cpu, VERSION, WORKING_SETS) else None
