"""What a build makes of good and bad sources, and which files it takes at all."""

from __future__ import annotations

import dataclasses
import os
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench_runner import build
from bench_runner import workspace as workspace_module
from bench_runner.build import BuildFailed
from bench_runner.errors import InfrastructureFault
from bench_runner.failure import Failed
from bench_runner.sandbox import BadOutput, Guest, Sandbox
from bench_runner.workspace import Revision, Workspace
from tasks.languages import LANGUAGES
from tasks.spec import Bundle, Limits, Task, load_folder

FOLDER = Path(__file__).parents[1] / "adversary" / "task" / "mirror-add"
GOOD = b"#include <stdint.h>\nvoid mirror_add(const float *x, float *y, int64_t n) {}\n"

# Sixteen times sixteen times … nothing: takes long, and memory only slowly.
STEPS = "".join(f"#define {b} {' '.join(a * 16)}\n" for a, b in pairwise("ABCDEFGH"))
NOTHING_SLOWLY = f"#define A\n{STEPS}H\n".encode()

pytestmark = pytest.mark.sandbox


@pytest.fixture
def task() -> Task:
    return load_folder(FOLDER)


def _build(sandbox: Sandbox, task: Task, files: Bundle, tmp_path: Path) -> build.Built:
    return build.submission(sandbox, Workspace(sandbox), task, files, tmp_path)


def test_only_the_artefact_comes_out_of_a_build(sandbox: Sandbox, task: Task, tmp_path: Path):
    built = _build(sandbox, task, {"solution.c": GOOD, "notes.txt": b"x"}, tmp_path)
    assert [path.name for path in built.artefact.folder.iterdir()] == ["solution.so"]
    assert (built.artefact.folder / "solution.so").read_bytes()[:4] == b"\x7fELF"
    assert len(built.artefact.sha256) == 64


def test_the_same_sources_give_the_same_artefact(sandbox: Sandbox, task: Task, tmp_path: Path):
    one = _build(sandbox, task, {"solution.c": GOOD}, tmp_path)
    shutil.rmtree(one.artefact.folder.parent)  # or it would not be built again
    two = _build(sandbox, task, {"solution.c": GOOD}, tmp_path)
    assert one.artefact.sha256 == two.artefact.sha256


def test_the_compilers_words_name_the_contributors_own_files(sandbox: Sandbox, task: Task, tmp_path: Path):
    files = {"solution.c": b'#include "deep/part.h"\n', "deep/part.h": b"int x = ;\n"}
    with pytest.raises(BuildFailed, match="compile_error") as caught:
        _build(sandbox, task, files, tmp_path)
    assert "deep/part.h:1:9: error: expected expression" in caught.value.log
    assert "/src/" not in caught.value.log
    assert caught.value.reason_args["command"].startswith("gcc -std=c17 -O3")
    assert caught.value.reason_args["command"].endswith("./solution.c -lm")


def test_a_warning_is_kept_in_the_log_of_a_build_that_succeeds(sandbox: Sandbox, task: Task, tmp_path: Path):
    built = _build(sandbox, task, {"solution.c": GOOD + b"static void unused(void) {}\n"}, tmp_path)
    assert "defined but not used" in built.log


def test_a_source_that_is_not_utf8_is_built_or_refused_but_never_our_failure(
    sandbox: Sandbox, task: Task, tmp_path: Path
):
    _build(sandbox, task, {"solution.c": b"/* \xff\xfe */\n" + GOOD}, tmp_path)
    with pytest.raises(BuildFailed, match="syntax_error"):
        _build(sandbox, task, {"solution.py": b"x = '\xff'\n"}, tmp_path)


def test_python_sources_are_the_artefact(sandbox: Sandbox, task: Task, tmp_path: Path):
    files = {"solution.py": b"import part\n", "part.py": b"x = 1\n", "data/table.csv": b"1,2\n"}
    built = _build(sandbox, task, files, tmp_path)
    found = {
        path.relative_to(built.artefact.folder).as_posix() for path in built.artefact.folder.rglob("*.*")
    }
    assert found == set(files)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"answer.c": GOOD}, "no_entry_file"),
        ({"deep/solution.c": GOOD}, "no_entry_file"),
        ({"solution.c": GOOD, "solution.cpp": GOOD}, "several_entry_files"),
        ({"solution.c": GOOD, "../up.h": b""}, "name_not_allowed"),
        ({"solution.c": GOOD, "a\nb.h": b""}, "name_not_allowed"),
        ({"solution.c": GOOD, "A.h": b"", "a.h": b""}, "name_not_allowed"),
        ({"solution.py": b"", "numpy.py": b""}, "name_not_allowed"),
        ({"solution.py": b"", "json/tool.py": b""}, "name_not_allowed"),
        ({"solution.py": b"", "hook.pth": b""}, "name_not_allowed"),
        ({"solution.py": b"", "sitecustomize.py": b""}, "name_not_allowed"),
    ],
)
def test_files_that_break_a_rule_are_refused_before_anything_runs(
    sandbox: Sandbox, task: Task, tmp_path: Path, files: Bundle, reason: str
):
    with pytest.raises(Failed, match=reason):
        _build(sandbox, task, files, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_name_that_hides_no_module_is_no_offence(sandbox: Sandbox, task: Task, tmp_path: Path):
    files = {"solution.py": b"", "profile.txt": b"", "records.py": b"", "abi.py": b"", "random.c": b""}
    assert _build(sandbox, task, files, tmp_path)


def test_the_refusal_of_a_missing_entry_says_what_is_allowed(sandbox: Sandbox, task: Task, tmp_path: Path):
    with pytest.raises(Failed, match="no_entry_file") as caught:
        _build(sandbox, task, {"readme.md": b""}, tmp_path)
    assert caught.value.reason_args["allowed"] == ["solution.c", "solution.cpp", "solution.py"]


@pytest.mark.parametrize(
    ("source", "limit", "reason"),
    [
        (b'#include "/dev/zero"\n', {"memory_mb": 64}, "build_memory_limit"),
        (NOTHING_SLOWLY, {"build_seconds": 0.3, "memory_mb": 4096}, "build_time_limit"),
        (b"char big[3 << 20] = {1};\n" + GOOD, {"output_mb": 2}, "compile_error"),
    ],
    ids=["memory", "time", "output"],
)
def test_a_build_that_wants_too_much_is_stopped(
    sandbox: Sandbox, task: Task, tmp_path: Path, source: bytes, limit: dict[str, float], reason: str,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setattr(build, "LEAST_MEMORY_MB", 64)
    task = dataclasses.replace(task, limits=dataclasses.replace(task.limits, **limit))
    with pytest.raises(BuildFailed, match=reason):
        _build(sandbox, task, {"solution.c": source}, tmp_path)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [("link", "bad_artefact"), ("not_regular", "bad_artefact"), ("too_big", "build_output_limit")],
)
def test_what_is_no_plain_file_is_not_taken_out(
    sandbox: Sandbox, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str, reason: str
):
    def refuse(guest: Guest, names: list[str], limit: int) -> dict[str, bytes]:
        raise BadOutput(bad, names[0])

    monkeypatch.setattr(Guest, "output", refuse)
    with pytest.raises(BuildFailed, match=reason):
        _build(sandbox, task, {"solution.c": GOOD + b"// a source of its own\n"}, tmp_path)


def test_an_artefact_that_is_a_symbolic_link_is_rejected(
    sandbox: Sandbox, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """O16: no compiler makes one, so the build command is a shell here."""
    command = ["/bin/sh", "-c", "ln -s /etc/passwd /out/solution.so"]
    linking = dataclasses.replace(LANGUAGES["c"], build=lambda out, src: command)
    monkeypatch.setitem(build.LANGUAGES, "c", linking)
    with pytest.raises(BuildFailed, match="bad_artefact") as caught:
        _build(sandbox, task, {"solution.c": GOOD}, tmp_path)
    assert caught.value.reason_args == {"file": "solution.so", "rule": "link"}


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Bundle]:
    """The sources of every build that goes to a sandbox."""
    made: list[Bundle] = []
    really = build._build

    def counted(*arguments: Any) -> tuple[Bundle, str]:
        made.append(arguments[4])
        return really(*arguments)

    monkeypatch.setattr(build, "_build", counted)
    return made


def test_the_baseline_is_built_once(sandbox: Sandbox, task: Task, tmp_path: Path, builds: list[Bundle]):
    folder = tmp_path / "task"
    shutil.copytree(FOLDER / "baseline", folder / "baseline")
    (folder / "baseline" / "notes.txt").write_text("so that no other test has built this")
    first, second = (
        build.baseline(sandbox, Workspace(sandbox), Revision(task, folder), tmp_path) for _ in range(2)
    )
    assert len(builds) == 1
    assert second == first


def test_the_same_sources_are_built_once_and_keep_the_compilers_words(
    sandbox: Sandbox, task: Task, tmp_path: Path, builds: list[Bundle]
):
    files = {"solution.c": GOOD + b"static void once(void) {}\n"}
    first, second = (_build(sandbox, task, files, tmp_path) for _ in range(2))
    assert len(builds) == 1
    assert second == first
    assert "defined but not used" in second.log


@pytest.mark.parametrize("change", ["source", "name", "limit", "compiler", "command"])
def test_what_differs_in_anything_is_built_again(
    sandbox: Sandbox, task: Task, tmp_path: Path, builds: list[Bundle], monkeypatch: pytest.MonkeyPatch,
    change: str,
):  # fmt: skip
    files = {"solution.c": GOOD + f"// {change}\n".encode(), "a.h": b""}
    _build(sandbox, task, files, tmp_path)
    if change == "source":
        files = {**files, "a.h": b" "}
    elif change == "name":
        files = {"solution.c": files["solution.c"], "b.h": b""}
    elif change == "limit":
        task = dataclasses.replace(task, limits=dataclasses.replace(task.limits, build_seconds=9))
    elif change == "compiler":
        monkeypatch.setattr(build, "_compiler_state", lambda language: "another")
    else:
        slower = dataclasses.replace(LANGUAGES["c"], build=_without_optimisation)
        monkeypatch.setitem(build.LANGUAGES, "c", slower)
    _build(sandbox, task, files, tmp_path)
    assert len(builds) == 2


def _without_optimisation(out: str, src: str) -> list[str]:
    return ["gcc", "-shared", "-fPIC", "-o", f"{out}/solution.so", f"{src}/solution.c"]


def test_a_failed_build_is_tried_again(sandbox: Sandbox, task: Task, tmp_path: Path, builds: list[Bundle]):
    for _ in range(2):
        with pytest.raises(BuildFailed, match="compile_error"):
            _build(sandbox, task, {"solution.c": b"int x = ;\n"}, tmp_path)
    assert len(builds) == 2


def test_the_longest_unused_builds_are_forgotten_but_never_those_of_this_job(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sandbox, "folder", tmp_path)
    monkeypatch.setattr(workspace_module, "KEPT_BUILDS", 3)
    workspace = Workspace(sandbox)
    for number, key in enumerate("abcd"):
        kept = workspace.keep_build(key, {"solution.so": b"1234"}, "log")
        os.utime(kept.folder.parent, (number, number))
        if key == "b":
            assert workspace.kept_build("a") is not None  # used just now: b is the older one
    assert [key for key in "abcd" if workspace.kept_build(key)] == ["a", "c", "d"]
    monkeypatch.setattr(workspace_module, "KEPT_BYTES", 1)
    for key in "ef":
        workspace.keep_build(key, {"solution.so": b"1234"}, "log")
    assert [key for key in "abcdef" if workspace.kept_build(key)] == ["e", "f"]


def test_a_baseline_that_does_not_build_is_our_fault(sandbox: Sandbox, task: Task, tmp_path: Path):
    (tmp_path / "baseline").mkdir()
    (tmp_path / "baseline" / "solution.c").write_text("int x = ;\n")
    broken = dataclasses.replace(task, digest="f" * 64)
    with pytest.raises(InfrastructureFault, match="The task's own baseline failed: compile_error"):
        build.baseline(sandbox, Workspace(sandbox), Revision(broken, tmp_path), tmp_path)


def test_the_limits_of_a_build_come_from_the_task(task: Task):
    assert isinstance(task.limits, Limits)
    limits = build._limits(task)
    assert limits.wall_seconds == task.limits.build_seconds
    assert limits.out_bytes == task.limits.output_mb * 2**20
