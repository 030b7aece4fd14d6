"""Reading what a guest left under /out, on the assumption that it is meant to hurt the reader.

Not in charge of what the bytes mean. Nothing here follows a link, blocks on a FIFO or reads more than
asked. What lies beside the files that were asked for is never opened, but it is a reason to refuse: an honest
program leaves nothing else there.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence

from bench_runner.errors import BadOutput

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
MOST_ENTRIES = 50
NAME_SHOWN = 80  # characters


def read_outputs(folder: int, names: Sequence[str], max_bytes: int) -> dict[str, bytes]:
    """The named files in the folder open as descriptor `folder`; `max_bytes` bounds them together.

    Raises:
        BadOutput: a file is missing, a link, not a regular file, linked twice, or too big; or there is more.
    """
    found: dict[str, bytes] = {}
    for name in names:
        if "/" in name or name in ("", ".", ".."):
            raise ValueError(f"{name!r}: outputs are named by us and lie directly under /out")
        found[name] = _read_one(folder, name, max_bytes)
        max_bytes -= len(found[name])
    _need_nothing_else(folder, set(names))
    return found


def _need_nothing_else(folder: int, names: set[str]) -> None:
    """Looks at a few entries only, however many there are, and repeats no name as it stands."""
    extra = ""
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count > MOST_ENTRIES:
                raise BadOutput("too_many", f"more than {MOST_ENTRIES} files")
            if entry.name not in names:
                extra = ascii(entry.name)[1:-1][:NAME_SHOWN]
                if entry.is_dir(follow_symlinks=False):
                    raise BadOutput("folder", extra)
    if extra:
        raise BadOutput("extra", extra)


def _read_one(folder: int, name: str, limit: int) -> bytes:
    try:
        fd = os.open(name, FLAGS, dir_fd=folder)
    except OSError as error:
        raise BadOutput(_REASONS.get(error.errno or 0, "unreadable"), name) from error
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise BadOutput("not_regular", name)
        if info.st_nlink != 1:
            raise BadOutput("hard_link", name)
        if info.st_size > limit:
            holes = info.st_blocks * 512 <= limit
            raise BadOutput("sparse" if holes else "too_big", name)
        # It cannot grow: the guest is dead by now.
        return b"".join(iter(lambda: os.read(fd, 1 << 20), b""))
    finally:
        os.close(fd)


_REASONS = {errno.ENOENT: "missing", errno.ELOOP: "link", errno.ENXIO: "not_regular"}
