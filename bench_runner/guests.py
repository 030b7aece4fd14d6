"""Our two sides, baseline and candidate: a channel each, and fresh guests on it, one after another.

Not in charge of what is called when (`check.py`, `timing.py`). The same command line, mounts, limits and
arena sizes in every phase and for both sides: nothing tells a submission which phase or which side it is.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from bench_runner.build import Artefact
from bench_runner.channel import ANYWHERE, Channel, Limit, Placing
from bench_runner.devices import kit
from bench_runner.devices.base import Array, Device
from bench_runner.devices.host import Host
from bench_runner.endings import Facts
from bench_runner.errors import InfrastructureFault
from bench_runner.sandbox import Guest, Limits, Mount, Sandbox, python_executable, python_runtime
from bench_runner.workspace import NATIVE_GUEST
from tasks import abi
from tasks.languages import LANGUAGES
from tasks.spec import Case, Task

LOAD_SECONDS = 20.0  # to load a submission: imports and initialisers
LEAVE_SECONDS = 0.2  # to flush and leave in good order
DRIVER_THREADS = 64  # room for those of CUDA's driver, beside the task's limit
WALL_SECONDS = 3600.0  # a backstop; the phases watch their own time


@dataclass(frozen=True)
class Rig:
    """What every guest of a job has in common."""

    sandbox: Sandbox
    task: Task
    kit: Path  # our guest's code
    cpus: tuple[int, ...] | None  # where guests run; None: anywhere
    device: Device = field(default_factory=Host)  # where tensors lie
    libraries: tuple[Mount, ...] = ()  # of ours, that the task lets a Python submission import


class Clocks:
    """Where the judge's own seconds go, by part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def add(self, part: str, seconds: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds


class Side:
    """One side of a job. `start` makes a fresh guest, `load` waits for it, `call` uses it, `stop` ends it."""

    def __init__(self, rig: Rig, artefact: Artefact, clocks: Clocks) -> None:
        task = rig.task
        self._rig, self._artefact, self._clocks = rig, artefact, clocks
        facts = Facts(
            task.entry.symbol, LANGUAGES[artefact.language].entry, task.limits.memory_mb,
            task.limits.processes, WALL_SECONDS,
        )  # fmt: skip
        largest = {role: _largest(task, role) for role in ("input", "output")}
        memory = rig.device.memory(task.tensors, largest["input"], largest["output"])
        self.channel = Channel(task.tensors, memory, facts)
        self._guest: Guest | None = None
        self.peaks: list[int] = []  # of each guest that was stopped: bytes of memory that it held at most

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._guest is not None:
            self._guest.close()
        self.channel.close()

    @property
    def guest(self) -> Guest:
        if self._guest is None:
            raise RuntimeError("no guest: call start() first")
        return self._guest

    def start(self) -> None:
        """A new process in a new sandbox, on wiped memory. Returns before it is up."""
        begin = time.perf_counter()
        task, language = self._rig.task, self._artefact.language
        self.channel.renew()
        arguments = self.channel.arguments(language, "/submission", task.entry.symbol, len(task.dims_order))
        device, on_card = self._rig.device, LANGUAGES[language].device == "gpu"
        mounts = [Mount(self._rig.kit, "/guest"), Mount(self._artefact.folder, "/submission")]
        limits = Limits(
            memory_bytes=task.limits.memory_mb * 2**20,
            processes=task.limits.processes + (DRIVER_THREADS if on_card else 0),
            wall_seconds=WALL_SECONDS,
            log_bytes=task.limits.log_kb * 1024,
            cpus=self._rig.cpus,
        )
        self._guest = self._rig.sandbox.start(
            [*_program(language), *arguments],
            mounts=[*mounts, *device.mounts, *(self._python() if language in abi.PYTHON else ())],
            limits=limits,
            pass_fds=self.channel.fds,
            environment=device.environment,
        )
        self._clocks.add("start_guests", time.perf_counter() - begin)

    def _python(self) -> list[Mount]:
        """What a Python submission may import beyond the standard library."""
        if self._artefact.language == "triton" and not kit.has_triton():
            raise InfrastructureFault(
                "Triton and torch are not beside the worker: run `pip install triton torch` where it runs"
            )
        mounts = [*python_runtime(), *self._rig.libraries]
        if LANGUAGES[self._artefact.language].device == "gpu":
            shown = {mount.target for mount in mounts}
            mounts += [mount for mount in kit.packages() if mount.target not in shown]
        return mounts

    @property
    def pid(self) -> int:
        """The guest's process; waits until there is one."""
        begin = time.perf_counter()
        pid = self.guest.pid
        self._clocks.add("start_guests", time.perf_counter() - begin)
        return pid

    def load(self) -> None:
        """Wait until the submission is loaded; the guest is frozen afterwards.

        Raises:
            Failed: it did not load.
        """
        begin = time.perf_counter()
        self.channel.load(self.guest, LOAD_SECONDS)
        self._clocks.add("start_guests", time.perf_counter() - begin)

    def exchange_memory(self, other: Side) -> None:
        """Swap buffers between two guests: which physical pages are the quicker ones must favour no side."""
        self.channel.exchange_memory(other.channel)

    def bind(self, case: Case) -> None:
        """Prepare for calls of this case."""
        task = self._rig.task
        begin = time.perf_counter()
        shapes = {tensor.name: tensor.shape_of(case.dims) for tensor in task.tensors}
        self.channel.bind([case.dims[name] for name in task.dims_order], shapes)
        self._clocks.add("handing_over", time.perf_counter() - begin)

    def call(
        self,
        inputs: dict[str, Array],
        limit: Limit,
        *,
        same_place: bool = False,
        placing: Placing = ANYWHERE,
    ) -> tuple[float, dict[str, Array]]:
        """See `Channel.call`."""
        begin = time.perf_counter()
        cold = self._rig.task.speed.cache == "cold"
        seconds, outputs = self.channel.call(inputs, limit, same_place=same_place, cold=cold, placing=placing)
        self._clocks.add("timed_calls", seconds)
        self._clocks.add("handing_over", time.perf_counter() - begin - seconds)
        return seconds, outputs

    def stop(self, *, politely: bool = False) -> bytes:
        """End the guest, if there is one, and everything it started; gives what it printed."""
        begin = time.perf_counter()
        guest, self._guest = self._guest, None
        if guest is None:
            return b""
        if politely and guest.poll() is None:
            self.channel.leave()
            _give_time(guest)
        peak = guest.close().peak_memory_bytes
        self.peaks += [] if peak is None else [peak]
        self._clocks.add("start_guests", time.perf_counter() - begin)
        return guest.log


def _program(language: str) -> list[str]:
    """Our own code in the guest: without an interpreter where the submission needs none.

    On a card it always has one: beside the start of a context an interpreter's is nothing.
    """
    if language in abi.PYTHON or LANGUAGES[language].device == "gpu":
        return [python_executable(), "-I", "-S", "/guest/main.py"]
    return [f"/guest/{NATIVE_GUEST}"]


def measuring_cpus() -> tuple[tuple[int, ...] | None, tuple[int, ...]]:
    """(for guests, for us): the last CPU we may use is the guests' alone, when there is more than one."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        return None, tuple(usable)
    return (usable[-1],), tuple(usable[:-1])


def _give_time(guest: Guest) -> None:
    until = time.monotonic() + LEAVE_SECONDS
    while guest.poll() is None and time.monotonic() < until:
        time.sleep(0.0005)


def _largest(task: Task, role: str) -> int:
    """Bytes of the tensors of one role in the largest case; each may start at a new cache line."""
    tensors = [tensor for tensor in task.tensors if tensor.role == role]
    return max(sum(tensor.bytes_of(case.dims) + 64 for tensor in tensors) for case in task.cases)
