"""The system calls that a guest may not make, as a filter program for bubblewrap.

Not in charge of what namespaces and groups already stop; this closes what they leave open: new namespaces,
tracing, kernel interfaces with a record of holes, and sockets of families that ignore network namespaces.
It also closes

* every way to send oneself SIGCONT while one is stopped, on which `freezing.py` relies: timers with a signal
  of one's choice (setitimer's SIGALRM wakes nobody), descriptors with a signal of one's choice;
* work that the kernel does for a process that is stopped: io_uring and the older asynchronous I/O;
* what makes the kernel load a module on a guest's word: rare protocols, line disciplines of terminals;
* limits of others: pid 1 inside has the guest's uid, so `prlimit` could be aimed at it; and the limit that
  keeps a crash from a core handler of the machine (`command.py`) may not be changed;
* the cheap looks at the page cache and at files that others open: /usr is shared with every guest of the
  machine, and one could leave a message there for the next. What a read costs still tells; see README.md.

Everything else is allowed: compilers, NumPy, OpenMP, multiprocessing and asyncio on the loopback work.
libseccomp's preamble kills calls of foreign architectures (i386, x32). A system call that is younger than
this list does not exist for a guest: whoever adds it here has looked at what it can do.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
from typing import Any

log = logging.getLogger(__name__)

DENIED = [
    "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen",
    "fsconfig", "fsmount", "fspick", "mount_setattr", "ptrace", "process_vm_readv", "process_vm_writev",
    "kcmp", "pidfd_getfd", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "keyctl", "add_key", "request_key", "kexec_load", "kexec_file_load",
    "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff", "acct", "quotactl",
    "syslog", "uselib", "modify_ldt", "iopl", "ioperm", "settimeofday", "clock_settime", "adjtimex",
    "clock_adjtime", "sethostname", "setdomainname", "move_pages", "migrate_pages", "name_to_handle_at",
    "open_by_handle_at", "lookup_dcookie", "nfsservctl", "vhangup", "personality", "fanotify_init",
    "memfd_secret", "vmsplice", "sched_setscheduler", "sched_setattr", "timer_create", "quotactl_fd",
    "process_madvise", "process_mrelease", "io_setup", "io_submit", "fanotify_mark", "inotify_init",
    "inotify_init1", "inotify_add_watch", "mincore", "fadvise64",
]  # fmt: skip

# Younger than libseccomp 2.5, which does not know their names. From 424 on, numbers are the same everywhere.
DENIED_NUMBERS = (451, 457, 458, 467, 470)  # cachestat, statmount, listmount, open_tree_attr, listns
UNKNOWN = range(471, 512)  # not yet looked at; 512 and above are x32's, killed already

# clone() may not make namespaces: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
NAMESPACE_FLAGS = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
# TIOCSTI, TIOCLINUX type into the terminal outside; TIOCSETD has the kernel load a line discipline.
TERMINAL_IOCTLS = (0x5412, 0x541C, 0x5423)
F_SETSIG = 10  # fcntl: which signal a descriptor sends when something can be read or written
F_NOTIFY = 1026  # … when a file in a folder is touched, by whomever
SOCKET_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6; AF_VSOCK (40) ignores network namespaces
PROTOCOLS = (0, 1, 6, 17)  # the family's own, PF_UNIX, TCP, UDP; others are modules, loaded on first use
RLIMIT_CORE = 4
RWF_NOWAIT = 8  # preadv2: only what the page cache holds
WORD = 0xFFFFFFFF  # the kernel looks at so much of an argument that is an int


@functools.cache
def program() -> bytes:
    """The filter as the kernel reads it, about 3 KB.

    Raises:
        ImportError, OSError: libseccomp is missing; `doctor` says how to get it.
    """
    import pyseccomp as seccomp  # late: `client` and `fingerprint` do without

    rules = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
    refuse = seccomp.ERRNO(errno.EPERM)
    denied: list[str | int] = [*DENIED, *DENIED_NUMBERS]
    for name in denied:
        _deny(rules, refuse, name)
    for number in UNKNOWN:
        _deny(rules, seccomp.ERRNO(errno.ENOSYS), number)
    # The flags of clone3 lie behind a pointer; glibc falls back to clone.
    _deny(rules, seccomp.ERRNO(errno.ENOSYS), "clone3")
    for flag in NAMESPACE_FLAGS:
        _deny(rules, refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    for code in TERMINAL_IOCTLS:
        _deny(rules, refuse, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, WORD, code))
    for command in (F_SETSIG, F_NOTIFY):
        _deny(rules, refuse, "fcntl", seccomp.Arg(1, seccomp.MASKED_EQ, WORD, command))
    _deny(rules, refuse, "prlimit64", seccomp.Arg(0, seccomp.GT, 0))  # 0: oneself
    core = seccomp.Arg(1, seccomp.MASKED_EQ, WORD, RLIMIT_CORE)
    _deny(rules, refuse, "prlimit64", core, seccomp.Arg(2, seccomp.GT, 0))  # a new value
    _deny(rules, refuse, "setrlimit", seccomp.Arg(0, seccomp.MASKED_EQ, WORD, RLIMIT_CORE))
    _deny(rules, refuse, "preadv2", seccomp.Arg(5, seccomp.MASKED_EQ, RWF_NOWAIT, RWF_NOWAIT))
    for call in ("socket", "socketpair"):
        _allow_only(rules, refuse, call, 0, SOCKET_FAMILIES)
        _allow_only(rules, refuse, call, 2, PROTOCOLS)
    return _exported(rules)


def _deny(rules: Any, answer: int, call: str | int, *when: object) -> None:
    try:
        rules.add_rule(answer, call, *when)
    except (RuntimeError, OSError, ValueError) as error:  # unknown to this libseccomp or architecture
        log.info("seccomp: %s is unknown here (%s), left out", call, error)


def _allow_only(rules: Any, refuse: int, call: str, argument: int, allowed: tuple[int, ...]) -> None:
    """Refuse every value but these: the gaps between them, then everything above the last."""
    import pyseccomp as seccomp

    for value in range(max(allowed)):
        if value not in allowed:
            _deny(rules, refuse, call, seccomp.Arg(argument, seccomp.MASKED_EQ, WORD, value))
    _deny(rules, refuse, call, seccomp.Arg(argument, seccomp.GT, max(allowed)))


def _exported(rules: Any) -> bytes:
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()
