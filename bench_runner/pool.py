"""Fresh inputs and what they must lead to: made by the task's own generator and oracle, here, never in a
sandbox.

Not in charge of the comparison rule (`tasks.compare`) nor of when an input is used (`check.py`, `timing.py`).

Every input comes from operating-system randomness, so nobody has seen it before. A pool may grow in a thread
while the build runs; timing never runs beside it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench_runner.devices.base import Array
from bench_runner.errors import InfrastructureFault
from bench_runner.failure import fault
from bench_runner.workspace import Revision
from tasks.compare import Expectation
from tasks.spec import Case, Task, Tensor, load_module

Make = Callable[[dict[str, int], np.random.Generator], dict[str, Any]]
Reference = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Item:
    """One input of a case and what its outputs may be."""

    inputs: dict[str, Array]
    expected: dict[str, Expectation]


class Oracle:
    """The generator and the reference of a revision."""

    def __init__(self, revision: Revision) -> None:
        self.task: Task = revision.task
        self.seconds = 0.0  # spent in making items
        self._make: Make = _function(revision, "inputs", "make")
        self._reference: Reference = _function(revision, "reference", "reference")

    def item(self, case: Case) -> Item:
        """A fresh input of `case` with its answer.

        Raises:
            InfrastructureFault: the task's code raised, or gave something of another name, shape or dtype.
        """
        begin = time.perf_counter()
        rng = np.random.Generator(np.random.SFC64(secrets.randbits(128)))
        made = _run("inputs.py", self._make, dict(case.dims), rng)
        inputs = {t.name: _fitting(made, t, case, t.dtype, "inputs.py") for t in self.task.inputs}
        # The reference gets copies it may scribble on; ours go to the guest.
        answers = _run(
            "reference.py", self._reference, {name: array.copy() for name, array in inputs.items()}
        )
        expected = {}
        for tensor in self.task.outputs:
            oracle = _fitting(answers, tensor, case, "float64", "reference.py")
            expected[tensor.name] = Expectation(oracle, self.task.tolerance[tensor.dtype], tensor.dtype)
        self.seconds += time.perf_counter() - begin
        return Item(inputs, expected)


class Pool:
    """Distinct items of one case, more on request."""

    def __init__(self, oracle: Oracle, case: Case) -> None:
        self._oracle, self.case = oracle, case
        self.items: list[Item] = []

    def grow(self, count: int, until: Callable[[], bool] = lambda: False) -> None:
        """Make it `count` items, or fewer if `until` says so in between."""
        while len(self.items) < count and not until():
            self.items.append(self._oracle.item(self.case))


@contextmanager
def growing(plan: Mapping[Pool, int]) -> Iterator[Callable[[], None]]:
    """Grow pools beside the body, a thread each; what is yielded waits for the end and raises their error.

    Leaving the body early stops the growth: no thread outlives it.
    """
    enough = threading.Event()
    errors: list[InfrastructureFault] = []

    def grow(pool: Pool, count: int) -> None:
        try:
            pool.grow(count, enough.is_set)
        except InfrastructureFault as error:
            errors.append(error)

    def wait() -> None:
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    threads = [threading.Thread(target=grow, args=item, name="inputs", daemon=True) for item in plan.items()]
    for thread in threads:
        thread.start()
    try:
        yield wait
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def _function(revision: Revision, module: str, name: str) -> Any:
    try:
        return getattr(load_module(revision.folder, module), name)
    except Exception as error:  # noqa: BLE001 - the task's own code may raise anything; it becomes our fault
        fault("task_failed", file=f"{module}.py", detail=f"{type(error).__name__}: {error}")


def _run(file: str, function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - the task's own code may raise anything; it becomes our fault
        fault("task_failed", file=file, detail=f"{type(error).__name__}: {error}")


def _fitting(made: dict[str, Any], tensor: Tensor, case: Case, dtype: str, file: str) -> Array:
    array, shape = made.get(tensor.name), tensor.shape_of(case.dims)
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
        got = f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
        fault(
            "task_failed",
            file=file,
            detail=f"{tensor.name} of case {case.id} is {got}, not {dtype} {list(shape)}",
        )
    return np.ascontiguousarray(array)
