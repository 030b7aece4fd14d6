"""What objdump says of an artefact: of the entry function alone, bounded, and never in the verdict's way."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from bench_runner import build, disassembly
from bench_runner.build import Artefact
from bench_runner.contract import Assembly, NoAssembly
from bench_runner.sandbox import Sandbox
from bench_runner.workspace import Workspace
from tasks.spec import Task, load_folder

FOLDER = Path(__file__).parents[1] / "adversary" / "task" / "mirror-add"
SOURCE = b"""#include <stdint.h>
int another(int n) { return n * 3; }
void mirror_add(const float *x, float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] = x[i] + x[n - 1 - i];
}
"""

needs_objdump = pytest.mark.skipif(shutil.which("objdump") is None, reason="objdump comes with binutils")


@pytest.fixture(scope="module")
def task() -> Task:
    plain = load_folder(FOLDER)
    return dataclasses.replace(plain, entry=dataclasses.replace(plain.entry, assembly=True))


@needs_objdump
@pytest.mark.sandbox
def test_the_entry_function_is_shown_and_no_more_than_fits(
    sandbox: Sandbox, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artefact = build.submission(sandbox, Workspace(sandbox), task, {"solution.c": SOURCE}, tmp_path).artefact
    shown = disassembly.of_entry(sandbox, task, artefact)
    assert shown is not None
    assert "<mirror_add>:" in shown.text
    assert "<another>:" not in shown.text
    assert not shown.cut
    monkeypatch.setattr(disassembly, "LIMITS", dataclasses.replace(disassembly.LIMITS, log_bytes=100))
    cut = disassembly.of_entry(sandbox, task, artefact)
    assert cut is not None
    assert cut.cut
    assert 0 < len(cut.text) <= 100


@needs_objdump
@pytest.mark.sandbox
def test_a_file_that_objdump_cannot_read_is_said_to_be_one(
    sandbox: Sandbox, task: Task, tmp_path: Path
) -> None:
    (tmp_path / "solution.so").write_bytes(b"\x7fELF" + b"\xff" * 60)
    shown = disassembly.of_entry(sandbox, task, Artefact("c", tmp_path, "", 0))
    assert shown == Assembly(missing=NoAssembly.GAVE_UP)


@pytest.mark.sandbox
def test_a_worker_without_objdump_says_so(
    sandbox: Sandbox, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disassembly, "PROGRAM", "no-such-objdump")
    shown = disassembly.of_entry(sandbox, task, Artefact("cpp", tmp_path, "", 0))
    assert shown == Assembly(missing=NoAssembly.NO_OBJDUMP)


@pytest.mark.sandbox
def test_nothing_is_shown_where_nothing_is_offered_or_compiled(
    sandbox: Sandbox, task: Task, tmp_path: Path
) -> None:
    assert disassembly.of_entry(sandbox, load_folder(FOLDER), Artefact("c", tmp_path, "", 0)) is None
    assert disassembly.of_entry(sandbox, task, Artefact("python", tmp_path, "", 0)) is None
