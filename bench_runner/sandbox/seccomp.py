"""The system calls that a guest may not make, as a filter program for bubblewrap.

Not in charge of what namespaces and groups already stop; this closes what they leave open: new namespaces,
tracing, kernel interfaces with a record of holes, and sockets of families that ignore network namespaces.
It also closes every way to send oneself SIGCONT while one is stopped, on which `freezing.py` relies: timers
with a signal of one's choice (setitimer's SIGALRM wakes nobody), descriptors with a signal of one's choice.

Everything else is allowed: compilers, NumPy, OpenMP, multiprocessing and asyncio on the loopback work.
libseccomp's preamble kills calls of foreign architectures (i386, x32).
"""

from __future__ import annotations

import errno
import functools
import logging
import os

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
    "memfd_secret", "vmsplice", "sched_setscheduler", "sched_setattr", "timer_create",
]  # fmt: skip

# clone() may not make namespaces: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
NAMESPACE_FLAGS = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
TERMINAL_IOCTLS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into the terminal outside
F_SETSIG = 10  # fcntl: which signal a descriptor sends when something can be read or written
SOCKET_FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6; AF_VSOCK (40) ignores network namespaces


@functools.cache
def program() -> bytes:
    """The filter as the kernel reads it, about 1200 bytes.

    Raises:
        ImportError, OSError: libseccomp is missing; `doctor` says how to get it.
    """
    import pyseccomp as seccomp  # late: `client` and `fingerprint` do without

    rules = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
    refuse = seccomp.ERRNO(errno.EPERM)
    for name in DENIED:
        try:
            rules.add_rule(refuse, name)
        except (RuntimeError, OSError, ValueError) as error:  # unknown to this libseccomp or architecture
            log.info("seccomp: %s is unknown here (%s), left out", name, error)
    for flag in NAMESPACE_FLAGS:
        rules.add_rule(refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    # The flags of clone3 lie behind a pointer; glibc falls back to clone.
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    for code in TERMINAL_IOCTLS:
        rules.add_rule(refuse, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, code))
    rules.add_rule(refuse, "fcntl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, F_SETSIG))
    _allow_families(rules, seccomp, refuse)
    return _exported(rules)


def _allow_families(rules: object, seccomp: object, refuse: int) -> None:
    """Refuse every family but SOCKET_FAMILIES: the gaps between them, then everything above the last."""
    add, arg = rules.add_rule, seccomp.Arg  # type: ignore[attr-defined]
    for family in range(max(SOCKET_FAMILIES)):
        if family not in SOCKET_FAMILIES:
            add(refuse, "socket", arg(0, seccomp.MASKED_EQ, 0xFFFFFFFF, family))  # type: ignore[attr-defined]
    add(refuse, "socket", arg(0, seccomp.GT, max(SOCKET_FAMILIES)))  # type: ignore[attr-defined]


def _exported(rules: object) -> bytes:
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        rules.export_bpf(file)  # type: ignore[attr-defined]
        file.seek(0)
        return file.read()
