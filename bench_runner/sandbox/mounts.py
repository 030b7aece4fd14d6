"""Mounts made by root on the host's side: the sized /out of a guest and the staging of what it may read.

Not in charge of the mounts inside the sandbox; bubblewrap makes those from here.

Why stage at all: bubblewrap runs as the slot's uid and must reach every source by its path. A clone under
/root or in a `mktemp -d` folder cannot be reached, so root binds it to a place that can. A source that is
itself closed to others (a fresh temporary folder has mode 0700) is copied.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
from pathlib import Path

from bench_runner.errors import SandboxUnavailable

MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND = 2, 4, 8, 4096
MNT_DETACH = 2
SLOT_BYTES = 2**30  # staged copies, built artefacts
COPY_LIMIT = 64 * 2**20  # a closed source above this is refused instead of copied

_libc = ctypes.CDLL(None, use_errno=True)


def mount_output(where: Path, uid: int, size: int, files: int) -> None:
    """A tmpfs that only `uid` can use; one unmount clears whatever was left in it."""
    options = f"size={size},nr_inodes={files + 1},mode=0700,uid={uid},gid={uid}"
    _mount("tmpfs", where, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options)


def mount_slot(where: Path) -> None:
    """A slot's own folder in memory. /run may be mounted noexec, and libraries built here are run from it."""
    _mount("tmpfs", where, "tmpfs", MS_NOSUID | MS_NODEV, f"size={SLOT_BYTES},mode=0755")


def stage(source: Path, place: Path, budget: int = COPY_LIMIT) -> None:
    """Show `source` at `place`, which does not exist yet, readable for every user.

    Raises:
        SandboxUnavailable: the source is missing, or closed to others and too large to copy.
    """
    try:
        is_folder = stat.S_ISDIR(source.stat().st_mode)
        if _open_to_others(source):
            place.mkdir() if is_folder else place.touch()
            _mount(str(source), place, None, MS_BIND, None)
        else:
            _copy(source, place, budget)
    except OSError as error:
        raise SandboxUnavailable(f"{source} cannot be shown to a guest: {error}") from error


def unmount(where: Path) -> None:
    # Detached: a process that is still on its way out cannot hold us up.
    if _libc.umount2(os.fsencode(where), MNT_DETACH) != 0 and ctypes.get_errno() not in (2, 22):
        code = ctypes.get_errno()
        raise SandboxUnavailable(f"umount {where}: {os.strerror(code)}")


def below(folder: Path) -> list[Path]:
    """Everything mounted at or under `folder`, the last one first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [Path(point) for point in reversed(points) if f"{point}/".startswith(f"{folder}/")]


def remove_tree(folder: Path) -> None:
    """Unmount and remove our own staging folder, without ever following a link."""
    for point in below(folder):
        unmount(point)
    for root, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(os.path.join(root, name))
        for name in folders:
            path = os.path.join(root, name)
            os.unlink(path) if os.path.islink(path) else os.rmdir(path)
    with contextlib.suppress(FileNotFoundError):
        folder.rmdir()


def _mount(source: str, target: Path, kind: str | None, flags: int, options: str | None) -> None:
    arguments = [None if a is None else os.fsencode(a) for a in (source, target, kind)]
    if _libc.mount(*arguments, ctypes.c_ulong(flags), options and options.encode()) != 0:
        code = ctypes.get_errno()
        cure = "the worker needs CAP_SYS_ADMIN: run it as root, in a container with `--privileged`"
        raise SandboxUnavailable(f"mount {source} at {target}: {os.strerror(code)}: {cure}")


def _open_to_others(source: Path) -> bool:
    """Looks at the source and, in a folder, at its first level: a closed tree is closed at its top."""
    entries = [source, *source.iterdir()] if source.is_dir() else [source]
    for entry in entries:
        info = entry.lstat()
        need = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(info.st_mode) else stat.S_IROTH
        if not stat.S_ISLNK(info.st_mode) and info.st_mode & need != need:
            return False
    return True


def _copy(source: Path, place: Path, budget: int) -> int:
    """Copy a closed file or folder with open modes, links as links; gives what is left of `budget`."""
    info = source.lstat()
    if stat.S_ISLNK(info.st_mode):
        place.symlink_to(os.readlink(source))
    elif stat.S_ISDIR(info.st_mode):
        place.mkdir()
        place.chmod(0o755)
        for entry in source.iterdir():
            budget = _copy(entry, place / entry.name, budget)
    elif stat.S_ISREG(info.st_mode):
        budget -= info.st_size
        if budget < 0:
            raise SandboxUnavailable(
                f"{source} is closed to other users and the folder is too large to copy for each guest: "
                f"run `chmod -R go+rX` on the folder that is mounted"
            )
        place.write_bytes(source.read_bytes())
        place.chmod(0o755 if info.st_mode & stat.S_IXUSR else 0o644)
    return budget
