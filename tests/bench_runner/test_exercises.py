"""Every example of every exercise gets its verdict from the real judge, in the real sandbox."""

from __future__ import annotations

import pytest

from bench_runner import director
from bench_runner.contract import JobKind, JobSpec
from bench_runner.fingerprint import Machine
from bench_runner.sandbox import Sandbox
from bench_runner.workspace import Revision
from tasks.spec import ROOT, exercise_folders, load_folder, read_folder

FOLDERS = list(exercise_folders(ROOT))

pytestmark = [pytest.mark.sandbox, pytest.mark.slow]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_examples_of_an_exercise_get_their_verdicts(sandbox: Sandbox, machine: Machine, folder) -> None:
    task, files = load_folder(folder), read_folder(folder)
    for example in task.examples:
        spec = JobSpec(
            "job", "attempt", "token", JobKind.CHECK, task.slug, task.digest, "cpu-x86-avx2",
            example.files_of(files), 600.0,
        )  # fmt: skip
        result = director.judge(
            spec, Revision(task, folder), sandbox, machine, lambda event: None, lambda: False
        )
        assert result.outcome == example.verdict, f"{example.name}: {result.log}"
