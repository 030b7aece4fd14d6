"""A guest's life: start, limits, freeze, end; and that nothing is left of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench_runner.sandbox import Mount, Sandbox, SandboxUnavailable, backends, process, python_runtime, slots
from bench_runner.sandbox.unsafe import pid_namespace
from tests.bench_runner.sandbox.conftest import LIMITS, MIB, PYTHON, Run, left_overs

pytestmark = pytest.mark.sandbox

WORKER = """
import time
from bench_runner.sandbox import Limits, Sandbox
sandbox = Sandbox.open(8)
guest = sandbox.start(["/bin/sleep", "60"], mounts=[], limits=Limits(1 << 28, 9, 60, 9, 1 << 20))
print(guest.pid, sandbox.slot, flush=True)
time.sleep(60)
"""
COUNT = """
import os, sys, time
if {children}: [os.fork() for _ in range({children})]
fd = int(sys.argv[1])
n = 0
while True:
    n += 1
    os.pwrite(fd, n.to_bytes(8, "little"), 8 * (os.getpid() % 64))
"""


def test_a_program_runs_and_its_exit_code_comes_back(run: Run) -> None:
    end, log = run("import sys; print('hello'); sys.exit(3)")
    assert (end.how, end.code, log) == ("exited", 3, "hello\n")
    assert end.peak_memory_bytes is not None
    assert end.peak_memory_bytes > MIB


def test_a_signal_is_told_from_an_exit_code(run: Run) -> None:
    end, _ = run("import os; os.abort()")
    assert (end.how, end.code) == ("signalled", signal.SIGABRT)


def test_the_wall_limit_ends_whoever_ignores_every_signal(run: Run) -> None:
    ignore = "import signal\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\nwhile True: pass"
    begin = time.monotonic()
    end, _ = run(ignore, replace(LIMITS, wall_seconds=0.3))
    assert end.how == "wall_limit"
    assert time.monotonic() - begin < 10


def test_a_guest_that_stops_itself_meets_the_wall_limit(run: Run) -> None:
    end, _ = run("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", replace(LIMITS, wall_seconds=0.3))
    assert end.how == "wall_limit"


@pytest.mark.parametrize(
    "bomb",
    [
        "x = bytearray(400 << 20)",
        "import mmap; m = mmap.mmap(-1, 400 << 20); m.write(bytes(400 << 20))",
        "import os\nfor n in range(10): os.write(os.memfd_create('x'), bytes(50 << 20))",
        "import os, time\nfor _ in range(8): os.fork() or (bytearray(60 << 20), time.sleep(9))\nos.wait()",
    ],
    ids=["heap", "mapping", "memory file", "many processes"],
)
def test_memory_is_limited_over_everything_a_guest_has(run: Run, bomb: str) -> None:
    end, _ = run(bomb)
    assert end.how == "memory_limit"


def test_output_is_kept_up_to_its_limit_and_the_rest_is_dropped(run: Run) -> None:
    seen = []
    flood = "import sys\nfor _ in range(200): sys.stdout.write('x' * 65536)"
    end, log = run(flood, replace(LIMITS, log_bytes=1000), look=lambda guest: seen.append(guest.log_dropped))
    assert end.how == "exited"
    assert log == "x" * 1000
    assert seen == [200 * 65536 - 1000]


def test_what_cannot_be_started_is_our_failure(sandbox: Sandbox) -> None:
    guest = sandbox.start(["/bin/no-such-program"], mounts=[], limits=LIMITS)
    with guest, pytest.raises(SandboxUnavailable, match=r"could not be set up.*No such file"):
        guest.wait()
    assert left_overs(sandbox) == []


def test_a_guest_whose_program_cannot_be_found_is_our_failure_and_not_left_unfrozen(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "START_SECONDS", 0.3)
    with sandbox.start(["/bin/sleep", "9"], mounts=[], limits=LIMITS) as guest:
        guest.inner()
        monkeypatch.setattr(process.Path, "read_text", lambda path: "")  # as a kernel without `children`
        with pytest.raises(SandboxUnavailable, match=r"not found within 0 s.*CONFIG_PROC_CHILDREN"):
            guest.freeze()
        monkeypatch.undo()
    assert left_overs(sandbox) == []


def test_a_missing_source_is_named(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxUnavailable, match="/no/such/place cannot be shown to a guest"):
        sandbox.start(["/bin/true"], mounts=[Mount(Path("/no/such/place"), "/x")], limits=LIMITS)
    assert left_overs(sandbox) == []


def test_mounts_are_read_only_and_closed_sources_are_copied(run: Run, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "data").write_text("seen")
    tmp_path.chmod(0o700)
    (tmp_path / "inner" / "data").chmod(0o600)
    end, log = run(
        "print(open('/given/inner/data').read()); open('/given/new', 'w')", mounts=[Mount(tmp_path, "/given")]
    )
    assert end.code == 1
    assert "seen" in log.split()
    assert "Read-only file system" in log


def test_numpy_is_there_when_it_is_asked_for(run: Run) -> None:
    _, log = run("import sys; sys.path.insert(0, '/runtime'); import numpy; print(numpy.ones(2).sum())",
                 mounts=python_runtime())  # fmt: skip
    assert log == "2.0\n"


def test_only_the_named_descriptors_reach_the_guest(run: Run, tmp_path: Path) -> None:
    secret = os.open(tmp_path / "secret", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(secret, True)
    given = os.memfd_create("given")
    _, log = run("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))", pass_fds=[given])
    os.close(secret)
    os.close(given)
    listing = 3 if given != 3 else 4  # the descriptor of the listing itself takes the first free number
    assert log.strip() == str(sorted([0, 1, 2, listing, given]))


def test_several_guests_run_side_by_side_under_uids_of_their_own(sandbox: Sandbox) -> None:
    show = [*PYTHON, "import os; print(os.getuid()); input()"]
    with (
        sandbox.start(show, mounts=[], limits=LIMITS) as one,
        sandbox.start(show, mounts=[], limits=LIMITS) as two,
    ):
        one.wait()
        two.wait()
    uids = {one.log.split()[0], two.log.split()[0]}
    assert len(uids) == (2 if sandbox.root else 1)
    assert str(os.getuid()) not in uids or not sandbox.root


@pytest.mark.parametrize("children", [0, 2], ids=["alone, by signal", "with children, by the group"])
def test_a_frozen_guest_does_nothing_until_it_is_thawed(sandbox: Sandbox, children: int) -> None:
    memory = os.memfd_create("count")
    os.ftruncate(memory, 512)
    command = [*PYTHON, COUNT.format(children=children), str(memory)]
    with sandbox.start(command, mounts=[], limits=LIMITS, pass_fds=[memory]) as guest:
        _until(lambda: sum(os.pread(memory, 512, 0)) > 0)
        time.sleep(0.1)
        for _ in range(20):
            guest.freeze()
            before = os.pread(memory, 512, 0)
            time.sleep(0.005)
            assert os.pread(memory, 512, 0) == before
            guest.thaw()
            _until(lambda before=before: os.pread(memory, 512, 0) != before)
        guest.freeze()
    os.close(memory)
    assert left_overs(sandbox) == []


def test_a_killed_worker_leaves_nothing_once_its_slot_is_taken_again(sandbox: Sandbox) -> None:
    worker = subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    pid, slot = map(int, worker.stdout.readline().split())
    worker.kill()
    worker.wait()
    worker.stdout.close()
    again = Sandbox.open(slot)
    try:
        assert again.slot == slot
        assert not Path(f"/proc/{pid}").exists()
        assert left_overs(again) == []
    finally:
        again.close()


def test_what_a_broken_off_attempt_left_is_cleared() -> None:
    broken = Sandbox.open(8)
    try:
        guests = [broken.start(["/bin/sleep", "60"], mounts=[], limits=LIMITS) for _ in broken.uids]
        assert guests[-1].pid
        broken.clear()
        assert left_overs(broken) == []
        with broken.start(["/bin/true"], mounts=[], limits=LIMITS) as guest:
            assert guest.wait().how == "exited"
    finally:
        broken.close()


@pytest.mark.parametrize("while_it", ["runs", "is frozen"])
def test_a_guest_whose_groups_vanish_gives_everything_back(while_it: str) -> None:
    """As seen live: somebody else swept the groups. Once for every uid of the slot, and once more."""
    robbed = Sandbox.open(8)
    try:
        for _ in range(len(robbed.uids) + 1):
            guest = robbed.start(["/bin/sleep", "60"], mounts=[], limits=LIMITS)
            assert guest.pid
            if while_it == "is frozen":
                guest.freeze()
            robbed.backend.sweep(f"{os.geteuid()}.{robbed.slot}-")
            with pytest.raises(SandboxUnavailable, match="has vanished under its guest"):
                guest.wait()
            guest.close()
        assert left_overs(robbed) == []
    finally:
        robbed.close()


def test_a_launcher_that_is_in_no_group_yet_is_killed_too(sandbox: Sandbox) -> None:
    for _ in range(5):
        begin = time.monotonic()
        sandbox.start(["/bin/sleep", "5"], mounts=[], limits=LIMITS).close()
        assert time.monotonic() - begin < 4.5  # it would sleep for 5
    assert left_overs(sandbox) == []


def test_a_sandbox_whose_groups_folder_is_gone_is_opened_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    # A folder of our own: who runs beside us must not lose theirs.
    monkeypatch.setattr(backends, "our_folder", lambda: f"touchstone-removed-{os.getpid()}")
    broken = Sandbox.open(8)
    for folder in broken.backend.folders.values():
        folder.rmdir()
    anew = broken.reopened()
    try:
        assert anew.slot == broken.slot
        with pytest.raises(BlockingIOError):
            anew.backend.hold(anew.slot)  # the lock is not in what was removed
        with anew.start(["/bin/true"], mounts=[], limits=LIMITS) as guest:
            assert guest.wait().how == "exited"
    finally:
        anew.close()
        for folder in anew.backend.folders.values():
            folder.rmdir()


def test_two_workers_never_share_a_slot(sandbox: Sandbox) -> None:
    other = Sandbox.open(sandbox.slot)
    try:
        assert other.slot != sandbox.slot
        assert not set(other.uids) & set(sandbox.uids)
    finally:
        other.close()


def test_two_containers_that_share_groups_but_not_run_never_share_a_slot(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with sandbox.start(["/bin/sleep", "9"], mounts=[], limits=LIMITS) as guest:
        assert guest.pid
        monkeypatch.setattr(slots, "run_folder", lambda: tmp_path)
        other = Sandbox.open(sandbox.slot)
        try:
            assert other.slot != sandbox.slot
            assert guest.poll() is None  # what is left of nobody has been swept, and this is somebody's
        finally:
            other.close()


def test_groups_that_a_lost_container_left_are_swept_by_any_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its staging folders went with it; its groups did not."""
    monkeypatch.setattr(slots, "run_folder", lambda: tmp_path)
    here = Sandbox.open(9)
    lost = here.backend.create(f"{os.geteuid()}.{slots.SLOTS - 1}-lost", LIMITS)
    assert lost is not None
    here.reopened().close()
    assert not any(path.parent.exists() for path in lost.enter)


def test_nothing_a_guest_can_read_counts_the_guests_before_it(run: Run, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)  # so it is copied into the guest's staging folder, whose name shows inside
    show = "print(open('/proc/self/mountinfo').read())"
    seen = [run(show, mounts=[Mount(tmp_path, "/given")])[1] for _ in range(2)]
    names = [set(re.findall(r"\d+\.\d+-(\w+)", text)) for text in seen]
    assert all(len(name) >= 12 for found in names for name in found)
    assert names[0]
    assert not names[0] & names[1]


def test_unsafe_mode_runs_the_same_commands_and_says_that_it_is_none(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import sys; print(open('/'.join([sys.argv[1], 'a'])).read())")
    (tmp_path / "a").write_text("seen")
    bare = Sandbox.open(unsafe=True)
    command = ["/bin/sh", "-c", f"{sys.executable} /given/main.py /given; echo built > /out/b"]
    with bare.start(command, mounts=[Mount(tmp_path, "/given")], limits=LIMITS) as guest:
        end = guest.wait()
        assert (end.how, guest.log) == ("exited", b"seen\n")
        assert guest.output(["b"], 100) == {"b": b"built\n"}
    bare.close()
    assert bare.sandboxed is False


DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1] + "/alive", "w").write("yes")
        while True:
            time.sleep(0.01)
            os.utime(sys.argv[1] + "/alive")
    os._exit(0)
while not os.path.exists(sys.argv[1] + "/alive"): time.sleep(0.001)
"""


@pytest.mark.parametrize("how", ["exited", "killed"])
def test_without_groups_a_daemon_ends_with_its_pid_namespace(tmp_path: Path, how: str) -> None:
    assert pid_namespace(), "bubblewrap can make no pid namespace here"
    bare = Sandbox.open(unsafe=True)
    code = DAEMON + ("time.sleep(60)" if how == "killed" else "")
    with bare.start([*PYTHON, code, str(tmp_path)], mounts=[], limits=LIMITS) as guest:
        _until(lambda: (tmp_path / "alive").exists())
        if how == "killed":
            guest.freeze()
            guest.thaw()
            end = guest.close()
        else:
            end = guest.wait()
        assert (end.how, guest.log) == (how, b"")
        last = (tmp_path / "alive").stat().st_mtime_ns
        time.sleep(0.1)
        assert (tmp_path / "alive").stat().st_mtime_ns == last
    bare.close()


def _until(holds: object, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.001)
