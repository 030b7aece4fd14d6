"""What the tasks have for cards: it compiles for both generations, and does what its label says, as far as an
emulator can tell: right ones are right, wrong ones wrong, on every small case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tasks import cards
from tasks.bundle import under
from tasks.local import Oracle
from tasks.spec import ROOT, Case, Task, load_folder, read_folder, task_folders
from tests.kernels.stand_ins import CAN_EMULATE
from tests.tasks import emulated

pytestmark = pytest.mark.slow
ROUNDS = 2
# Threads that outlive the call, other memory of the card, what only cards have, a switch to them: not here.
NEEDS_A_CARD = (
    "reject-gpu-after-done", "reject-gpu-scans-memory", "accept-gpu-kernels", "accept-gpu-framework",
)  # fmt: skip


def submissions() -> Iterator[Any]:
    """Task, name, language and what is expected of each submission for cards."""
    for folder in task_folders():
        whole = load_folder(folder)
        if "gpu" not in whole.devices:
            continue
        task = whole.on_any("gpu")
        yield pytest.param(
            folder.name, "baseline", task.entry.baseline, "passed", id=f"{folder.name}-baseline"
        )
        for id in task.entry.languages:
            yield pytest.param(folder.name, f"starter/{id}", id, "passed", id=f"{folder.name}-starter-{id}")
        for each in task.examples:
            name = f"examples/{each.name}"
            yield pytest.param(
                folder.name, name, each.language, each.verdict, id=f"{folder.name}-{each.name}"
            )


ALL = list(submissions())
EMULATED = [
    param for param in ALL if param.values[3] != "build_failed" and not param.values[1].endswith(NEEDS_A_CARD)
]


def files_of(slug: str, name: str) -> dict[str, bytes]:
    files = under(read_folder(ROOT / slug), name)
    files.pop("expect.toml", None)
    return files


@pytest.mark.skipif(not cards.can_compile(), reason="needs NVRTC")
@pytest.mark.parametrize(("slug", "name", "language", "verdict"), ALL)
def test_what_is_for_cards_compiles_unless_it_is_labelled_otherwise(
    slug: str, name: str, language: str, verdict: str
) -> None:
    fault = cards.faults(language, files_of(slug, name))
    assert (fault is not None) == (verdict == "build_failed"), fault


@pytest.mark.skipif(not cards.can_compile(), reason="needs NVRTC")
@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("largest = fmaxf", "greatest = fmaxf", 'solution.cu(21): error: identifier "greatest" is undefined'),
        ("touchstone::launch(", "touchstone::begin(", "is not a member of"),
    ],
    ids=["on the card", "on the host"],
)
def test_what_does_not_compile_is_told_in_the_compiler_s_words(
    right: str, wrong: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    source = files_of("row-softmax", "starter/cuda")["solution.cu"].decode()
    fault = cards.faults("cuda", {"solution.cu": source.replace(right, wrong, 1).encode()})
    assert fault is not None
    assert told in fault
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(not CAN_EMULATE, reason="needs g++ on x86-64")
@pytest.mark.parametrize(("slug", "name", "language", "verdict"), EMULATED)
def test_what_is_for_cards_gives_the_answers_of_its_label(
    slug: str, name: str, language: str, verdict: str, tmp_path: Path
) -> None:
    task = load_folder(ROOT / slug).on_any("gpu")
    oracle = Oracle(task, ROOT / slug)
    with program(task, language, files_of(slug, name), tmp_path) as call:
        right = all(is_right(task, oracle, case, call) for case in task.cases_for("check"))
    assert ("passed" if right else "wrong_answer") == verdict


@contextmanager
def program(
    task: Task, language: str, files: dict[str, bytes], folder: Path
) -> Iterator[Callable[..., None]]:
    if language == "cuda":
        yield emulated.cuda(files, task.entry.symbol, folder)
        return
    with emulated.cupy(files, task.entry.symbol, folder) as call:
        yield call


def is_right(task: Task, oracle: Oracle, case: Case, call: Callable[..., None]) -> bool:
    """Whether fresh inputs at the same addresses give the right answers each time."""
    dims = [case.dims[name] for name in task.dims_order]
    places: dict[str, Any] = {}
    for seed in range(ROUNDS):
        inputs = oracle.make(case, seed)
        expected = oracle.expect(oracle.answer(inputs))
        for tensor in task.tensors:
            if tensor.role == "output":
                fresh = emulated.empty(tensor.shape_of(case.dims), tensor.dtype)
            else:
                fresh = inputs[tensor.name]
            places.setdefault(tensor.name, fresh.copy())[...] = fresh
        call([places[tensor.name] for tensor in task.tensors], dims)
        if not all(expected[name].accepts(places[name]) for name in expected):
            return False
    return True
