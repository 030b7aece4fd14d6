"""An OpenID Connect provider for tests, on a port of this machine: discovery, log-in, tokens, who it was.

Not in charge of passwords: whoever comes is logged in as `claims` says, or turned away as `refusal` says.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

CLIENT, SECRET = "touchstone", "a-secret-of-two"
CALLBACK = "http://testserver/oidc/openid/login/callback/"
MEI = {"sub": "u-17", "name": "Mei", "email": "mei@example.org", "email_verified": True}

Answer = tuple[int, Any]  # a dictionary is sent as JSON, a text as a page


class Refused(Exception):
    """The hub asked for something that the protocol does not allow."""


class Provider(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.claims: dict[str, Any] = dict(MEI)  # of whoever logs in next
        self.in_token: dict[str, Any] = {}  # what the identity token says otherwise
        self.refusal = ""  # an OAuth error instead of a code
        self.broken: dict[str, Answer] = {}  # path → answer
        self._codes: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, dict[str, Any]] = {}
        self._paths: dict[str, Callable[[dict[str, str], str], Answer]] = {
            "/.well-known/openid-configuration": self._discovery,
            "/authorize": self._authorize,
            "/token": self._token,
            "/userinfo": self._userinfo,
            "/jwks": lambda _given, _authorization: (200, {"keys": [_public_key()]}),
        }

    def answer(self, path: str, given: dict[str, str], authorization: str) -> Answer:
        if path in self.broken:
            return self.broken[path]
        try:
            return self._paths[path](given, authorization)
        except Refused as refusal:
            return 400, {"error": str(refusal)}

    def _discovery(self, _given: dict[str, str], _authorization: str) -> Answer:
        places = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        return 200, {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            **{f"{name}_endpoint": f"{self.url}/{path}" for name, path in places.items()},
        }

    def _authorize(self, given: dict[str, str], _authorization: str) -> Answer:
        asked = {"client_id": CLIENT, "redirect_uri": CALLBACK, "response_type": "code"}
        if wrong := [name for name, value in asked.items() if given.get(name) != value]:
            return 400, {"error": "invalid_request", "wrong": wrong}  # never a redirect to a place unknown
        if "openid" not in given["scope"].split():
            return 302, {"error": "invalid_scope", "state": given["state"]}
        if self.refusal:
            return 302, {"error": self.refusal, "state": given["state"]}
        code = token_urlsafe()
        self._codes[code] = self.claims
        return 302, {"code": code, "state": given["state"]}

    def _token(self, given: dict[str, str], _authorization: str) -> Answer:
        if (given.get("client_id"), given.get("client_secret")) != (CLIENT, SECRET):
            raise Refused("invalid_client")
        claims = self._codes.pop(given.get("code", ""), None)  # a code serves once
        if claims is None or given.get("redirect_uri") != CALLBACK:
            raise Refused("invalid_grant")
        token, now = token_urlsafe(), int(time.time())
        self._tokens[token] = claims
        said = {"iss": self.url, "aud": CLIENT, "sub": claims["sub"], "iat": now, "exp": now + 300}
        signed = jwt.encode(said | self.in_token, _key(), algorithm="RS256", headers={"kid": "first"})
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 300, "id_token": signed}

    def _userinfo(self, _given: dict[str, str], authorization: str) -> Answer:
        claims = self._tokens.get(authorization.removeprefix("Bearer "))
        return (200, claims) if claims else (401, {"error": "invalid_token"})


@contextmanager
def providing() -> Iterator[Provider]:
    """A provider that answers until the block ends."""
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@cache
def _key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def _public_key() -> dict[str, Any]:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(_key().public_key(), as_dict=True)
    return {**public, "kid": "first", "use": "sig", "alg": "RS256"}


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        self._respond(urlsplit(self.path).query)

    def do_POST(self) -> None:
        self._respond(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _respond(self, given: str) -> None:
        path, authorization = urlsplit(self.path).path, self.headers.get("Authorization", "")
        status, said = self.server.answer(path, dict(parse_qsl(given)), authorization)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", f"{CALLBACK}?{urlencode(said)}")
            body = b""
        elif isinstance(said, dict):
            self.send_header("Content-Type", "application/json")
            body = json.dumps(said).encode()
        else:
            self.send_header("Content-Type", "text/html")
            body = said.encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""
