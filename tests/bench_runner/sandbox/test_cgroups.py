"""The back-ends of control groups, also those that this machine does not have."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench_runner.errors import SandboxUnavailable
from bench_runner.sandbox.backends import Backend, Hierarchies, find_backend, our_folder
from bench_runner.sandbox.cgroups import number_after
from bench_runner.sandbox.records import Limits

LIMITS = Limits(100 << 20, 16, 1.0, 1000, cpus=(1, 3))

HYBRID = """\
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nsdelegate 0 0
tmpfs /run tmpfs rw 0 0
"""


def test_hierarchies_are_read_from_the_mount_table() -> None:
    found = Hierarchies.of_this_machine(HYBRID)
    assert found.v2 == Path("/sys/fs/cgroup/unified")
    assert found.v1["cpuacct"] == Path("/sys/fs/cgroup/cpu,cpuacct")
    assert found.v1["memory"] == Path("/sys/fs/cgroup/memory")


def test_v2_limits_are_written_where_the_kernel_documents_them(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    folder = tmp_path / our_folder()
    folder.mkdir()
    (folder / "cgroup.controllers").write_text("cpuset memory pids\n")
    backend = find_backend(Hierarchies({}, tmp_path))
    assert (backend.name, backend.problem) == ("v2", "")
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids +cpuset"
    assert (folder / "cgroup.subtree_control").read_text() == "+memory +pids +cpuset"

    group = backend.create("0-1", LIMITS)
    assert group is not None
    written = {path.name: path.read_text() for path in (folder / "0-1").iterdir()}
    assert written == {
        "memory.max": str(100 << 20),
        "memory.oom.group": "1",
        "pids.max": "18",  # bubblewrap's two processes come on top
        "cpuset.cpus": "1,3",
    }
    assert group.enter == [folder / "0-1" / "cgroup.procs"]
    (folder / "0-1" / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 2\n")
    assert group.oom_kills() == 2


def test_a_controller_that_was_not_delegated_is_named_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    folder = tmp_path / our_folder()
    folder.mkdir()
    (folder / "cgroup.controllers").write_text("memory pids\n")  # as systemd gives it to a user
    backend = find_backend(Hierarchies({}, tmp_path))
    assert backend.name == "none"
    assert re.search("cpuset not delegated.*systemctl edit user@.service", backend.problem)


def test_a_machine_without_memory_and_process_limits_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu io\n")
    backend = find_backend(Hierarchies({}, tmp_path))
    assert backend.name == "none"
    assert "memory, pids and cpuset" in backend.problem


def test_a_group_that_cannot_be_made_is_our_failure(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match=r"control group 0-1: .*No such file.*doctor"):
        Backend("v2", folders={"core": tmp_path / "missing"}).create("0-1", LIMITS)


def test_counters_are_found_by_their_whole_name() -> None:
    text = b"oom_kill_disable 1\nunder_oom 0\noom_kill 3\n"
    assert number_after("oom_kill", text) == 3
    assert number_after("absent", text) == 0


@pytest.mark.sandbox
def test_the_v1_freezer_serves_where_cgroup2_is_missing() -> None:
    """As an ordinary user has it; here as root, with the bare cgroup2 hierarchy left out."""
    found = Hierarchies.of_this_machine()
    if not {"memory", "pids", "freezer"} <= set(found.v1):
        pytest.skip("no v1 hierarchies on this machine")
    backend = find_backend(Hierarchies(found.v1, None))
    with pytest.raises(SandboxUnavailable, match="control group test-freezer"):
        backend.create("test-freezer", replace(LIMITS, cpus=(4095,)))
    group = backend.create("test-freezer", replace(LIMITS, cpus=None))
    assert group is not None
    enter = " ".join(f"echo 0 > {path};" for path in group.enter)
    program = subprocess.Popen(
        ["/bin/sh", "-c", f"{enter} while :; do sleep 9 & done"], stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(0.2)
        group.freeze()
        before = group.count()
        time.sleep(0.05)
        assert group.count() == before > 2
        group.thaw()
        group.kill()
        program.wait(5)
    finally:
        program.kill()
        program.wait()
        group.remove()
    assert backend.sweep("test-freezer") == 0
