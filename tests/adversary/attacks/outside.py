"""What stands outside the sandbox while strangers' code is judged: targets to be missed, and a census.

Not in charge of judging. The targets are real: listeners of every family that this machine has, a process,
files, another contributor's submission, a secret in the judge's own environment. `harmed` looks at each.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bench_runner.sandbox import Sandbox
from bench_runner.workspace import Workspace
from tests.adversary.labelled import HERE
from tests.bench_runner.sandbox.conftest import left_overs

KERNEL_OBJECTS = tuple(Path("/proc/sysvipc", name) for name in ("shm", "sem", "msg"))


class Outside:
    def __init__(self, sandbox: Sandbox, folder: Path, undo: contextlib.ExitStack) -> None:
        self.sandbox = sandbox
        self.mark = secrets.token_hex(12)
        self.secret = folder / "secret.h"
        self.secret.write_text(f'char secret[] = "{self.mark}";\n')
        self.secret.chmod(0o644)
        self.other = undo.enter_context(Workspace(sandbox).job()) / "solution.c"
        self.other.write_text(f"/* {self.mark} */\n")
        self.other.chmod(0o644)
        self.victim = subprocess.Popen(["sleep", "600"])
        undo.callback(self.victim.wait)
        undo.callback(self.victim.kill)
        self.listeners: dict[str, socket.socket] = {}
        self._listen(folder, undo)
        os.environ["TOUCHSTONE_TEST_SECRET"] = self.mark
        undo.callback(os.environ.pop, "TOUCHSTONE_TEST_SECRET")
        Workspace(sandbox).guest_kit()
        self._kit = self._look()

    def words(self) -> dict[str, str]:
        """What the words between @ signs in an attack stand for."""
        names = {name: each.getsockname() for name, each in self.listeners.items()}
        return {
            "KRAM": self.mark[::-1],
            "MARK": self.mark,
            "SECRET_FILE": str(self.secret),
            "OTHER_SUBMISSION": str(self.other),
            "REFERENCE": str(HERE / "task" / "mirror-add" / "reference.py"),
            "JUDGE": str(os.getpid()),
            "VICTIM": str(self.victim.pid),
            "TCP": str(names["tcp"][1]),
            "UDP": str(names["udp"][1]),
            "UNIX_PATH": names["path"],
            "ABSTRACT": names["abstract"][1:].decode(),
            "VSOCK": str(names["vsock"][1] if "vsock" in names else 1234),
            "ADDRESSES": " ".join({info[4][0] for info in socket.getaddrinfo(socket.gethostname(), 80)}),
        }

    def harmed(self) -> list[str]:
        """Every target that was reached or changed, and everything that is left of a guest."""
        found = [f"{name} heard {data!r}" for name, data in self._heard()]
        if self.victim.poll() is not None:
            found.append(f"the victim has ended with {self.victim.returncode}")
        if self._look() != self._kit:
            found.append("files outside have changed")
        found += left_overs(self.sandbox)
        uids = {str(uid) for uid in self.sandbox.uids}
        for path in KERNEL_OBJECTS:
            found += [
                f"{path}: {line}" for line in path.read_text().splitlines()[1:] if uids & {*line.split()}
            ]
        if sorted(self.sandbox._free_uids) != sorted(self.sandbox.uids):
            found.append(f"uids in use: {self.sandbox._free_uids}")
        return found

    def _listen(self, folder: Path, undo: contextlib.ExitStack) -> None:
        wanted = {
            "tcp": (socket.AF_INET6, socket.SOCK_STREAM, ("::", 0)),
            "udp": (socket.AF_INET6, socket.SOCK_DGRAM, ("::", 0)),
            "path": (socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "socket")),
            "abstract": (socket.AF_UNIX, socket.SOCK_STREAM, f"\0touchstone-{os.getpid()}"),
            "datagrams": (socket.AF_UNIX, socket.SOCK_DGRAM, f"\0touchstone-{os.getpid()}-datagrams"),
            "vsock": (socket.AF_VSOCK, socket.SOCK_STREAM, (socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY)),
            "netlink": (socket.AF_NETLINK, socket.SOCK_RAW, (0, 1)),
        }
        for name, (family, kind, address) in wanted.items():
            with contextlib.suppress(OSError):  # not every machine has every family
                listener = socket.socket(family, kind, 2 if name == "netlink" else 0)
                undo.callback(listener.close)
                listener.bind(address)
                if kind == socket.SOCK_STREAM:
                    listener.listen()
                listener.setblocking(False)
                self.listeners[name] = listener
        os.chmod(folder / "socket", 0o777)

    def _heard(self) -> Iterator[tuple[str, object]]:
        for name, listener in self.listeners.items():
            with contextlib.suppress(BlockingIOError):
                stream = listener.type == socket.SOCK_STREAM
                yield name, listener.accept()[1] if stream else listener.recv(100)

    def _look(self) -> dict[str, object]:
        """The files that a guest could want to change, as they are."""
        kit = Workspace(self.sandbox).guest_kit()
        files = [self.secret, self.other, Path("/proc/sys/kernel/core_pattern"), Path("/etc/shadow")]
        files += sorted(path for path in kit.rglob("*") if path.is_file())
        return {str(path): (path.read_bytes(), path.stat().st_mode, path.stat().st_nlink) for path in files}


def held() -> dict[str, int]:
    """What this process holds and what the kernel keeps for anybody. The same before and after a job."""
    kinds: dict[str, int] = {}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one of the listing itself
            kind = os.readlink(f"/proc/self/fd/{fd}").partition("[")[0]
            kinds[kind] = kinds.get(kind, 0) + 1
    children = Path("/proc/thread-self/children").read_text().split()
    maps = Path("/proc/self/maps").read_text().count("/memfd:")
    keys = len(Path("/proc/keys").read_text().splitlines())
    cores = len(list(Path.cwd().glob("core*")))
    return {**kinds, "children": len(children), "mapped memory files": maps, "keys": keys, "cores": cores}
