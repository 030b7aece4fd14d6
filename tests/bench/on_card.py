"""The first thing to run on a card: is the judge right there, what does it cost, what do the kernels do.

    python -m tests.bench.on_card         `make first-card`; less than eight minutes, a short table last

Parts, each with its share of the time: the contract of devices on the real driver; what the card can do at
best; every bundled submission that is for cards, with the verdict it must get; what a job costs there, which
call is the smallest that is ranked, and a baseline against itself; the kernels beside torch. What is found is
kept in `results/`, with machine and date. Exit status 1 where something is not as it must be. Each part ends
when its time is over, or when the time of all that come after it begins.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from bench_runner import director, fingerprint
from bench_runner.contract import JobKind, JobSpec, Result, Speed
from bench_runner.devices.card import Card, cards, missing
from bench_runner.errors import JudgeError
from bench_runner.fingerprint import Machine
from bench_runner.sandbox import Sandbox, SandboxUnavailable
from bench_runner.workspace import Revision
from tasks.spec import Bundle, Case, Task, load_folder, read_folder, task_folders, under
from tests.bench.figures import keep

ROOT = Path(__file__).parents[2]
CONTRACT_SECONDS, BUILD_SECONDS, KERNELS_SECONDS = 80, 150, 130
# From the beginning: when labelled jobs and costs begin no job any more, and when all must be over. A job
# that ranks takes up to a minute, the last part half of one at least.
LABELLED_UNTIL, COSTS_UNTIL, ALL_SECONDS = 270, 345, 450
CONTRACT = "tests/bench_runner/devices/test_contract.py"
# Neither the settings nor the fixtures of the whole repository: they need the hub and its libraries.
PYTEST = ("-c", os.devnull, "--rootdir", str(ROOT), "--confcutdir", str(ROOT / "tests" / "bench_runner"))

SMALLEST_ROWS = (16, 64, 256, 1024, 4096, 16384)  # of row-softmax, 1,024 columns each

Row = tuple[str, str, bool]  # what, what was found, whether it is as it must be


def main() -> int:
    begin = time.monotonic()
    found = cards()
    if lacks := lacking(found):
        print("\n".join(lacks))
        print(f"{found[0].name if found else 'no card'} here: nothing was run", file=sys.stderr)
        return 1
    with building(found[0]) as built:
        rows = [contract(), built()]
    with tempfile.TemporaryDirectory() as folder, sandbox() as caged:
        rows.append(("sandbox", "all layers" if caged.sandboxed else "none: run as root, see doctor", True))
        machine, best = calibrated(found[0], Path(folder))
        judging = Judging(caged, machine)
        rows += [*best, *labelled(judging, begin + LABELLED_UNTIL), *costs(judging, begin + COSTS_UNTIL)]
        rows.append(kernels(max(30.0, ALL_SECONDS - (time.monotonic() - begin))))
        keep("card", machine.fingerprint(), {"rows": rows, "seconds": time.monotonic() - begin})
    print(f"\n{found[0].name}, driver {found[0].driver}, {time.monotonic() - begin:.0f} s")
    for what, words, good in rows:
        print(f"{'  ' if good else '✗ '}{what:<34} {words}")
    return 0 if all(good for *_, good in rows) else 1


def lacking(found: list[Card]) -> list[str]:
    """What keeps all of this from being run, each with its cure."""
    needed = [each for each in missing(*found[:1]) if each.needed or each.name == "CuPy"]
    lacks = [f"FAULT {each.name}: {each.words}; {each.cure}" for each in needed if not each.ok]
    return lacks or ([] if found else ["FAULT card: the driver is here and shows none"])


def contract() -> Row:
    """The contract of devices, on the real driver."""
    words = [sys.executable, "-m", "pytest", *PYTEST, "-q", "-m", "gpu", CONTRACT]
    try:
        done = subprocess.run(
            words, cwd=ROOT, timeout=CONTRACT_SECONDS, check=False, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return "contract of devices", f"did not end within {CONTRACT_SECONDS} s", False
    print(done.stdout[-6000:])
    return "contract of devices", (done.stdout.strip().splitlines() or ["?"])[-1], done.returncode == 0


@contextmanager
def building(card: Card) -> Iterator[Callable[[], Row]]:
    """Compile the library of kernels, which baselines use, beside the body; what is yielded waits for it."""
    begin = time.monotonic()
    command = [sys.executable, "-m", "kernels", "build", "--card", card.arch, "--in-package"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)

    def wait() -> Row:
        try:
            good = process.wait(BUILD_SECONDS) == 0
        except subprocess.TimeoutExpired:
            good = False
        return "kernels compiled", f"{time.monotonic() - begin:.0f} s" if good else "no", good

    try:
        yield wait
    finally:
        process.kill()
        process.wait()


def calibrated(card: Card, folder: Path) -> tuple[Machine, list[Row]]:
    machine = fingerprint.machine(folder, card)
    peaks = machine.calibration.peaks
    rates = ", ".join(f"{peak.set} {peak.kind} {peak.rate / 1e12:.0f}" for peak in peaks)
    levels = ", ".join(f"{level.name} {level.copy / 1e12:.2f}" for level in machine.calibration.levels)
    return machine, [("peaks, 10¹² operations a second", rates, True), ("copy, TB/s", levels, True)]


class Judging:
    """Jobs for the card, as a worker there would do them."""

    def __init__(self, caged: Sandbox, machine: Machine) -> None:
        self.sandbox, self.machine = caged, machine
        self.tasks = [
            (folder, task)
            for folder in task_folders()
            if (task := load_folder(folder)).on(machine.hardware_class).cases_for("check")
        ]

    def job(self, folder: Path, task: Task, files: Bundle, kind: JobKind) -> Result | str:
        """The result, or why there is none."""
        hardware = self.machine.hardware_class
        spec = JobSpec("job", "attempt", "token", kind, task.slug, task.digest, hardware, files, 600.0)
        try:
            return director.judge(
                spec, Revision(task, folder), self.sandbox, self.machine, lambda event: None, lambda: False
            )
        except JudgeError as error:
            return f"fault of ours: {error}"


def labelled(judging: Judging, until: float) -> list[Row]:
    """Baselines and examples of every task that runs on cards; those past the time are named."""
    right, wrong, left_out = 0, [], 0
    for folder, task in judging.tasks:
        on_card, files = task.on(judging.machine.hardware_class), read_folder(folder)
        wanted = [("baseline", "passed", under(files, "baseline"))]
        wanted += [(each.name, each.verdict, each.files_of(files)) for each in on_card.examples]
        for name, verdict, bundle in wanted:
            if time.monotonic() > until:
                left_out += 1
                continue
            result = judging.job(folder, task, bundle, JobKind.CHECK)
            got = result if isinstance(result, str) else f"{result.outcome.value} ({result.reason})"
            good = not isinstance(result, str) and result.outcome.value == verdict
            right += good
            print(f"{'  ' if good else '✗ '}{task.slug}/{name:<34} {verdict:<16} {got}", flush=True)
            if not good:
                wrong.append(f"{task.slug}/{name}: {got}")
                print(result.log[-2000:] if isinstance(result, Result) else "")
    words = f"{right} as labelled, {len(wrong)} not, {left_out} left out for lack of time"
    return [("labelled submissions", words, not wrong), *(("", each, False) for each in wrong)]


def costs(judging: Judging, until: float) -> Iterator[Row]:
    """Of a check, of a call of nothing, of taking the output; and baselines against themselves."""
    said: list[Speed] = []
    checks, facts = [], {}
    for folder, task in judging.tasks:
        files = under(read_folder(folder), "baseline")
        begin = time.monotonic()
        if isinstance(result := judging.job(folder, task, files, JobKind.CHECK), Result):
            checks.append(time.monotonic() - begin - result.seconds["timed_calls"])
    yield smallest(judging)
    for folder, task in judging.tasks * 10:
        if time.monotonic() > until:
            break
        result = judging.job(folder, task, under(read_folder(folder), "baseline"), JobKind.RANK)
        if isinstance(result, Result) and result.summary is not None:
            said.append(result.summary.speed)
            facts[task.slug] = result.environment
        else:
            print(f"✗ {task.slug}: {result if isinstance(result, str) else result.reason}")
    if checks:
        yield "a check, without its calls", f"{statistics.median(checks):.2f} s", True
    for slug, environment in facts.items():
        empty, snapshot = environment["empty_call_us"], environment["snapshot_us"]
        words = (
            f"empty call {empty} µs, so {2 * empty:.0f} µs are ranked; output taken in up to {snapshot} µs"
        )
        yield f"{slug}", words, True
    false = sum(speed in (Speed.FASTER, Speed.SLOWER) for speed in said)
    same = sum(speed is Speed.SAME for speed in said)
    yield "baseline against itself", f"{len(said)} jobs: {same} same, {false} false", bool(said) and not false


def smallest(judging: Judging) -> Row:
    """The quickest call that is ranked, against itself. What is too small is refused after one pair."""
    what = "smallest call that is ranked"
    folder, task = next(each for each in judging.tasks if each[1].slug == "row-softmax")
    said = ""
    for rows in SMALLEST_ROWS:
        case = Case("smallest", "rank", {"rows": rows, "cols": 1024})
        only = replace(task, cases=(case,))
        result = judging.job(folder, only, under(read_folder(folder), "baseline"), JobKind.RANK)
        if isinstance(result, Result) and result.summary is not None:
            found, word = result.measurements[0], result.summary.speed
            width = 50 * (found.high / found.low - 1)
            words = f"{found.baseline_seconds * 1e6:.0f} µs ({rows} rows): {word.value}, ± {width:.1f} %"
            return what, words, word not in (Speed.FASTER, Speed.SLOWER)
        said = result if isinstance(result, str) else result.reason
    return what, f"none of {', '.join(map(str, SMALLEST_ROWS))} rows: {said}", False


def kernels(seconds: float) -> Row:
    """The kernels beside torch; their own figures are printed and kept by themselves."""
    minutes = min(seconds, KERNELS_SECONDS) / 60
    command = [sys.executable, "-m", "kernels.bench.gpu", "--minutes", f"{minutes:.2f}"]
    try:
        done = subprocess.run(command, cwd=ROOT, timeout=seconds + 20, check=False)
    except subprocess.TimeoutExpired:
        return "kernels beside torch", "did not end", False
    return "kernels beside torch", f"see above, {minutes:.1f} minutes", done.returncode == 0


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    """With all layers, or where that is not possible without any: only bundled code is run here."""
    try:
        opened = Sandbox.open()
    except SandboxUnavailable as fault:
        print(f"without a sandbox: {fault}", file=sys.stderr)
        opened = Sandbox.open(unsafe=True)
    with closing(opened):
        yield opened


if __name__ == "__main__":
    sys.exit(main())
