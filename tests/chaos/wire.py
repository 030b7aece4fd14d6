"""The line between workers, contributors and the site: passes requests on, and cuts, doubles or holds some.

Not in charge of what is armed when (`faults.py`). It speaks HTTP/1.1 with bodies of a told length, which is
what workers and small pushes send.
"""

from __future__ import annotations

import contextlib
import enum
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

UPSTREAM_SECONDS = 60
HELD_SECONDS = 30  # at the longest
NOT_PASSED_ON = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Act(enum.Enum):
    """What is done to a request that a trap was armed for."""

    CUT_REQUEST = "half of the request arrives"
    CUT_REPLY = "half of the answer arrives"
    LOSE_REPLY = "the request arrives, its answer does not"
    TWICE = "the request arrives twice"
    LATE = "the request arrives when it is too late"


@dataclass
class Passing:
    """One request, and how the site answered each of its arrivals."""

    method: str
    path: str
    token: str  # of the bearer, or empty
    statuses: list[int] = field(default_factory=list)


@dataclass
class Trap:
    """Strikes once, at the first request that fits."""

    act: Act
    fits: Callable[[Passing], bool]
    release: Callable[[Passing], bool] = lambda _: True  # when a held one may go on
    struck: Passing | None = None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Whoever was on the line has been killed: that is what this is for."""


class Wire:
    """Listens at `url` and passes on to the site that `send_to` names."""

    def __init__(self) -> None:
        self.target = urlsplit("")
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._lock = threading.Lock()
        self._traps: list[Trap] = []

    def send_to(self, url: str) -> None:
        self.target = urlsplit(url)

    @contextlib.contextmanager
    def listening(self) -> Iterator[Wire]:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="wire").start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    @contextlib.contextmanager
    def armed(self, trap: Trap) -> Iterator[Trap]:
        with self._lock:
            self._traps.append(trap)
        try:
            yield trap
        finally:
            with self._lock:
                self._traps = [other for other in self._traps if other is not trap]

    def trap_for(self, passing: Passing) -> Trap | None:
        with self._lock:
            for trap in self._traps:
                if trap.struck is None and trap.fits(passing):
                    trap.struck = passing
                    return trap
        return None

    def ask(self, passing: Passing, headers: dict[str, str], body: bytes) -> _Answer:
        """Pass the request on and take the whole answer."""
        site = http.client.HTTPConnection(
            self.target.hostname or "", self.target.port, timeout=UPSTREAM_SECONDS
        )
        with contextlib.closing(site):
            site.request(passing.method, passing.path, body if body else None, headers)
            answer = site.getresponse()
            text = answer.read()
        passing.statuses.append(answer.status)
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in NOT_PASSED_ON]
        return _Answer(answer.status, kept, text)

    def ask_half(self, passing: Passing, headers: dict[str, str], body: bytes) -> None:
        """Tell the whole length, send half of it, and go."""
        head = [f"{passing.method} {passing.path} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        head += [f"Content-Length: {len(body)}", "", ""]
        with socket.create_connection((self.target.hostname or "", self.target.port or 80)) as site:
            site.sendall("\r\n".join(head).encode("latin-1") + body[: len(body) // 2])
            time.sleep(0.05)


def _handler(wire: Wire) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {n: v for n, v in self.headers.items() if n.lower() not in NOT_PASSED_ON}
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            passing = Passing(self.command, self.path, token)
            trap = wire.trap_for(passing)
            try:
                self._carry(passing, trap, headers, body)
            except (OSError, http.client.HTTPException):  # the site is away, or whoever asked is
                self._hang_up()
            finally:
                if trap is not None:
                    trap.done.set()

        def _carry(self, passing: Passing, trap: Trap | None, headers: dict[str, str], body: bytes) -> None:
            act = trap.act if trap is not None else None
            if act is Act.CUT_REQUEST:
                wire.ask_half(passing, headers, body)
                return self._hang_up()
            if trap is not None and act is Act.LATE:
                until = time.monotonic() + HELD_SECONDS
                while time.monotonic() < until and not trap.release(passing):
                    time.sleep(0.05)
            answer = wire.ask(passing, headers, body)
            if act is Act.TWICE:
                wire.ask(passing, headers, body)
            if act is Act.LOSE_REPLY:
                return self._hang_up()
            half = len(answer.body) // 2
            self._answer(answer, answer.body[:half] if act is Act.CUT_REPLY else answer.body)
            if act is Act.CUT_REPLY:
                self._hang_up()

        def _answer(self, answer: _Answer, body: bytes) -> None:
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(body)

        def _hang_up(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
