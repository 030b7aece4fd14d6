"""A submission imports a library of ours inside the sandbox where its task says so, and nowhere else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from bench_runner import director, libraries
from bench_runner.contract import JobKind, JobSpec, Outcome, Result
from bench_runner.fingerprint import Machine
from bench_runner.sandbox import Sandbox
from bench_runner.workspace import Revision
from tasks.spec import ROOT, load_folder

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


@pytest.mark.slow
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


def test_what_the_worker_built_for_its_card_comes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    (source / "built").mkdir(parents=True)
    (source / "built" / "softmax-v1_naive-sm_90a.cubin").touch()
    monkeypatch.setattr(libraries, "_installed", lambda name: source)

    class Kept:
        def kept_folder(self, name: str, fill: Callable[[Path], None]) -> Path:
            fill(tmp_path / name)
            return tmp_path / name

    asked = load_folder(ROOT / "row-softmax").on("gpu-h100").entry.libraries
    mounts = {mount.target: mount.source for mount in libraries.library_mounts(Kept(), asked)}  # type: ignore[arg-type]
    assert {"/runtime/kernels", "/runtime/framework", "/runtime/ml_dtypes"} == set(mounts)
    assert (mounts["/runtime/kernels"] / "built" / "softmax-v1_naive-sm_90a.cubin").is_file()
