"""How a worker speaks to the hub: seven requests over HTTP, JSON both ways. Standard library only.

Not in charge of what is done with the answers (`attempt.py`, `presence.py`), nor of keeping what could not
be delivered (`spool.py`).

A broken connection or a 5xx is asked again with growing pauses until the patience of that request is over;
a 4xx is the hub's last word. One client serves one thread: it keeps one connection open.
"""

from __future__ import annotations

import http.client
import json
import logging
import math
import random
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench_runner.contract import (
    Bundle,
    Canary,
    ContractError,
    Hello,
    JobSpec,
    ProgressEvent,
    Result,
    decode_bundle,
)
from bench_runner.errors import AttemptLost, HubRefused, HubUnreachable

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 15.0  # of one try
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between tries, doubled each time
MAX_ANSWER = 64 * 2**20
GONE = (401, 403, 404, 409, 410)  # of an attempt: it is ours no more


def attempt_path(attempt: str, kind: str) -> str:
    return f"/api/worker/attempts/{attempt}/{kind}"


@dataclass(frozen=True)
class Welcome:
    """The hub's answer to Hello: our id there, jobs that wait for a worker of our class, whether we are deaf
    (canaries that it sent by our queue were not answered), and whether an operator has paused us."""

    worker: str
    jobs: tuple[str, ...] = ()
    deaf: bool = False
    paused: bool = False


class HubClient:
    """Asks the hub at `url`; `token` is the worker's own."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port
        self._prefix = parts.path.rstrip("/")
        self._token = token
        self._connection: http.client.HTTPConnection | None = None

    def hello(self, hello: Hello, *, patience: float = 0.0) -> Welcome:
        data = self._post("/api/worker/hello", hello.to_json(), self._token, patience)
        jobs = data.get("jobs") or []
        return Welcome(
            str(data.get("worker", "")),
            tuple(str(job) for job in jobs),
            deaf=data.get("deaf") is True,
            paused=data.get("paused") is True,
        )

    def canary(self, canary: Canary, *, patience: float = 5.0) -> None:
        self._post("/api/worker/canary", canary.to_json(), self._token, patience)

    def claim(self, job: str, *, patience: float = 10.0) -> JobSpec:
        """Ask for the job.

        Raises:
            AttemptLost: another worker has it, or it needs none any more.
        """
        try:
            return JobSpec.from_json(self._post(f"/api/worker/jobs/{job}/claim", {}, self._token, patience))
        except HubRefused as refusal:
            if refusal.status in (404, 409):
                raise AttemptLost(str(refusal)) from refusal
            raise

    def revision(self, digest: str, *, patience: float = 10.0) -> Bundle:
        """The files of a task's revision; the caller verifies the digest."""
        data = self._ask("GET", f"/api/worker/revisions/{digest}", None, self._token, patience)
        files = data.get("files") if isinstance(data.get("files"), dict) else data
        return decode_bundle(files)

    def heartbeat(self, attempt: str, token: str, events: Sequence[ProgressEvent]) -> bool:
        """Send progress; True when the hub wants the attempt no more. One try: the next beat comes soon."""
        body = {"events": [event.to_json() for event in events]}
        try:
            data = self._post(attempt_path(attempt, "heartbeat"), body, token, 0.0)
        except HubRefused as refusal:
            if refusal.status in GONE:
                return True
            raise
        return bool(data.get("cancelled"))

    def result(self, attempt: str, token: str, result: Result, *, patience: float = 20.0) -> None:
        """Deliver the result.

        Raises:
            AttemptLost: too late, or somebody was faster.
        """
        self.deliver(attempt_path(attempt, "result"), token, result.to_json(), patience=patience)

    def fault(self, attempt: str, token: str, what: str, *, patience: float = 20.0) -> None:
        """Say that our machine failed; the hub queues the job again."""
        self.deliver(attempt_path(attempt, "fault"), token, {"what": what[:2000]}, patience=patience)

    def deliver(self, path: str, token: str, body: dict[str, Any], *, patience: float) -> None:
        try:
            self._post(path, body, token, patience)
        except HubRefused as refusal:
            if refusal.status in GONE:
                raise AttemptLost(str(refusal)) from refusal
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, path: str, body: dict[str, Any], token: str, patience: float) -> dict[str, Any]:
        text = json.dumps(_finite(body), allow_nan=False)
        return self._ask("POST", path, text.encode(), token, patience)

    def _ask(self, method: str, path: str, body: bytes | None, token: str, patience: float) -> dict[str, Any]:
        until, pause = time.monotonic() + patience, FIRST_PAUSE
        while True:
            try:
                status, text = self._try(method, path, body, token)
                if status < 500:
                    break
                trouble = f"answered {status}"
            except (OSError, http.client.HTTPException) as error:
                self.close()
                trouble = f"{type(error).__name__}: {error}"
            if time.monotonic() + pause > until:
                raise HubUnreachable(f"the hub at {self._host}:{self._port} {trouble} to {method} {path}")
            log.info("hub: %s %s %s, again in %.1f s", method, path, trouble, pause)
            time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - spreads workers, no secret
            pause = min(pause * 2, LONGEST_PAUSE)
        return _answer(status, text, path)

    def _try(self, method: str, path: str, body: bytes | None, token: str) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        kept = self._connection is not None
        connection = self._connection or self._connect()
        self._connection = connection
        try:
            connection.request(method, self._prefix + path, body, headers)
            response = connection.getresponse()
        except (ConnectionError, http.client.RemoteDisconnected):
            # A kept connection may have been closed by the hub meanwhile: that is no failure of the hub.
            self.close()
            if not kept:
                raise
            return self._try(method, path, body, token)
        text = response.read(MAX_ANSWER)
        if response.length:  # of a told length, this is still missing: the line broke in the middle
            raise http.client.IncompleteRead(text, response.length)
        if response.will_close:
            self.close()
        return response.status, text

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity, wrong answers do: they travel as words."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _answer(status: int, text: bytes, path: str) -> dict[str, Any]:
    try:
        data = json.loads(text or b"{}")
    except ValueError as error:
        if status < 300:  # a proxy's page, perhaps: what we sent has not arrived for certain
            raise HubUnreachable(f"{path}: the hub's answer is not JSON: {text[:60]!r}") from error
        data = None
    if status >= 300:
        words = data.get("error") if isinstance(data, dict) else None
        raise HubRefused(status, path, str(words or text[:200].decode(errors="replace")))
    if not isinstance(data, dict):
        raise ContractError(f"{path}: the hub's answer must be an object, got {text[:60]!r}")
    return data
