"""One POST to an address that a stranger chose. No database here: these run side by side in threads.

Theory of operation
- The danger is that the hub asks, in a stranger's name, what only the hub can reach: its own services, its
  network, a cloud's metadata. So the name is looked up once, *every* address it stands for must be a public
  one, and the connection goes to the address that was looked at, whatever the name stands for meanwhile.
- Redirects are not followed: they would lead past that look.
- A request ends. Each wait is short, and after DEADLINE the connection is cut, however the other side drips.
- Of the answer nothing but its status is kept: it is nobody's way to read what stands behind the hub.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

WAIT = 5.0  # seconds for one answer of the network
DEADLINE = 10.0  # seconds for the whole request
PORTS = (80, 443)  # and from 1024 on: nobody speaks to a mail server through us
NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Forbidden(Exception):
    """The address is none that we send to; trying again does not help."""


@dataclass(frozen=True)
class Answer:
    """What came of one request."""

    status: int | None = None
    fault: str = ""
    forbidden: bool = False

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over time and body: whoever has the secret knows who sent it, and when."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def why_not(url: str) -> str | None:
    """Why an address cannot be a webhook, as a sentence; None if it can. The network is not asked."""
    try:
        parts = urlsplit(url)
        port = _port(parts)
    except ValueError:
        return _("“%(url)s” is no address: give one such as https://example.org/hook.") % {"url": url[:80]}
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or " " in url:
        return _("“%(url)s” is no address: give one such as https://example.org/hook.") % {"url": url[:80]}
    if parts.username or parts.password:
        return _("Leave name and password out of the address: the signature says who sends.")
    if port not in PORTS and port < 1024:
        return _("Port %(port)s is not used for webhooks: take 80, 443 or one from 1024 on.") % {"port": port}
    return None


def post(url: str, body: bytes, headers: dict[str, str], deadline: float = DEADLINE) -> Answer:
    """Send it; whatever happens is in the answer."""
    try:
        return Answer(status=_post(urlsplit(url), body, headers, deadline))
    except Forbidden as refusal:
        return Answer(fault=str(refusal)[:200], forbidden=True)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(fault=f"{type(error).__name__}: {error}"[:200])


def _post(parts: SplitResult, body: bytes, headers: dict[str, str], deadline: float) -> int:
    host, port = parts.hostname or "", _port(parts)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    sock = socket.create_connection((_public_address(host, port), port), timeout=WAIT)
    cut = threading.Timer(deadline, _cut, [sock.dup()])
    cut.daemon = True
    cut.start()
    try:
        if parts.scheme == "https":
            sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
        connection = http.client.HTTPConnection(host, port, timeout=WAIT)
        connection.sock = sock
        connection.request("POST", target, body, {"Host": _host(parts), **headers})
        return connection.getresponse().status
    finally:
        cut.cancel()
        sock.close()


def _public_address(host: str, port: int) -> str:
    """Where the name leads. With `WEBHOOK_PRIVATE` that may be our own network."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
    if not settings.WEBHOOK_PRIVATE:
        for address in addresses:
            if not is_public(address):
                raise Forbidden(f"{host} leads to {address}, which is not a public address")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, and hides no other one inside."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inside = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if found in NAT64:
            inside = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inside:
            return is_public(str(inside))
    return found.is_global and not found.is_multicast and not found.is_reserved


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _host(parts: SplitResult) -> str:
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return f"{name}:{parts.port}" if parts.port else name


def _cut(sock: socket.socket) -> None:
    """Whoever waits on this connection waits no longer."""
    with suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
