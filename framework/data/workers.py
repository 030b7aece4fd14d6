"""Processes that compute rows of a dataset ahead of their use. Knows nothing of epochs' ends or of resuming.

Row number i goes to worker i modulo the number of workers and each answers in the order it was asked, so the
rows arrive in the one order whatever the timing. On Linux workers are forked and any function may be mapped;
elsewhere they are spawned and the dataset must pickle. A forked worker computes in one thread: threads of the
parent do not live in it.
"""

from __future__ import annotations

import multiprocessing
import signal
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from framework.data.dataset import Dataset
from framework.errors import WorkerError

AHEAD = 2  # rows asked of each worker before the first is awaited: one is computed while one is on its way


class _Failure(NamedTuple):
    trace: str


class Workers:
    """`count` processes that answer for rows of `dataset`. `close()` ends them; so does the parent's end."""

    def __init__(self, dataset: Dataset, count: int) -> None:
        context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
        self._ends: list[Connection] = []
        self._processes: list[Any] = []
        for number in range(count):
            ours, theirs = context.Pipe()
            # A forked child holds copies of every end so far; kept open, they would outlive the parent.
            inherited = [*self._ends, ours] if sys.platform == "linux" else []
            process = context.Process(  # type: ignore[attr-defined]
                target=_work, args=(dataset, theirs, inherited), name=f"data worker {number}", daemon=True
            )
            with warnings.catch_warnings():  # Python 3.12 warns of any fork beside threads, see above
                warnings.simplefilter("ignore", DeprecationWarning)
                process.start()
            theirs.close()
            self._ends.append(ours)
            self._processes.append(process)

    def rows(self, epoch: int, start: int, stop: int) -> Iterator[tuple[Any, ...]]:
        """The rows `start` to `stop` of `epoch`, in order.

        Raises:
            WorkerError: the dataset raised in a worker, or a worker died.
        """
        asked: deque[int] = deque()
        upcoming = iter(range(start, stop))
        try:
            for index in upcoming:
                self._ask(epoch, index, asked)
                if len(asked) == AHEAD * len(self._ends):
                    break
            while asked:
                row = self._answer(epoch, asked.popleft())
                if (index := next(upcoming, -1)) >= 0:
                    self._ask(epoch, index, asked)
                yield row
        finally:
            while (
                asked and self._ends
            ):  # left early: nobody wants these answers, the next epoch must not meet them
                self._receive(asked.popleft())

    def close(self) -> None:
        """End the processes; rows under way are lost."""
        for end in self._ends:
            end.close()
        for process in self._processes:
            process.join(timeout=1)
            if process.is_alive():
                process.terminate()
                process.join()
        self._ends, self._processes = [], []

    def _ask(self, epoch: int, index: int, asked: deque[int]) -> None:
        # One that died is found out by the first answer that it owes, which tells the row it died of.
        with suppress(OSError):
            self._ends[index % len(self._ends)].send((epoch, index))
        asked.append(index)

    def _answer(self, epoch: int, index: int) -> tuple[Any, ...]:
        if not self._ends:
            raise WorkerError(
                f"row {index} of epoch {epoch}: the loader was closed meanwhile; iterate it anew"
            )
        answer = self._receive(index)
        if answer is None:
            raise self._died(index)
        if isinstance(answer, _Failure):
            raise WorkerError(f"row {index} of epoch {epoch} could not be made:\n{answer.trace}")
        return tuple(answer)

    def _receive(self, index: int) -> Any:
        try:
            return self._ends[index % len(self._ends)].recv()
        except (EOFError, OSError):
            return None

    def _died(self, index: int) -> WorkerError:
        process = self._processes[index % len(self._processes)]
        process.join(timeout=1)
        return WorkerError(
            f"{process.name} ended with exit code {process.exitcode} before row {index} was made; "
            "a negative code is a signal, and -9 is often too little memory. num_workers=0 shows where"
        )


def _work(dataset: Dataset, connection: Connection, inherited: list[Connection]) -> None:
    for end in inherited:
        end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on; its end ends us
    while True:
        try:
            epoch, index = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: object = dataset.row(epoch, index)
        except Exception:  # noqa: BLE001 - whatever the user's functions raise belongs to the parent
            answer = _Failure(traceback.format_exc())
        try:
            connection.send(answer)
        except OSError:
            return
