"""Live progress of one attempt: gathers events, posts them, and hears when nobody wants the result any more.

Not in charge of the result itself (`attempt.py`). A thread of its own, which speaks HTTP and does nothing
else: twice a second while there is news, else every five seconds, because silence makes the hub take the
attempt away.
"""

from __future__ import annotations

import logging
import threading
import time

from bench_runner.client import HubClient
from bench_runner.contract import ContractError, JobSpec, ProgressEvent
from bench_runner.errors import HubRefused, HubUnreachable

log = logging.getLogger(__name__)

NEWS_SECONDS = 0.5
QUIET_SECONDS = 5.0
EVENTS_A_BEAT = 200
KEPT_EVENTS = 2000  # while the hub is away; then the oldest go, the result is what counts


class Reporter:
    """Call `report` from the judging thread; leave the context to post what is left."""

    def __init__(self, spec: JobSpec, client: HubClient) -> None:
        self._spec, self._client = spec, client
        self._lock = threading.Lock()
        self._events: list[ProgressEvent] = []
        self._leaving = threading.Event()
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Reporter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        self._thread.join(timeout=30)
        self._client.close()

    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def report(self, event: ProgressEvent) -> None:
        """Add one event; returns at once."""
        with self._lock:
            self._events = [*self._events[-KEPT_EVENTS + 1 :], event]

    def _run(self) -> None:
        last = time.monotonic()
        self._beat()
        while not self._leaving.wait(NEWS_SECONDS):
            if self._events or time.monotonic() - last >= QUIET_SECONDS:
                last = time.monotonic()
                self._beat()
        while self._events and self._beat():
            pass

    def _beat(self) -> bool:
        """Post the oldest events; False when the hub is away and they wait."""
        with self._lock:
            events = self._events[:EVENTS_A_BEAT]
        try:
            if self._client.heartbeat(self._spec.attempt, self._spec.token, events):
                self._cancelled.set()
        except HubUnreachable as error:
            log.warning("heartbeat: %s; %d events wait", error, len(events))
            return False
        except (HubRefused, ContractError) as error:
            log.error("heartbeat refused, %d events dropped: %s", len(events), error)
        with self._lock:
            sent = {event.seq for event in events}
            self._events = [event for event in self._events if event.seq not in sent]
        return True
