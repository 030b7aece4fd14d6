"""Tells the hub that this worker lives, hears which jobs wait, and delivers what lies in the spool.

Not in charge of judging: this is a thread of the worker's main process, the judge is its child.

Theory of operation. Every ten seconds one Hello, whatever else happens: the broker may be away, an attempt
may run. The hub may answer with jobs that wait for our class; when we are idle they become wake-ups sent to
our own queue, so that a message lost by a restart of Redis costs seconds. A worker can stop hearing its
queue after a reconnect without noticing, or the process that judges can hang. The hub notices, because its
canaries are not answered, and says so; then this worker starts itself anew. An operator can pause a worker
on the hub's pages: it hears so here and leaves the queue of its class to others until it is told to go on.
What it runs meanwhile, it finishes; its canaries come by a queue of their own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from bench_runner.client import HubClient, Welcome
from bench_runner.contract import ContractError, Hello
from bench_runner.errors import HubRefused, HubUnreachable
from bench_runner.spool import Spool

log = logging.getLogger(__name__)

HELLO_SECONDS = 10.0
LOOK_SECONDS = 0.5
WAKE_AT_ONCE = 8  # jobs; the rest comes with the next hello


class Queue(Protocol):
    """The worker's own queue, as far as presence needs it."""

    def wake(self, jobs: Sequence[str]) -> bool:
        """Send wake-ups; False when the broker is away."""

    def busy(self) -> bool:
        """Whether an attempt runs or a wake-up is at hand."""

    def listen(self, on: bool) -> None:
        """Take wake-ups from the queue of our class, or leave them to others; may be said again."""


class Presence:
    def __init__(
        self,
        client: HubClient,
        hello: Callable[[], Hello],
        spool: Spool,
        queue: Queue,
        restart: Callable[[], None],
    ) -> None:
        self._client, self._hello, self._spool = client, hello, spool
        self._queue, self._restart = queue, restart
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
        self._known: bool | None = None  # whether the hub answered last time; only changes are logged
        self._paused = False

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def say_hello(self) -> None:
        """One round: hello, spool, wake-ups."""
        try:
            welcome = self._client.hello(self._hello())
            self._say(True, f"the hub knows us as {welcome.worker}")
            self._spool.deliver(self._client)
        except HubUnreachable as error:
            self._say(False, str(error))
        except (HubRefused, ContractError) as error:
            self._say(False, f"the hub refuses this worker: {error}: check WORKER_TOKEN")
        else:
            self._wake(welcome)

    def _run(self) -> None:
        while not self._leaving.is_set():
            self.say_hello()
            until = time.monotonic() + HELLO_SECONDS
            while time.monotonic() < until and not self._leaving.wait(LOOK_SECONDS):
                if self._spool.take_over_from_the_dead():
                    break  # the process that judged has died: the hub hears now, not in ten seconds

    def _wake(self, welcome: Welcome) -> None:
        if welcome.paused is not self._paused:
            self._paused = welcome.paused
            log.info("paused by an operator: no new job" if self._paused else "no longer paused")
        self._queue.listen(not welcome.paused)
        if welcome.deaf:
            log.error("the hub's canaries have not reached this worker's judge: starting anew")
            self._restart()
        elif welcome.jobs and not self._queue.busy():
            self._queue.wake(welcome.jobs[:WAKE_AT_ONCE])

    def _say(self, known: bool, words: str) -> None:
        if known is not self._known:
            log.log(logging.INFO if known else logging.WARNING, words)
        self._known = known
