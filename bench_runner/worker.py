"""Starts a worker: settings, a look at the machine, then Celery with one process that judges.

Not in charge of what is done with a job (`jobs.py`, `attempt.py`), nor of being kept alive: whoever started
us (`make up`, compose, systemd) does that.

    python -m bench_runner worker
      main process: Celery's consumer · presence (hello, spool)
      └── child: judges, one attempt at a time; holds a sandbox slot
          └── guests
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import kombu
from celery import bootsteps
from celery.apps.worker import Worker
from celery.platforms import SecurityWarning
from celery.signals import worker_shutting_down
from celery.worker import state

from bench_runner import cards, doctor, jobs
from bench_runner.celery import TASK, app, queue_of
from bench_runner.client import HubClient
from bench_runner.config import Config
from bench_runner.contract import Hello, canary_queue
from bench_runner.devices.card import conditions
from bench_runner.fingerprint import Machine, machine
from bench_runner.fitness import Fitness
from bench_runner.presence import Presence
from bench_runner.spool import Spool

log = logging.getLogger(__name__)


def main(*, unsafe: bool = False) -> int:
    """Run until told to stop; gives the exit status.

    Raises:
        ConfigError, InfrastructureFault: the worker cannot start; the text says why and what to do.
    """
    config = Config.from_environment(unsafe=unsafe)
    card = cards.take(config.card, config.data_dir)
    if not unsafe and (faults := doctor.faults(doctor.quick(card))):
        print("This worker takes no jobs, because strangers' code could do harm here:", file=sys.stderr)
        for fault in faults:
            print(f"  ERROR {fault.name}: {fault.words}: {fault.cure}", file=sys.stderr)
        return 1
    if card is not None:
        # A folder for each worker, since each has a token of its own.
        config = replace(config, data_dir=cards.folder_of(card, config.data_dir))
        cards.build_kernels(card)
        cards.calibrate_apart(card, config.data_dir)
    found = machine(config.data_dir, card)
    fitness = Fitness()  # before the fork: both processes know it
    jobs.slot.given = (config, found, fitness)
    program = _Program(config, found, fitness)
    program.run()
    if program.deaf:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
    # Not 0 when Celery gave up, as it does when Redis cannot write: whoever started us does so again.
    return int(program.worker.exitcode or 0)


class _Program:
    """The main process: Celery's worker, presence beside it, and what connects the two."""

    def __init__(self, config: Config, found: Machine, fitness: Fitness) -> None:
        self.queue = queue_of(found.hardware_class)
        self.deaf = False
        self._fitness, self._started, self._card = fitness, time.monotonic(), found.card
        self._who = Hello(config.name, found.hardware_class, found.fingerprint(), sandboxed=not config.unsafe)
        client = HubClient(config.hub_url, config.token)
        spool = Spool(config.data_dir / "spool")
        self.presence = Presence(client, self._hello, spool, self, self.start_anew)
        app.conf.broker_url = config.redis_url
        app.steps["worker"].add(_presence_step(self.presence))
        # It is root for the sandbox's sake: mounts, groups and a uid per guest.
        warnings.filterwarnings("ignore", category=SecurityWarning)
        self.worker = Worker(
            app=app,
            hostname=f"bench@{config.name}.{os.getpid()}",
            queues=[self.queue, canary_queue(hashlib.sha256(config.token.encode()).hexdigest())],
            loglevel="INFO",
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )

    def run(self) -> None:
        worker_shutting_down.connect(self._on_stop)
        jobs.settle()
        self.worker.start()

    def _hello(self) -> Hello:
        clocks = conditions(self._card) if self._card is not None else {}
        return replace(
            self._who,
            fingerprint={**self._who.fingerprint, "load": round(os.getloadavg()[0], 2), **clocks},
            up_seconds=time.monotonic() - self._started,
            resting_seconds=self._fitness.seconds_to_rest,
            trouble=self._fitness.trouble,
        )

    # What presence asks of the queue.

    def wake(self, jobs: Sequence[str]) -> bool:
        try:
            for job in jobs:
                app.send_task(TASK, [job], queue=self.queue, retry=False)
        except (kombu.exceptions.OperationalError, OSError) as error:
            log.info("wake-ups cannot be sent, the broker is away: %s", error)
            return False
        return True

    def busy(self) -> bool:
        return bool(state.reserved_requests or state.active_requests)

    def listen(self, on: bool) -> None:
        if (consumer := getattr(self.worker, "consumer", None)) is not None:
            consumer.call_soon(self._listen, consumer, on)

    def _listen(self, consumer: Any, on: bool) -> None:
        """In Celery's own thread. While the broker is away there is nothing to leave, and the hub refuses."""
        tasks = consumer.task_consumer
        if tasks is not None and tasks.consuming_from(self.queue) is not on:
            (consumer.add_task_queue if on else consumer.cancel_task_queue)(self.queue)

    def start_anew(self) -> None:
        """The hub knows of no attempt here, so the process that judges is killed: it may hang."""
        self.deaf = True
        self._signal_children(signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGTERM)

    def _on_stop(self, **_: Any) -> None:
        """SIGTERM or Ctrl-C: a running attempt ends as a fault at once, and the hub queues its job again."""
        if self.busy():
            self._signal_children(signal.SIGTERM)

    def _signal_children(self, number: signal.Signals) -> None:
        for child in self.worker.pool.info["processes"]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)


def _presence_step(presence: Presence) -> type:
    class PresenceStep(bootsteps.StartStopStep):  # type: ignore[misc]
        """After the pool: the child is forked before there are threads. Before any broker is needed."""

        requires = ("celery.worker.components:Pool",)

        def start(self, parent: object) -> None:
            presence.start()

        def stop(self, parent: object) -> None:
            presence.stop()

    return PresenceStep
