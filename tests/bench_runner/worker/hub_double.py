"""A hub that answers a worker's requests from memory, in a thread of the test.

Not in charge of any rule of the real hub; a test scripts what it needs (`broken`, `waiting`, `refuse`).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench_runner.contract import Bundle, JobKind, JobSpec, encode_bundle
from tasks.spec import digest

TOKEN = "worker-token"


class HubDouble:
    """State and record of one double; `url` is where it listens."""

    def __init__(self) -> None:
        self.url = ""
        self.jobs: dict[str, JobSpec] = {}
        self.revisions: dict[str, Bundle] = {}
        self.claimed: list[str] = []
        self.hellos: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.results: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.authorizations: list[str] = []
        self.waiting: list[str] = []  # told to whoever says hello
        self.canaries: list[dict[str, Any]] = []
        self.deaf = self.paused = False
        self.cancelled = False
        self.broken = 0  # so many requests are answered with 503 first
        self.dropped = 0  # so many connections are closed without an answer first
        self.cut = 0  # so many answers end in the middle first
        self.refuse: dict[str, int] = {}  # last part of the path -> status
        self.requests: list[str] = []
        self.connections = 0

    def add_job(
        self, name: str, task: str, files: Bundle, submission: Bundle, kind: JobKind = JobKind.CHECK
    ) -> JobSpec:
        revision = digest(files)
        self.revisions[revision] = files
        spec = JobSpec(
            name, f"attempt-{name}", f"token-{name}", kind, task, revision, "cpu", submission, 600.0
        )
        self.jobs[name] = spec
        return spec

    def answer(
        self, method: str, path: str, body: dict[str, Any], authorization: str
    ) -> tuple[int, dict[str, Any]]:
        self.requests.append(f"{method} {path}")
        self.authorizations.append(authorization)
        last = path.rsplit("/", 1)[1]
        if self.broken > 0:
            self.broken -= 1
            return 503, {"error": "starting"}
        if last in self.refuse:
            return self.refuse[last], {"error": "as the test wants it"}
        return getattr(self, f"_{last}" if hasattr(self, f"_{last}") else "_revision")(path, body)

    def _hello(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.hellos.append(body)
        return 200, {
            "worker": "w1",
            "jobs": [job for job in self.waiting if job not in self.claimed],
            "deaf": self.deaf,
            "paused": self.paused,
        }

    def _canary(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.canaries.append(body)
        return 200, {"accepted": True}

    def _claim(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        job = path.split("/")[-2]
        if job not in self.jobs or job in self.claimed:
            return (409 if job in self.jobs else 404), {"error": f"job {job} is not queued"}
        self.claimed.append(job)
        return 200, self.jobs[job].to_json()

    def _revision(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        files = self.revisions.get(path.rsplit("/", 1)[1])
        return (200, encode_bundle(files)) if files is not None else (404, {"error": "no such revision"})

    def _heartbeat(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.events += body["events"]
        return 200, {"cancelled": self.cancelled}

    def _result(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.results.append(body)
        return 200, {"accepted": True}

    def _fault(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.faults.append(body["what"])
        return 200, {"accepted": True}


@contextmanager
def serving(port: int = 0) -> Iterator[HubDouble]:
    double = HubDouble()
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(double))
    server.daemon_threads = True
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"still not so after {seconds} s"
        time.sleep(0.02)


def _handler(double: HubDouble) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            double.connections += 1

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            if double.dropped > 0:
                double.dropped -= 1
                self.close_connection = True
                self.connection.close()
                return
            status, answer = double.answer(self.command, self.path, body, self.headers["Authorization"])
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if double.cut > 0:
                double.cut -= 1
                self.wfile.write(text[: len(text) // 2])
                self.close_connection = True
                return
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
