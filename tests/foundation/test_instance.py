"""One hub per data folder, one listener per port."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from hub.services import instance
from hub.services.programs import ROOT

HOLD_FOR_EVER = """
import sys, time; from pathlib import Path; from hub.services import instance
held = instance.hold(Path(sys.argv[1]), "http://127.0.0.1:8765"); print("held", flush=True); time.sleep(60)
"""


@pytest.fixture
def other_process(tmp_path: Path):
    command = [sys.executable, "-c", HOLD_FOR_EVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_start_learns_where_the_first_one_runs(tmp_path, other_process) -> None:
    with pytest.raises(
        instance.AlreadyRunning, match=r"already runs at http://127.0.0.1:8765 \(process \d+\)"
    ):
        instance.hold(tmp_path, "http://127.0.0.1:9999")
    assert instance.running(tmp_path) == instance.Running(other_process.pid, "http://127.0.0.1:8765")


def test_a_killed_hub_leaves_no_lock_behind(tmp_path, other_process) -> None:
    other_process.kill()
    other_process.wait()
    assert instance.running(tmp_path) is None
    held = instance.hold(tmp_path, "http://127.0.0.1:8000")
    assert json.loads((tmp_path / "up.json").read_text())["pid"] == os.getpid()
    held.release()


def test_nothing_runs_in_a_folder_that_is_not_there(tmp_path) -> None:
    assert instance.running(tmp_path / "absent") is None


def test_a_holder_that_has_not_written_yet_is_still_seen(tmp_path, other_process) -> None:
    (tmp_path / "up.json").write_text("")
    found = instance.running(tmp_path)
    assert found is not None
    assert "not told yet" in found.url


def test_a_port_in_use_is_named_with_one_to_try() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(instance.StartRefused, match=rf"Port {port} on 127.0.0.1 .* make up PORT=\d+"):
            instance.require_free_port("127.0.0.1", port)


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(instance.StartRefused, match="PORT=70000: a port is a number from 1 to 65535"):
        instance.require_free_port("127.0.0.1", 70000)


def test_a_free_port_passes() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    instance.require_free_port("127.0.0.1", port)
