"""Whether strangers' code may run here: every layer is tested by running something against it.

Not in charge of the layers (`sandbox/`). Nothing is concluded from settings: a limit counts when a guest
that broke it was stopped. `quick` is what each worker looks at when it starts (about 0.2 s); `main` prints
everything; `calibrate` prints what the machine can do at best (`calibration.py`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench_runner import calibration, cards, config, fingerprint
from bench_runner.devices import card as devices
from bench_runner.devices import kit
from bench_runner.errors import BadOutput, JudgeError
from bench_runner.sandbox import (
    End,
    Limits,
    Mount,
    Sandbox,
    python_executable,
    python_runtime,
)
from bench_runner.sandbox.command import TOOLS

MIB = 2**20
NVIDIA, DISPLAY = "0x10de", "0x03"  # vendor and class of a card on the PCI bus
LIMITS = Limits(512 * MIB, 64, 20.0, 64 * 1024, out_bytes=32 * MIB)
ON_CARD = replace(LIMITS, memory_bytes=4 << 30, processes=128)  # a context takes some hundred MiB of the host
PYTHON = [python_executable(), "-I", "-S", "-c"]
APT = "run `apt-get install bubblewrap util-linux libseccomp2`"
NAMESPACES = (
    "allow user namespaces: `sysctl -w user.max_user_namespaces=10000`; on Ubuntu also "
    "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`; in a container run it with `--privileged`"
)
GROUPS = (
    "run the worker as root, in a container with `--privileged --cgroupns=private`; as an ordinary user with "
    "cgroup v2 `systemd-run --user --scope -p Delegate=yes python -m bench_runner worker`, with v1 have root "
    "make and chown `touchstone-<uid>` in the memory, pids, cpuset and freezer hierarchies"
)

LOOK_AROUND = """
import socket, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print("seccomp", status["Seccomp"].strip())
print("uid", status["Uid"].split()[0])
print("caps", int(status["CapEff"], 16))
print("interfaces", *[line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]])
try:
    socket.socket(40, socket.SOCK_STREAM)
    print("vsock open")
except PermissionError:
    print("vsock refused")
"""
USE_NUMPY = "import sys; sys.path.insert(0, '/runtime'); import numpy; print(numpy.ones(3).sum())"
LOAD = "import ctypes; print(ctypes.CDLL('/a.so').answer())"
LINKAGE = {"c": "", "c++": '"C"'}
EAT_MEMORY = "x = bytearray(300 << 20); print('survived')"
OPEN_CARD = """
import ctypes
cuda = ctypes.CDLL("libcuda.so.1")
device, context = ctypes.c_int(), ctypes.c_void_p()
for call, *given in (
    ("cuInit", 0),
    ("cuDeviceGet", ctypes.byref(device), 0),
    ("cuDevicePrimaryCtxRetain", ctypes.byref(context), device),
):
    if status := getattr(cuda, call)(*given):
        raise SystemExit(f"{call} gives {status}")
print("open")
"""
FORK_BOMB = """
import os, time
made = 0
while made < 5000:
    try:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    except OSError:
        break
    made += 1
print("made", made, flush=True)
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was tried. `needed`: without it strangers' code is refused."""

    name: str
    ok: bool
    words: str
    cure: str
    needed: bool = True


def main() -> int:
    """Print every finding; exit status 1 when strangers' code would be refused."""
    findings = []
    for finding in examine(thorough=True):
        findings.append(finding)
        mark = "ok   " if finding.ok else "FAULT" if finding.needed else "note "
        print(f"{mark} {finding.name}: {finding.words}", flush=True)
        if not finding.ok:
            print(f"      cure: {finding.cure}")
    if faults(findings):
        print("\nStrangers' code would be refused here; --unsafe-no-sandbox runs only code that you trust.")
        return 1
    print("\nThis machine may run strangers' code.")
    return 0


def calibrate() -> int:
    """Measure what this machine can do at best, print it, and keep it for the workers that run here."""
    folder = config.data_dir()
    _print_peaks(
        fingerprint.machine(folder, thorough=True).calibration, calibration.store_of(folder), "one core"
    )
    for card in devices.cards():
        own = cards.folder_of(card, folder)
        found = fingerprint.machine(own, card, thorough=True).calibration
        _print_peaks(found, calibration.store_of(own, card.hardware_class), "all of it")
    return 0


def _print_peaks(found: calibration.Calibration, store: Path, what: str) -> None:
    print(f"{found.cpu}, {what} at its best:\n")
    for peak in found.peaks:
        print(f"  {peak.set:<12} {peak.kind:<5} {peak.rate / 1e9:10.1f} billion operations a second")
    print()
    for level in found.levels:
        rates = f"copy {level.copy / 1e9:7.1f} GB/s   read {level.read / 1e9:7.1f} GB/s"
        print(f"  {level.name:<7} {level.capacity // 2**10:>8} KiB   {rates}")
    print(f"\nKept in {store}; a figure is only ever raised: remove the file to begin anew.")
    if found.busy:
        print(
            f"Others used {found.load:.1f} of each core: workers will measure again. Better: stop the others."
        )
    print()


def quick(card: devices.Card | None = None) -> list[Finding]:
    """What a worker looks at when it starts; `card`: the one that it is for."""
    return [*examine(thorough=False), *(_of_card(card) if card is not None else ())]


def faults(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.needed and not finding.ok]


def examine(*, thorough: bool) -> Iterator[Finding]:
    """One finding after the other; those that need a sandbox only when one could be opened."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    yield Finding("tools", not missing, ", ".join(missing) + " missing" if missing else ", ".join(TOOLS), APT)
    try:
        sandbox = Sandbox.open()
    except (JudgeError, OSError, ImportError) as error:
        yield Finding("sandbox", False, str(error), APT if isinstance(error, ImportError) else GROUPS)
        return
    with contextlib.closing(sandbox):
        yield from _inside(sandbox)
        yield _numpy(sandbox)
        yield from _compilers(sandbox)
        if thorough:
            yield _memory(sandbox)
            yield _processes(sandbox)
            yield _start_up(sandbox)
            yield _free_cpu()
            yield from _cards()
            yield from _cards_at_work(sandbox)


def _cards() -> Iterator[Finding]:
    """Every card that is here, and what a worker on it lacks; nothing needed where there is none."""
    found = devices.cards()
    if not found:
        there = _on_the_bus()
        words = f"{there} on the bus, but no driver shows it" if there else "none: jobs of processors only"
        lacks = [each for each in devices.missing() if not each.ok] if there else []
        cure = "; ".join(each.cure for each in lacks) or "none is needed for workers on processors"
        yield Finding("card", not there, words, cure, needed=False)
        return
    for card in found:
        size = f"{card.memory_bytes / 2**30:.0f} GiB"
        words = f"{card.index}: {card.name}, {size}, driver {card.driver}: {card.hardware_class}"
        yield Finding("card", True, words, "", needed=False)
        for finding in _of_card(card):
            yield replace(finding, needed=False)


def _cards_at_work(sandbox: Sandbox) -> Iterator[Finding]:
    """Each card that lacks nothing, used by us and by a guest."""
    for card in devices.cards():
        if not faults(list(_of_card(card))):
            trouble = cards.trouble_apart(card)
            cure = "end what else uses the card; if it stays so, look for Xid in `dmesg`"
            yield Finding(
                "card at work", not trouble, trouble or "it computes, and hands memory on", cure, needed=False
            )
            yield _card_inside(sandbox, card)


def _card_inside(sandbox: Sandbox, card: devices.Card) -> Finding:
    """Guests have a uid of their own: that root may open a node says nothing of them."""
    end, said = _run(
        sandbox, [*PYTHON, OPEN_CARD], kit.guest_mounts(card.minor), ON_CARD, kit.guest_environment(card.uuid)
    )
    ok = end is not None and said.strip() == "open"
    words = "guests open it" if ok else f"a guest cannot open it: {said.strip()[-300:] or end}"
    return Finding("card in the sandbox", ok, words, devices.OPEN, needed=False)


def _of_card(card: devices.Card) -> Iterator[Finding]:
    for each in devices.missing(card):
        yield Finding(each.name, each.ok, each.words, each.cure, each.needed)


def _on_the_bus() -> str:
    """Cards of NVIDIA that the kernel sees, whether a driver is there or not."""
    places = [path.parent for path in Path("/sys/bus/pci/devices").glob("*/vendor")]
    names = [place.name for place in places if _word(place / "vendor") == NVIDIA]
    return ", ".join(
        name for name in names if _word(Path("/sys/bus/pci/devices", name, "class"))[:4] == DISPLAY
    )


def _word(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _inside(sandbox: Sandbox) -> Iterator[Finding]:
    """What a guest finds when it looks around."""
    end, log = _run(sandbox, [*PYTHON, LOOK_AROUND])
    if end is None or end.code != 0:
        yield Finding("bubblewrap", False, log or str(end), NAMESPACES)
        return
    seen = dict(line.partition(" ")[::2] for line in log.splitlines())
    groups = f"cgroup {sandbox.backend.name}, " + ("own uid" if sandbox.root else "no uid of its own")
    yield Finding("bubblewrap", True, f"guests start, user namespaces work ({groups})", NAMESPACES)
    own = seen["uid"] != "0" and (not sandbox.root or seen["uid"] != str(os.getuid()))
    yield Finding("uid", own, f"guests run as uid {seen['uid']}", "start the worker outside user namespaces")
    yield Finding("capabilities", seen["caps"] == "0", f"effective set {seen['caps']}", APT)
    filtered = seen["seccomp"] == "2" and seen["vsock"] == "refused"
    words = "loaded" if filtered else f"mode {seen['seccomp']}, vsock {seen['vsock']}"
    yield Finding("seccomp", filtered, words, f"{APT} and use a kernel with CONFIG_SECCOMP_FILTER")
    alone = seen["interfaces"] in ("lo", "")
    yield Finding("network", alone, "none" if alone else seen["interfaces"], NAMESPACES)


def _numpy(sandbox: Sandbox) -> Finding:
    cure = "run `chmod -R go+rX` on the virtual environment; make it from /usr/bin/python3"
    end, log = _run(sandbox, [*PYTHON, USE_NUMPY], python_runtime())
    ok = end is not None and log.strip() == "3.0"
    return Finding("numpy", ok, "guests can import it" if ok else log[-300:], cure)


def _compilers(sandbox: Sandbox) -> Iterator[Finding]:
    for tool, language in (("gcc", "c"), ("g++", "c++")):
        library, words = _built(sandbox, tool, language)
        if library:
            yield _loads(sandbox, tool, library)
        else:
            yield Finding(tool, False, words, "run `apt-get install gcc g++ libc6-dev`")


def _built(sandbox: Sandbox, tool: str, language: str) -> tuple[bytes, str]:
    """A small library, or why there is none."""
    code = f"extern {LINKAGE[language]} int answer(void) {{ return 42; }}"
    command = ["/bin/sh", "-c", f"echo '{code}' | {tool} -O1 -shared -fPIC -x {language} - -o /out/a.so"]
    try:
        with sandbox.start(command, mounts=[], limits=LIMITS) as guest:
            guest.wait()
            log = guest.log.decode(errors="replace")[-300:]
            return guest.output(["a.so"], LIMITS.out_bytes)["a.so"], log
    except BadOutput:
        return b"", f"cannot build: {log}"
    except (JudgeError, OSError) as error:
        return b"", str(error)


def _loads(sandbox: Sandbox, tool: str, library: bytes) -> Finding:
    """What one guest built, another must be able to load from where the judge keeps it."""
    kept = sandbox.folder / "doctor.so"
    kept.write_bytes(library)
    kept.chmod(0o644)
    end, log = _run(sandbox, [*PYTHON, LOAD], [Mount(kept, "/a.so")])
    kept.unlink()
    ok = end is not None and log.strip() == "42"
    words = "builds inside the sandbox, guests load it" if ok else log[-300:]
    return Finding(tool, ok, words, f"mount {sandbox.folder.parent} without noexec, or set XDG_RUNTIME_DIR")


def _memory(sandbox: Sandbox) -> Finding:
    limits = Limits(100 * MIB, 64, 20.0, 64 * 1024)
    end, log = _run(sandbox, [*PYTHON, EAT_MEMORY], limits=limits)
    ok = end is not None and end.how == "memory_limit"
    words = "a 300 MB guest in a 100 MB group was killed" if ok else f"it was not killed: {log or end}"
    return Finding("memory limit", ok, words, GROUPS)


def _processes(sandbox: Sandbox) -> Finding:
    end, log = _run(sandbox, [*PYTHON, FORK_BOMB])
    words = log.split()
    made = int(words[1]) if len(words) == 2 and words[0] == "made" else None
    ok = end is not None and made is not None and made <= LIMITS.processes
    return Finding("process limit", ok, f"a fork bomb made {made} processes, all gone", GROUPS)


def _start_up(sandbox: Sandbox) -> Finding:
    begin = time.perf_counter()
    for _ in range(5):
        _run(sandbox, ["/bin/true"])
    took = (time.perf_counter() - begin) / 5
    cure = "free the machine of other work: every job starts dozens of sandboxes"
    return Finding("start-up", took < 0.05, f"{took * 1000:.0f} ms a sandbox", cure, needed=False)


def _free_cpu(seconds: float = 0.5) -> Finding:
    def busy() -> tuple[float, float]:
        values = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return float(sum(values)), float(values[3] + values[4])

    total, idle = busy()
    time.sleep(seconds)
    total_after, idle_after = busy()
    share = 1 - (idle_after - idle) / max(total_after - total, 1.0)
    used = share * (os.cpu_count() or 1)
    words = f"others use {used:.1f} of {os.cpu_count()} CPUs"
    cure = "let nothing else run beside a worker that measures, or its intervals grow wide"
    return Finding("free CPU", used < 0.3, words, cure, needed=False)


def _run(
    sandbox: Sandbox,
    command: list[str],
    mounts: list[Mount] | None = None,
    limits: Limits = LIMITS,
    environment: Mapping[str, str] | None = None,
) -> tuple[End | None, str]:
    """The end of a guest and what it printed; no end but the reason when it could not be started."""
    try:
        with sandbox.start(
            command, mounts=mounts or [], limits=limits, environment=environment or {}
        ) as guest:
            end = guest.wait()
            return end, guest.log.decode(errors="replace")
    except (JudgeError, OSError) as error:
        return None, str(error)
