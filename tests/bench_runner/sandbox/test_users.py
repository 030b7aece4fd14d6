"""An ordinary user runs sandboxes where groups were delegated, and is refused where they were not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench_runner.sandbox.backends import Hierarchies

pytestmark = pytest.mark.sandbox

USER, USER_WITHOUT_GROUPS = 60650, 60651  # two, so that both tests may run at once
ROOT = Path(__file__).parents[3]
PROGRAM = """
import json, sys
from bench_runner.sandbox import Limits, Sandbox, python_executable
sandbox = Sandbox.open()
python = [python_executable(), "-I", "-S", "-c"]
limits = Limits(100 << 20, 32, 10, 1000, out_bytes=4 << 20)
def run(code):
    with sandbox.start([*python, code], mounts=[], limits=limits) as guest:
        end = guest.wait()
        out = guest.output(["a"], 5 << 20) if end.code == 0 else {}
        return [end.how, end.code, guest.log.decode(), {name: len(out[name]) for name in out}]
found = [
    run("open('/out/a', 'w').write('seen')"),
    run("x = bytearray(300 << 20)"),
    run("open('/out/a', 'wb').write(bytes(5 << 20))"),
    run("import os\\nwhile True:\\n    try: os.fork()\\n    except OSError: os._exit(7)"),
]
sandbox.close()
print(json.dumps(found))
"""


@pytest.fixture
def delegated() -> Iterator[None]:
    found = Hierarchies.of_this_machine().v1
    if os.geteuid() != 0 or not {"memory", "pids", "freezer"} <= set(found):
        pytest.skip("needs root and v1 hierarchies to delegate")
    folders = [found[name] / f"touchstone-{USER}" for name in ("memory", "pids", "freezer", "cpuset")]
    for folder in folders:
        _remove(folder)  # of a run that was killed
        folder.mkdir()
        for path in (folder, *folder.iterdir()):
            os.chown(path, USER, USER)
    yield
    for folder in folders:
        _remove(folder)


def _remove(group: Path) -> None:
    for inner in sorted(group.glob("**/"), reverse=True):
        inner.rmdir()


def as_user(user: int, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    switch = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    environment = {
        "PATH": os.environ["PATH"],
        "XDG_RUNTIME_DIR": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if subprocess.run([*switch, "test", "-r", str(ROOT / "tests/__init__.py")], check=False).returncode:
        pytest.skip("this checkout is closed to other users")
    os.chown(tmp_path, user, user)
    for parent in tmp_path.parents:
        if parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(parent.stat().st_mode | 0o011)
    command = [*switch, sys.executable, "-c", PROGRAM]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, check=False)


@pytest.mark.usefixtures("delegated")
def test_with_delegated_groups_every_limit_holds(tmp_path: Path) -> None:
    answer = as_user(USER, tmp_path)
    assert answer.returncode == 0, answer.stderr
    good, memory, disk, bomb = json.loads(answer.stdout)
    assert good == ["exited", 0, "", {"a": 4}]
    assert memory[0] == "memory_limit"
    assert (disk[1], "No space left" in disk[2]) == (1, True)
    assert bomb[:2] == ["exited", 7]


def test_without_groups_the_refusal_names_the_cure(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else")
    answer = as_user(USER_WITHOUT_GROUPS, tmp_path)
    assert answer.returncode == 1
    assert "memory and process limits cannot be enforced" in answer.stderr
    # The one with v1 hierarchies, the other with v2.
    assert re.search("as root run `mkdir |-p Delegate=yes", answer.stderr)
