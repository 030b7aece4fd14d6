"""The sandbox of one worker slot: starts guests, and clears what a killed worker left.

Not in charge of a guest once it runs (`process.py`), nor of what is run in it (the director).

Theory of operation. A slot is a number held by two locks, so that two workers never share one: a file in the
run folder, and a byte of a file in the tree of the control groups itself, where workers meet that share the
machine's groups but not its /run, as two containers may. It stands for a range of uids (every guest that runs
at the same time has its own), a staging folder `<run>/slot-<n>/` and the group names `<uid>.<n>-…`. The locks
go with their process, however that ends; whoever takes the slot next kills and removes what was left. What
follows in a name is random: a guest sees the path its mounts come from, and a number would tell it how many
guests came before. As root all layers hold. As an ordinary user
there is no uid to switch to and /out is made by bubblewrap inside and held open from outside through /proc
before the program starts; groups exist only where they were delegated, and without them no sandbox is
opened at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench_runner.errors import JudgeError, SandboxUnavailable
from bench_runner.sandbox import mounts as host
from bench_runner.sandbox import seccomp
from bench_runner.sandbox.backends import Backend, find_backend
from bench_runner.sandbox.cage import Cage
from bench_runner.sandbox.command import LAUNCHER_ENVIRONMENT, TOOLS, python_mounts
from bench_runner.sandbox.process import Guest, adopt_orphans
from bench_runner.sandbox.records import Limits, Mount
from bench_runner.sandbox.unsafe import start_unsafe

log = logging.getLogger(__name__)

FIRST_UID = 60700  # 60514-61183 is given to nobody by Debian or systemd
UIDS_A_SLOT = 8
SLOTS = 32
LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Sandbox:
    """Make one with `open`; it is good for any number of guests, one after another or side by side."""

    def __init__(self, slot: int, locks: tuple[int, ...], backend: Backend, *, unsafe: bool) -> None:
        self.slot = slot
        self.backend = backend
        self.root = os.geteuid() == 0
        self.sandboxed = not unsafe
        self.folder = run_folder() / f"slot-{slot}"
        self._locks = locks
        self.uids = tuple(FIRST_UID + slot * UIDS_A_SLOT + i for i in range(UIDS_A_SLOT))
        self._free_uids = list(self.uids)
        self._filter = -1

    @classmethod
    def open(cls, slot: int = 0, *, unsafe: bool = False) -> Sandbox:
        """The first free slot from `slot` on, swept clean.

        Raises:
            SandboxUnavailable: tools or limits are missing; the text says what to do.
        """
        backend = Backend("none") if unsafe else find_backend()
        if not unsafe:
            _need_tools()
            if backend.name == "none":
                raise SandboxUnavailable(
                    f"memory and process limits cannot be enforced: {backend.problem}. Run the worker as "
                    "root or have control groups delegated to it; `python -m bench_runner doctor` shows how"
                )
        number, locks = _take_slot(slot, backend)
        sandbox = cls(number, locks, backend, unsafe=unsafe)
        try:
            adopt_orphans()
            sandbox.sweep()
            _sweep_abandoned(backend)
            if not unsafe:
                sandbox._filter = _filter_file()
        except BaseException:
            with contextlib.suppress(JudgeError, OSError):  # whoever opens the slot next sweeps what is left
                sandbox.close()
            raise
        return sandbox

    def start(
        self,
        command: Sequence[str],
        *,
        mounts: Sequence[Mount],
        limits: Limits,
        pass_fds: Sequence[int] = (),
        environment: Mapping[str, str] | None = None,
    ) -> Guest:
        """Start `command` in a fresh cage; it sees `mounts` read-only, /out if it has one, and `pass_fds`.

        In unsafe mode there is no cage: words of `command` and values of `environment` that name a path
        inside are rewritten to where that is outside; `TOUCHSTONE_ROOT` says what to put before such a path.
        """
        name = f"{os.geteuid()}.{self.slot}-{secrets.token_hex(6)}"
        place = self.folder / name
        place.mkdir(mode=0o755)
        with contextlib.ExitStack() as undo:
            undo.callback(host.remove_tree, place)
            if not self.sandboxed:
                return start_unsafe(place, command, mounts, limits, pass_fds, environment or {}, undo)
            uid = self._take_uid(undo)
            shown = self._staged([*python_mounts(), *mounts], place)
            group = self.backend.create(name, limits)
            if group is None:
                raise SandboxUnavailable(self.backend.problem)
            undo.callback(group.remove)
            cage = Cage(place, limits, uid, group, self._filter)
            return cage.start(command, shown, pass_fds, environment or {}, undo)

    def sweep(self) -> int:
        """Kill, unmount and remove what an earlier worker left in this slot; gives the number of groups."""
        count = _sweep(self.backend, self.slot)
        self.folder.mkdir(mode=0o755)
        if self.root and self.sandboxed:
            host.mount_slot(self.folder)
        return count

    def clear(self) -> None:
        """After an attempt that was broken off at any point: end its guests, take back what they held."""
        self.backend.sweep(f"{os.geteuid()}.{self.slot}-")
        for place in self.folder.glob(f"{os.geteuid()}.{self.slot}-*"):
            host.remove_tree(place)
        self._free_uids = list(self.uids)

    def clear_abandoned(self) -> None:
        """End what killed workers left in slots that nobody holds and that perhaps nobody takes again."""
        _sweep_abandoned(self.backend)

    def close(self) -> None:
        """Give the slot back. Guests must have been closed."""
        if self._locks:
            locks, rules, self._locks, self._filter = self._locks, self._filter, (), -1
            adopt_orphans(False)
            try:
                host.remove_tree(self.folder)
            finally:
                _unlock(locks)
                if rules >= 0:
                    os.close(rules)

    def reopened(self) -> Sandbox:
        """A new sandbox in place of one that has failed: groups found anew, the slot swept.

        Raises:
            SandboxUnavailable: none can be had now; this one is closed, asking again later is all right.
        """
        try:
            self.close()
        except (JudgeError, OSError) as error:  # whoever opens the slot next sweeps what is left
            log.warning("slot %d: %s", self.slot, error)
        return Sandbox.open(self.slot, unsafe=not self.sandboxed)

    def _take_uid(self, undo: contextlib.ExitStack) -> int | None:
        if not self.root:
            return None
        if not self._free_uids:
            raise SandboxUnavailable(f"{UIDS_A_SLOT} guests run already: close one before the next")
        uid = self._free_uids.pop(0)
        undo.callback(self._give_back, uid)
        return uid

    def _give_back(self, uid: int) -> None:
        if uid not in self._free_uids:  # `clear` may have taken it back before
            self._free_uids.append(uid)

    def _staged(self, mounts: Sequence[Mount], place: Path) -> list[Mount]:
        if not self.root:
            return [replace(mount, source=mount.source.resolve()) for mount in mounts]
        staged = []
        for number, mount in enumerate(mounts):
            if mount.device:
                staged.append(mount)
                continue
            host.stage(mount.source, place / f"m{number}")
            staged.append(Mount(place / f"m{number}", mount.target))
        return staged


def run_folder() -> Path:
    """Where staging folders and locks live: in /run for root, else in the user's own runtime folder.

    Raises:
        SandboxUnavailable: somebody else owns it.
    """
    if os.geteuid() == 0 and os.access("/run", os.W_OK):
        folder = Path("/run/touchstone")
    else:
        base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
        folder = Path(base) / f"touchstone-{os.geteuid()}"
    folder.mkdir(mode=0o755, exist_ok=True)
    if folder.stat().st_uid != os.geteuid() or folder.is_symlink():
        raise SandboxUnavailable(f"{folder} belongs to somebody else: remove it, or set XDG_RUNTIME_DIR")
    return folder


def _sweep(backend: Backend, slot: int) -> int:
    count = backend.sweep(f"{os.geteuid()}.{slot}-")
    folder = run_folder() / f"slot-{slot}"
    if folder.exists():
        host.remove_tree(folder)
    return count


def _sweep_abandoned(backend: Backend) -> None:
    """The slots of killed workers."""
    slots = {int(folder.name.removeprefix("slot-")) for folder in run_folder().glob("slot-*[0-9]")}
    for slot in slots | backend.slots(f"{os.geteuid()}."):
        if (locks := _lock(slot, backend)) is not None:
            _sweep(backend, slot)
            _unlock(locks)


def _lock(slot: int, backend: Backend) -> tuple[int, ...] | None:
    """The descriptors that hold the slot, or None where somebody else does."""
    lock = os.open(run_folder() / f"slot-{slot}.lock", LOCK_FLAGS, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return lock, *backend.hold(slot)
    except BlockingIOError:
        os.close(lock)
        return None


def _unlock(locks: tuple[int, ...]) -> None:
    for lock in locks:
        os.close(lock)


def _take_slot(first: int, backend: Backend) -> tuple[int, tuple[int, ...]]:
    for slot in range(first, SLOTS):
        if (locks := _lock(slot, backend)) is not None:
            return slot, locks
    raise SandboxUnavailable(f"all {SLOTS} slots are taken by running workers: stop one of them")


def _filter_file() -> int:
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    os.write(fd, seccomp.program())
    return fd


def _need_tools() -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool, path=LAUNCHER_ENVIRONMENT["PATH"]) is None]
    if missing:
        names = ", ".join(missing)
        raise SandboxUnavailable(f"{names} not found: run `apt-get install bubblewrap util-linux`")
