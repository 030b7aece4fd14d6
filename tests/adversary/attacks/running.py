# ruff: noqa: E501 - programs of a line or two each
"""Attacks of code that runs: on files, networks, the kernel and other processes; and what outstays its welcome.

Uncaught, so that the verdict says what was refused. A kernel's own refusal is the last word where there are
several: "not permitted" from the filter, "no such file" where a thing does not exist inside.
"""

from __future__ import annotations

from tests.adversary.attacks.attack import c, python

REFUSED = ("runtime_error", "not_permitted", "Operation not permitted")
ABSENT = ("runtime_error", "raised", "No such file or directory")
HONEST = ("passed", "all_cases_right")

READING = [
    python("reads-other-submissions", """
for top, folders, names in os.walk("/"):
    if top in ("/proc", "/usr", "/runtime"):
        folders.clear()
    for name in names:
        path = os.path.join(top, name)
        try:
            if os.path.isfile(path) and b"@KRAM@"[::-1] in open(path, "rb").read(1 << 20):
                print("REACHED", path, flush=True)
        except OSError:
            pass
open("@OTHER_SUBMISSION@")
""", *ABSENT),
    python("reads-the-answers", """
for top, folders, names in os.walk("/"):
    if top in ("/proc", "/usr", "/runtime"):
        folders.clear()
    if {"reference.py", "inputs.py", "task.toml"} & set(names):
        print("REACHED", top, names, flush=True)
open("@REFERENCE@")
""", *ABSENT),
    python("reads-the-judge-through-proc", """
each(*[lambda path=f"/proc/{pid}/{name}": open(path, "rb").read(64)
       for pid in (1, @JUDGE@, os.getppid() or 1) for name in ("environ", "mem", "maps", "cmdline", "fd/3", "auxv")])
""", *ABSENT),
    python("reads-secrets-of-the-environment", """
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if b"@KRAM@"[::-1] in open(f"/proc/{pid}/environ", "rb").read():
            print("REACHED", pid, flush=True)
    except OSError:
        pass
if any("@KRAM@"[::-1] in value for value in os.environ.values()):
    print("REACHED", flush=True)
print("there is", sorted(os.environ))
raise KeyError("no secret")
""", "runtime_error", "raised", "no secret"),
    python("reads-files-of-the-host", """
each(*[lambda path=path: open(path).read() for path in (
    "@SECRET_FILE@", "/etc/shadow", "/etc/passwd", "/root/.ssh/id_rsa", "/sys/kernel/notes", "/var/log/dpkg.log",
    "/proc/kcore", "/dev/mem", "/dev/vda", "/dev/kvm", "/run/touchstone")])
""", *ABSENT),
    python("writes-where-it-may-not", """
each(*[lambda path=path: open(path, "ab") for path in (
    "@SECRET_FILE@", "/guest/main.py", "/submission/solution.py", "/usr/bin/x", "/etc/x", "/x", "/dev/x",
    "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/1/oom_score_adj")],
    lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-1000"),
    lambda: os.chmod("/submission/solution.py", 0o777), lambda: os.utime("/usr/bin/gcc"),
    lambda: os.rename("/submission/solution.py", "/submission/x"), lambda: os.unlink("/guest/main.py"))
""", "runtime_error", "not_permitted", "Read-only file system"),
    python("rewrites-the-judges-memory", """
maps = [line.split() for line in open("/proc/self/maps") if "memfd:requests" in line or "memfd:inputs" in line]
print(len(maps), "mappings", flush=True)
def write(where):
    start = int(where.split("-")[0], 16)
    with open("/proc/self/mem", "r+b", 0) as memory:
        memory.seek(start)
        memory.write(b"x" * 8)
each(*[lambda where=where[0]: write(where) for where in maps],
     *[lambda where=where[0]: open(f"/proc/self/map_files/{where}", "r+b") for where in maps],
     *[lambda fd=fd: os.pwrite(fd, b"x" * 64, 0) for fd in range(3, 64)],
     *[lambda where=where[0]: call(10, int(where.split("-")[0], 16), 4096, 3) for where in maps])
""", "runtime_error", "not_permitted", "Bad file descriptor"),
]  # fmt: skip

NETWORK = [
    python("connects-over-tcp", """
def go(family, kind, address, port):
    with socket.socket(family, kind) as s:
        s.settimeout(0.3)
        s.connect((address, port))
        s.send(b"@MARK@")
        return s.recv(9)
each(*[lambda a=a: go(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, a, @TCP@)
       for a in ("127.0.0.1", "::1", "192.0.2.1", *"@ADDRESSES@".split())])
""", "runtime_error", "not_permitted", "Connection refused"),
    python("sends-datagrams", """
def go(family, address):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        s.connect((address, @UDP@))
        s.send(b"@MARK@")
        return s.recv(9)
each(*[lambda a=a: go(socket.AF_INET6 if ":" in a else socket.AF_INET, a)
       for a in ("127.0.0.1", "::1", "192.0.2.1", "255.255.255.255", "224.0.0.1")])
""", "runtime_error", "not_permitted", "Network is unreachable"),
    python("connects-to-unix-sockets", """
def go(address, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_UNIX, kind) as s:
        s.connect(address)
        s.send(b"@MARK@")
each(lambda: go("@UNIX_PATH@"), lambda: go("/run/dbus/system_bus_socket"), lambda: go("/var/run/docker.sock"),
     lambda: go("\\0@ABSTRACT@"), lambda: go("\\0@ABSTRACT@", socket.SOCK_DGRAM))
""", "runtime_error", "not_permitted", "Connection refused"),
    python("connects-over-vsock", """
def go(cid):
    with socket.socket(40, socket.SOCK_STREAM) as s:
        s.connect((cid, @VSOCK@))
each(*[lambda cid=cid: go(cid) for cid in (0, 1, 2, 3, -1)])
""", *REFUSED),
    python("speaks-netlink", """
def go(protocol):
    with socket.socket(16, socket.SOCK_RAW, protocol) as s:
        s.bind((0, 1))
        s.sendto(b"@MARK@", (0, 1))
each(*[lambda p=p: go(p) for p in range(23)])
""", *REFUSED),
    python("speaks-raw-packets", """
each(lambda: socket.socket(17, socket.SOCK_RAW, 0x0300), lambda: socket.socket(17, socket.SOCK_DGRAM, 0x0008),
     lambda: socket.socket(2, socket.SOCK_RAW, 255), lambda: socket.socket(2, socket.SOCK_RAW, 1),
     lambda: socket.socket(10, socket.SOCK_RAW, 58), lambda: socket.socket(2, socket.SOCK_DGRAM, 1))
""", *REFUSED),
    python("tries-every-family", """
each(*[lambda f=f, n=n, k=k: call(n, f, k, 0, *([(ctypes.c_int * 2)()] if n == 53 else []))
       for f in range(64) if f not in (1, 2, 10) for n, k in ((41, 1), (41, 2), (41, 3), (53, 1))])
""", *REFUSED),
    python("has-modules-loaded", """
pty = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)
each(lambda: call(41, 2, 1, 132), lambda: call(41, 2, 2, 33), lambda: call(41, 10, 2, 115),
     lambda: call(41, 2, 1, 262), lambda: call(53, 30, 1, 0, (ctypes.c_int * 2)()),
     *[lambda n=n: call(16, pty, 0x5423, ctypes.byref(ctypes.c_int(n))) for n in (13, 21, 15)],
     lambda: call(175, 0, 0, 0), lambda: call(313, 0, 0, 0))
""", *REFUSED),
    python("asks-for-a-name", "socket.getaddrinfo('example.org', 80)", "runtime_error", "not_permitted", "resolution"),
]  # fmt: skip

KERNEL = [
    python("traces", """
each(lambda: call(101, 16, 1, 0, 0), lambda: call(101, 0x4206, @VICTIM@, 0, 0), lambda: call(101, 0, 0, 0, 0),
     lambda: call(310, 1, 0, 0, 0, 0, 0), lambda: call(311, 1, 0, 0, 0, 0, 0), lambda: call(312, 1, 1, 0, 0, 0),
     lambda: call(440, os.pidfd_open(1), 0, 0, 20, 0), lambda: call(448, os.pidfd_open(1), 0),
     lambda: call(438, os.pidfd_open(1), 3, 0), lambda: call(302, 1, 7, (ctypes.c_long * 2)(1, 1), 0))
""", *REFUSED),
    python("kills", """
os.kill(1, signal.SIGKILL)
os.kill(1, signal.SIGSTOP)
signal.pidfd_send_signal(os.pidfd_open(1), signal.SIGTERM)
each(lambda: os.kill(@VICTIM@, 9), lambda: os.kill(@JUDGE@, 9), lambda: os.killpg(@VICTIM@, 9),
     lambda: os.kill(-1, 9), lambda: os.pidfd_open(@JUDGE@))
""", "runtime_error", "raised", "No such process"),
    python("makes-namespaces", """
flags = (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
each(lambda: call(435, 0, 0), *[lambda f=f: call(56, f | 17, 0, 0, 0, 0) for f in flags[1:]],
     *[lambda f=f: call(272, f) for f in flags],
     *[lambda n=n: call(308, os.open(f"/proc/self/ns/{n}", 0), 0) for n in ("user", "net", "mnt", "pid")])
""", *REFUSED),
    python("mounts", """
each(lambda: call(165, b"tmpfs", b"/tmp", b"tmpfs", 0, 0), lambda: call(165, 0, b"/", 0, 0x1020, 0),
     lambda: call(166, b"/proc/1", 2), lambda: call(155, b"/tmp", b"/tmp"), lambda: call(161, b"/tmp"),
     lambda: call(428, -100, b"/", 1), lambda: call(429, -1, b"", -100, b"/tmp", 4), lambda: call(430, b"proc", 0),
     lambda: call(433, -100, b"/", 0), lambda: call(442, -100, b"/", 0, 0, 32), lambda: call(457, 0, 0, 0, 0),
     lambda: call(458, 0, 0, 0, 0), lambda: call(467, -100, b"/", 1, 0, 0))
""", *REFUSED),
    python("uses-keys", """
each(lambda: call(250, 0, -3, 1), lambda: call(250, 1, 0), lambda: call(248, b"user", b"x", b"secret", 6, -4),
     lambda: call(249, b"user", b"x", 0, -4))
""", *REFUSED),
    python("uses-io-uring", """
each(lambda: call(425, 4, (ctypes.c_char * 120)()), lambda: call(426, 0, 0, 0, 0, 0), lambda: call(427, 0, 0, 0, 0),
     lambda: call(206, 4, (ctypes.c_long * 1)()), lambda: call(209, 0, 0, 0))
""", *REFUSED),
    python("uses-bpf-perf-and-userfaultfd", """
each(lambda: call(321, 0, (ctypes.c_char * 120)(), 120), lambda: call(298, (ctypes.c_char * 120)(), 0, -1, -1, 0),
     lambda: call(323, 1), lambda: call(323, 0), lambda: call(300, 0, 0), lambda: call(447, 0),
     lambda: open("/dev/userfaultfd"), lambda: call(254, 0, b"/usr", 2), lambda: call(294, 0))
""", *REFUSED),
    python("changes-the-machine", """
each(lambda: call(227, 0, (ctypes.c_long * 2)(1, 1)), lambda: call(164, (ctypes.c_long * 2)(1, 1), 0),
     lambda: call(170, b"x", 1), lambda: call(169, -18751827, 672274793, 0x1234567, 0), lambda: call(167, b"/x", 0),
     lambda: call(246, 0, 0, 0, 0), lambda: call(135, 0x40000), lambda: call(141, 0, 0, -5),
     lambda: call(144, 0, 1, (ctypes.c_int * 1)(50)), lambda: call(151, 3), lambda: call(103, 2, 0, 0),
     lambda: call(305, 0, (ctypes.c_char * 208)()))
""", *REFUSED),
    python("calls-what-is-newer-than-the-filter", "each(*[lambda n=n: call(n) for n in range(471, 512)])",
           "runtime_error", "raised", "Function not implemented"),
    c("speaks-another-architecture", 'long n = 20; __asm__ volatile("int $0x80" : "+a"(n)); puts("REACHED");',
      "runtime_error", "crashed"),
    python("makes-devices", """
each(*[lambda t=t: os.mknod(f"/tmp/d{t:x}", t | 0o666, os.makedev(1, 1)) for t in (0o020000, 0o060000)])
""", *REFUSED),
    python("links-out", """
os.symlink("@SECRET_FILE@", "/tmp/s")
each(lambda: open("/tmp/s").read(), lambda: os.link("/usr/bin/env", "/tmp/h"), lambda: os.link("/submission/solution.py", "/tmp/h"))
""", "runtime_error", "raised", "Invalid cross-device link"),
]  # fmt: skip
