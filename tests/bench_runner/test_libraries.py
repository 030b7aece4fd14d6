"""A submission imports a library of ours inside the sandbox where its task says so, and nowhere else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bench_runner import director
from bench_runner.contract import JobKind, JobSpec, Outcome, Result
from bench_runner.fingerprint import Machine
from bench_runner.sandbox import Sandbox
from bench_runner.workspace import Revision
from tasks.spec import load_folder

FOLDER = Path(__file__).parents[1] / "adversary" / "task" / "mirror-add"
IMPORTS = b"""
def mirror_add(x, y):
    import framework
    y[:] = (framework.Tensor(x) + framework.Tensor(x[::-1].copy()) / 2).asnumpy()
"""
COMPILES = b"""
import framework

compiled = framework.jit(lambda x, mirrored: x + mirrored, fullgraph=True)


def mirror_add(x, y):
    y[:] = compiled(framework.Tensor(x), framework.Tensor(x[::-1].copy()) / 2).asnumpy()
"""

pytestmark = pytest.mark.sandbox


def judged(source: bytes, libraries: tuple[str, ...], sandbox: Sandbox, machine: Machine) -> Result:
    plain = load_folder(FOLDER)
    task = dataclasses.replace(plain, entry=dataclasses.replace(plain.entry, libraries=libraries))
    files = {"solution.py": source}
    spec = JobSpec("job", "attempt", "token", JobKind.CHECK, task.slug, task.digest, "cpu", files, 600.0)
    return director.judge(spec, Revision(task, FOLDER), sandbox, machine, lambda event: None, lambda: False)


@pytest.mark.parametrize("source", [IMPORTS, COMPILES], ids=["eager", "jit"])
def test_a_task_may_let_a_submission_import_the_framework(
    sandbox: Sandbox, machine: Machine, source: bytes
) -> None:
    result = judged(source, ("framework",), sandbox, machine)
    assert result.outcome is Outcome.PASSED, result.log


def test_where_the_task_does_not_say_so_the_framework_is_not_there(
    sandbox: Sandbox, machine: Machine
) -> None:
    result = judged(IMPORTS, (), sandbox, machine)
    assert (result.outcome, result.reason) == (Outcome.RUNTIME_ERROR, "raised")
    assert "No module named 'framework'" in result.log
