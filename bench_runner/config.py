"""The settings of a worker: read from the environment, here and nowhere else, with a sentence per mistake.

Not in charge of the hub's settings (`hub/settings.py`), nor of Celery's (`celery.py`).

    HUB_URL            where the hub is, e.g. http://127.0.0.1:8000
    REDIS_URL          where wake-ups come from: redis://, rediss:// or unix:///path.sock
    WORKER_TOKEN       the worker's token, or …
    WORKER_TOKEN_FILE  … a file that holds it
    WORKER_NAME        its name on Redis and in its log; default: the host's name. The hub goes by the token
    WORKER_DATA_DIR    calibration, cached revisions, undelivered results; default: ~/.cache/touchstone-worker
    WORKER_CARD        an NVIDIA card by index or uuid, or `none`; default: any that no other worker here has
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench_runner.errors import ConfigError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
CARD = re.compile(r"|none|\d{1,3}|(GPU|MIG)-[0-9a-fA-F-]{8,64}")
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+socket")


@dataclass(frozen=True)
class Config:
    hub_url: str
    redis_url: str  # as Celery takes it
    token: str = field(repr=False)
    name: str
    data_dir: Path
    unsafe: bool = False  # --unsafe-no-sandbox
    card: str = ""  # index, uuid, "none", or empty: see `cards.take`

    @classmethod
    def from_environment(cls, given: Mapping[str, str] = os.environ, *, unsafe: bool = False) -> Config:
        """Read and check every setting.

        Raises:
            ConfigError: one sentence for each setting that is missing or wrong, all of them at once.
        """
        reading = _Reading(given)
        hub, redis, token = reading.hub_url(), reading.redis_url(), reading.token()
        config = cls(hub, redis, token, reading.name(), reading.data_dir(), unsafe, reading.card())
        if reading.mistakes:
            raise ConfigError("\n".join(reading.mistakes))
        return config


def data_dir(given: Mapping[str, str] = os.environ) -> Path:
    """Where calibration, revisions and undelivered results are kept."""
    home = given.get("WORKER_DATA_DIR") or "~/.cache/touchstone-worker"
    return Path(home).expanduser().absolute()


def broker_url(redis_url: str) -> str:
    """Celery calls a Unix socket `redis+socket://`."""
    return re.sub(r"^unix://", "redis+socket://", redis_url)


class _Reading:
    """Collects the mistakes instead of stopping at the first."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given = given
        self.mistakes: list[str] = []

    def hub_url(self) -> str:
        url = self.given.get("HUB_URL", "")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self.mistakes.append(
                f"HUB_URL={url!r}: an http or https address is needed: HUB_URL=http://127.0.0.1:8000"
            )
        return url.rstrip("/")

    def redis_url(self) -> str:
        url = self.given.get("REDIS_URL", "")
        parts = urlsplit(url)
        if parts.scheme not in REDIS_SCHEMES or not (parts.hostname or parts.path):
            self.mistakes.append(
                f"REDIS_URL={_without_password(url)!r}: redis://host:6379/0, rediss://… or unix:///path/sock "
                "is needed; it is the address that the hub uses too"
            )
        return broker_url(url)

    def token(self) -> str:
        token, file = self.given.get("WORKER_TOKEN", ""), self.given.get("WORKER_TOKEN_FILE", "")
        if token and file:
            self.mistakes.append("WORKER_TOKEN and WORKER_TOKEN_FILE are both set: keep one")
        if file and not token:
            try:
                token = Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                self.mistakes.append(f"WORKER_TOKEN_FILE={file!r}: {error}: name a readable file")
                return ""
        if not token or not token.isascii() or not token.isprintable():
            self.mistakes.append(
                "WORKER_TOKEN: a worker token is needed, in WORKER_TOKEN or in the file WORKER_TOKEN_FILE: "
                "`manage.py add_worker NAME` on the hub makes one"
            )
        return token

    def name(self) -> str:
        name = self.given.get("WORKER_NAME") or socket.gethostname()
        if not NAME.fullmatch(name):
            self.mistakes.append(f"WORKER_NAME={name!r}: 1 to 63 letters, digits, '.', '_', '-' are allowed")
        return name

    def card(self) -> str:
        card = self.given.get("WORKER_CARD", "")
        if not CARD.fullmatch(card):
            self.mistakes.append(
                f"WORKER_CARD={card!r}: none, an index (0) or a uuid (GPU-…, MIG-…) is needed: "
                "`nvidia-smi -L` lists them"
            )
        return card

    def data_dir(self) -> Path:
        folder = data_dir(self.given)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self.mistakes.append(f"WORKER_DATA_DIR={str(folder)!r}: cannot be made ({error}): choose another")
        else:
            if not os.access(folder, os.W_OK):
                self.mistakes.append(f"WORKER_DATA_DIR={str(folder)!r}: not writable: choose another")
        return folder


def _without_password(url: str) -> str:
    return re.sub(r"//[^@/]*@", "//…@", url)
