"""What strangers' code tries, and what it gets; asserted from outside wherever it can be."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bench_runner.errors import BadOutput
from bench_runner.sandbox import Guest, Sandbox
from tests.bench_runner.sandbox.conftest import LIMITS, MIB, PYTHON, Run, left_overs

pytestmark = pytest.mark.sandbox
# A lone process arranges for SIGCONT to reach it while it is stopped.
WAKE = """
import ctypes, fcntl, os, signal, sys
signal.signal(signal.SIGCONT, lambda *_: None)
libc = ctypes.CDLL(None, use_errno=True)
timer, event = ctypes.c_void_p(), (ctypes.c_int * 16)(0, 0, signal.SIGCONT, 0)
made = libc.timer_create(1, event, ctypes.byref(timer))
print("timer", made, ctypes.get_errno(), flush=True)
if made == 0:
    libc.timer_settime(timer, 0, (ctypes.c_long * 4)(0, 200_000, 0, 200_000), None)
try:
    fcntl.fcntl(1, 10, signal.SIGCONT)
    print("descriptor", flush=True)
except PermissionError:
    print("no descriptor", flush=True)
n = 0
while True:
    n += 1
    os.pwrite(int(sys.argv[1]), n.to_bytes(8, "little"), 0)
"""

DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
print("left")
"""
SPAWN = """
import os, sys
fd = int(sys.argv[1])
while True:
    if os.fork() == 0:
        for _ in range(50):
            os.pwrite(fd, os.urandom(8), 0)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(autouse=True)
def nothing_is_left(sandbox: Sandbox) -> Iterator[None]:
    yield
    assert left_overs(sandbox) == []


def attempt(*statements: str) -> str:
    """Code that tries each statement and prints `done` or the kind of refusal."""
    lines = ["import ctypes, os, socket, sys", "libc = ctypes.CDLL(None, use_errno=True)"]
    lines += [
        "def call(*a):",
        "    r = libc.syscall(*a)",
        "    if r < 0: raise OSError(ctypes.get_errno(), '')",
    ]
    for statement in statements:
        lines += ["try:", f"    {statement}", "    print('done')", "except OSError as e:"]
        lines += ["    import errno", "    print(errno.errorcode.get(e.errno, e.errno))"]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/passwd", "/root", "/home", "/work", "/run", "/sys", "/var", "/boot"]
)
def test_files_of_the_host_do_not_exist(run: Run, path: str) -> None:
    _, log = run(attempt(f"os.stat({path!r})"))
    assert log == "ENOENT\n"


def test_nothing_but_out_tmp_and_shm_is_writable(run: Run) -> None:
    paths = ["/usr/x", "/etc/x", "/x", "/dev/x", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"]
    _, log = run(attempt(*[f"open({path!r}, 'w')" for path in paths]))
    assert "done" not in log
    _, log = run(attempt(*[f"open({path!r}, 'w')" for path in ("/out/x", "/tmp/x", "/dev/shm/x")]))
    assert log.split() == ["done"] * 3


def test_no_socket_family_but_unix_and_inet_can_be_made(run: Run) -> None:
    families = [0, 3, 4, 5, 9, 16, 17, 29, 31, 38, 40, 44, 1 << 32 | 40]
    _, log = run(attempt(*[f"call(41, {family}, 1, 0)" for family in families]))
    assert log.split() == ["EPERM"] * len(families)
    _, log = run(attempt(*[f"socket.socket({family}, 1)" for family in (1, 2, 10)]))
    assert log.split() == ["done"] * 3


def test_no_listener_of_the_host_is_reached(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0touchstone-test-{os.getpid()}")
        abstract.listen()
        tcp.settimeout(0.05)
        abstract.settimeout(0.05)
        _, log = run(
            attempt(
                f"socket.create_connection({tcp.getsockname()!r}, 0.5)",
                f"socket.socket(socket.AF_UNIX).connect({abstract.getsockname()!r})",
                "socket.create_connection(('192.0.2.1', 80), 0.5)",
            )
        )
        assert "done" not in log
        for listener in (tcp, abstract):
            with pytest.raises(TimeoutError, match="timed out"):
                listener.accept()


# x86-64 numbers: unshare setns mount ptrace process_vm_readv io_uring_setup bpf userfaultfd keyctl
# perf_event_open add_key personality kcmp open_by_handle_at pidfd_getfd clone3
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")
@pytest.mark.parametrize(
    "number", [272, 308, 165, 101, 310, 425, 321, 323, 250, 298, 248, 135, 312, 304, 438]
)
def test_dangerous_system_calls_are_refused(run: Run, number: int) -> None:
    _, log = run(attempt(f"call({number}, 0, 0, 0, 0, 0, 0)"))
    assert log == "EPERM\n"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")
def test_no_new_namespace_comes_out_of_clone(run: Run) -> None:
    flags = [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]
    _, log = run(attempt(*[f"call(56, {flag | 17}, 0, 0, 0, 0)" for flag in flags], "call(435, 0, 0)"))
    assert log.split() == ["EPERM"] * len(flags) + ["ENOSYS"]


def test_no_capability_and_no_way_to_gain_one(run: Run) -> None:
    lines = "[line.split() for line in open('/proc/self/status')]"
    _, log = run(
        f"print([words[1] for words in {lines} if words[0][:3] == 'Cap' or words[0] == 'NoNewPrivs:'])"
    )
    assert log.strip() == str(["0" * 16] * 5 + ["1"])


def test_processes_of_the_host_are_neither_seen_nor_hurt(run: Run) -> None:
    victim = subprocess.Popen(["sleep", "30"])
    kills = (
        attempt(f"os.kill({victim.pid}, 9)", "os.kill(-1, 9)")
        + "\nprint(len([p for p in os.listdir('/proc') if p.isdigit()]))"
    )
    end, log = run(kills)
    assert victim.poll() is None
    victim.kill()
    victim.wait()
    assert "ESRCH" in log.split()[0] or end.how == "signalled"


@pytest.mark.parametrize("way", ["/proc/1/mem", "/proc/1/task/1/mem", "/proc/self/../1/mem"])
def test_the_first_process_of_a_sandbox_is_out_of_reach(run: Run, way: str) -> None:
    """A guest that could write into it would have a process that freezing does not stop."""
    _, log = run(f"import os; print(os.listdir('/proc/1')); os.open({way!r}, os.O_RDWR)")
    assert "[]" in log.splitlines()
    assert "No such file or directory" in log


def test_the_environment_holds_nothing_of_the_worker(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_TOKEN", "the-secret")
    end, log = run("import os; print(dict(os.environ))", environment={"GIVEN": "yes"})
    assert end.code == 0
    assert "the-secret" not in log
    assert "'GIVEN': 'yes'" in log


def test_a_fork_bomb_stays_in_its_group(run: Run) -> None:
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    begin = time.monotonic()
    end, _ = run(bomb, replace(LIMITS, wall_seconds=0.5))
    assert end.how == "wall_limit"
    assert time.monotonic() - begin < 15


def test_a_daemon_ends_with_the_main_process(run: Run) -> None:
    begin = time.monotonic()
    end, log = run(DAEMON)
    assert (end.how, log) == ("exited", "left\n")
    assert time.monotonic() - begin < LIMITS.wall_seconds


def test_disks_are_sized(run: Run) -> None:
    fill = "\n".join(
        f"try:\n    f = open('{path}', 'wb')\n    while True: f.write(bytes(1 << 20)); f.flush()\n"
        "except OSError as e: print(e.errno)"
        for path in ("/out/x", "/dev/shm/x")
    )
    _, log = run(fill)
    assert log.split() == ["28", "28"]
    _, log = run(
        "try:\n    for n in range(10**6): open(f'/out/{n}', 'w').close()\nexcept OSError as e: print(e.errno)"
    )
    assert log.split() == ["28"]


@pytest.mark.slow
def test_a_guest_cannot_outlive_a_freeze_by_forking(sandbox: Sandbox) -> None:
    """Children made all the time, some of them just while the stop arrives."""
    memory = os.memfd_create("count")
    os.ftruncate(memory, 8)
    with sandbox.start([*PYTHON, SPAWN, str(memory)], mounts=[], limits=LIMITS, pass_fds=[memory]) as guest:
        time.sleep(0.1)
        for _ in range(40):
            guest.freeze()
            before = os.pread(memory, 8, 0)
            time.sleep(0.002)
            assert os.pread(memory, 8, 0) == before
            guest.thaw()
            time.sleep(0.001)
    os.close(memory)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ("pass", "missing"),
        ("os.symlink('/etc/passwd', '/out/a')", "link"),
        ("os.mkfifo('/out/a')", "not_regular"),
        ("os.mkdir('/out/a')", "not_regular"),
        ("open('/out/b', 'w').close(); os.link('/out/b', '/out/a')", "hard_link"),
        ("open('/out/a', 'wb').truncate(6 << 20)", "sparse"),
        ("open('/out/a', 'wb').write(bytes(2 << 20))", "too_big"),
        ("os.mknod('/out/a', 0o140600)", "not_regular"),
    ],
    ids=["missing", "symlink", "fifo", "folder", "hard link", "sparse", "big", "socket"],
)
def test_a_bad_output_is_refused_by_name(run: Run, made: str, reason: str) -> None:
    refused = []

    def look(guest: Guest) -> None:
        with pytest.raises(BadOutput, match=f"output 'a': {reason}") as caught:
            guest.output(["a"], MIB)
        refused.append(caught.value.reason)

    run(f"import os; {made}", look=look)
    assert refused == [reason]


@pytest.mark.parametrize(
    ("made", "reason", "name"),
    [
        ("open('/out/b', 'w')", "extra", "b"),
        ("os.symlink('a', '/out/b')", "extra", "b"),
        ("open(b'/out/\\n\\x1b\\xff', 'w')", "extra", r"\n\x1b\udcff"),
        ("open('/out/A', 'w')", "extra", "A"),
        ("open('/out/' + 'x' * 255, 'w')", "extra", "x" * 80),
        ("os.makedirs('/out/' + 'd/' * 50)", "folder", "d"),
        ("[open(f'/out/{n}', 'w') for n in range(90)]", "too_many", "more than 50 files"),
    ],
    ids=["another", "link to it", "odd name", "case twin", "long name", "deep", "many"],
)
def test_what_lies_beside_the_output_is_refused(run: Run, made: str, reason: str, name: str) -> None:
    refused = []

    def look(guest: Guest) -> None:
        with pytest.raises(BadOutput, match=reason) as caught:
            guest.output(["a"], MIB)
        refused.append((caught.value.reason, caught.value.name))
        caught.value.name.encode("ascii")  # it goes into a result as it is

    end, log = run(f"import os; open('/out/a', 'w'); {made}", look=look)
    assert (end.code, log, refused) == (0, "", [(reason, name)])


def test_a_good_output_is_read_after_everything_that_could_change_it_is_dead(run: Run) -> None:
    write = (
        "import os, time\nopen('/out/a', 'w').write('right')\n"
        "if os.fork() == 0:\n    time.sleep(0.2); open('/out/a', 'w').write('wrong'); time.sleep(9)"
    )
    read: list[dict[str, bytes]] = []
    run(write, look=lambda guest: (time.sleep(0.3), read.append(guest.output(["a"], MIB))))
    assert read == [{"a": b"right"}]


def test_a_stopped_guest_cannot_wake_itself(sandbox: Sandbox) -> None:
    memory = os.memfd_create("count")
    os.ftruncate(memory, 8)
    command = [*PYTHON, WAKE, str(memory)]
    with sandbox.start(command, mounts=[], limits=LIMITS, pass_fds=[memory]) as guest:
        until = time.monotonic() + 5
        while not any(os.pread(memory, 8, 0)) and time.monotonic() < until:
            time.sleep(0.01)
        for _ in range(5):
            guest.freeze()
            before = os.pread(memory, 8, 0)
            time.sleep(0.01)
            assert os.pread(memory, 8, 0) == before
            guest.thaw()
        guest.poll()
        assert guest.log == b"timer -1 1\nno descriptor\n"
    os.close(memory)
