"""A task is refused when it cannot tell right from wrong; each refusal names file, fault and cure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.canaries import CANARIES, Scene, applicable
from tasks.check import check_folder
from tasks.compare import Expectation
from tasks.model import Tolerance
from tests.tasks.folders import copy_of, edit, keep_examples

RIGHT = 'return {"c": np.add(inputs["a"], inputs["b"], dtype=np.float64)}'


def problems_of(folder: Path) -> str:
    return "\n".join(check_folder(folder).problems)


@pytest.fixture
def vector_add(tmp_path: Path) -> Path:
    """A good task with two quick examples."""
    folder = copy_of("vector-add", tmp_path)
    keep_examples(folder, "accept-simd", "reject-skips-tail")
    return folder


def test_a_good_task_has_no_problem(vector_add: Path) -> None:
    report = check_folder(vector_add)
    assert report.problems == []
    assert any(note.startswith("11 canaries failed") for note in report.notes)
    assert any(note.startswith("baseline in-cache about") for note in report.notes)


def test_a_copied_id_is_refused_with_the_name_of_its_owner(vector_add: Path) -> None:
    vector_add.rename(vector_add.with_name("vector-sum"))
    copy_of("vector-add", vector_add.parent)
    found = problems_of(vector_add.with_name("vector-sum"))
    assert "tasks/vector-sum/task.toml: id: " in found
    assert " is that of vector-add; give a new one: python3 -c" in found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tolerance", "canary"),
    [
        pytest.param("float32 = { rtol = 1e-3, atol = 1e-3 }", "half precision", marks=pytest.mark.slow),
        ("float32 = { rtol = 0.5, atol = 0.25 }", "half precision"),
    ],
)
def test_a_loosened_tolerance_lets_a_canary_pass(vector_add: Path, tolerance: str, canary: str) -> None:
    edit(vector_add, "task.toml", 'rule = "elementwise"', tolerance)
    found = problems_of(vector_add)
    assert f"tasks/vector-add/task.toml: case 'large': output 'c': canary '{canary}' passes (rtol " in found
    assert "the next shorter format is good enough: tighten the tolerance" in found


@pytest.mark.slow
def test_inputs_that_repeat_are_found_by_the_stale_canary(vector_add: Path) -> None:
    edit(vector_add, "inputs.py", "_vector(dims[\"n\"], rng), \"b\": _vector(dims[\"n\"], rng)}",
         "np.ones(dims[\"n\"], np.float32), \"b\": _vector(dims[\"n\"], rng)}")  # fmt: skip
    assert "inputs.py: case 'one': two seeds give the same a; draw it from rng" in problems_of(vector_add)


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ('return {"c": inputs["a"] + inputs["b"]}', "c is float32 (0,); make it float64 (0,)"),
        ('return {"d": inputs["a"]}', "case 'empty': gives d; return a dict of exactly c"),
        ('return inputs["a"]', "case 'empty': gives ndarray; return a dict of exactly c"),
        ("1 / 0", "case 'empty': ZeroDivisionError: division by zero; correct it"),
        ('return {"c": inputs["a"] * 1.0}', "make it float64"),
        ('return {"c": inputs["a"].astype(float)}', "no check case depends on input 'b'; use it in"),
        ('return {"c": 0.0 * inputs["a"].astype(float)}', "the right c is zero everywhere"),
        ('inputs["a"][:] = 1; ' + RIGHT, "reference.py: case 'one': changes its inputs; work on a copy"),
        (RIGHT.replace("}", " + np.random.rand()}"),
         "reference.py: case 'one': answers differently the second time; keep no state"),
    ],
)  # fmt: skip
def test_a_bad_oracle_is_refused(vector_add: Path, reference: str, sentence: str) -> None:
    edit(vector_add, "reference.py", RIGHT, reference)
    assert sentence in problems_of(vector_add)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("rng.random(", "np.random.default_rng().random(", "one seed gives two inputs; draw only from rng"),
        ("values.reshape(-1)[:n]", "values[:n]", "a is float32 (0, 64); make it float32 (0,)"),
        ("dtype=np.float32)", "dtype=np.float64)", "a is float64 (0,); make it float32 (0,)"),
        (
            "import numpy as np",
            "import nothing_of_that_name",
            "ModuleNotFoundError: No module named 'nothing_of_that",
        ),
        ("def make(", "def create(", "inputs.py: no function 'make'; define it, see tasks/README.md"),
    ],
)
def test_bad_inputs_are_refused(vector_add: Path, old: str, new: str, sentence: str) -> None:
    edit(vector_add, "inputs.py", old, new)
    assert sentence in problems_of(vector_add)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "{ n = 131075 }",
            "{ n = 1000 }",
            "case 'in-cache': a call may take only 0.2 µs, which is not worth timing",
        ),
        (
            'bytes = "12*n"',
            'bytes = "13*n"',
            "[work] bytes is 1.70398e+06, the buffers have 1572900; count every",
        ),
        (
            "memory_mb = 512",
            "memory_mb = 32",
            "three times 12000036 bytes of buffers exceed limits.memory_mb = 32",
        ),
    ],
)
def test_a_rank_case_that_cannot_be_timed_well_is_refused(
    vector_add: Path, old: str, new: str, sentence: str
) -> None:
    edit(vector_add, "task.toml", old, new)
    assert sentence in problems_of(vector_add)


def test_statements_must_explain_in_both_languages(vector_add: Path) -> None:
    (vector_add / "statement.en.md").write_text("Add two vectors.\n")
    (vector_add / "statement.zh.md").write_text("Add two vectors. " * 50)
    found = problems_of(vector_add)
    assert "statement.en.md: 17 characters; explain the task in 800 or more" in found
    assert "statement.zh.md: hardly any Chinese characters; write the Chinese statement in Chinese" in found


def test_a_baseline_that_fails_is_refused(vector_add: Path) -> None:
    edit(vector_add, "baseline/solution.c", "i < n;", "i < n - 1;")
    assert "tasks/vector-add/baseline: wrong_answer in case 'one': tensor c, " in problems_of(vector_add)


@pytest.mark.slow
def test_an_example_that_does_not_get_its_verdict_is_refused(vector_add: Path) -> None:
    edit(vector_add, "examples/reject-skips-tail/solution.c", "i + 8 <= n; i += 8", "i < n; i++")
    edit(vector_add, "examples/reject-skips-tail/solution.c", "j < 8", "j < 1")
    sentence = "verdict: 'wrong_answer' is expected, this machine says passed; correct the example or what it"
    assert f"examples/reject-skips-tail/expect.toml: {sentence}" in problems_of(vector_add)


@pytest.mark.slow
def test_a_starter_that_does_not_build_is_refused(vector_add: Path) -> None:
    edit(vector_add, "starter/c/solution.c", "#include <stdint.h>", "")
    (found,) = check_folder(vector_add).problems
    assert found.startswith("tasks/vector-add/starter/c: build_failed: ")
    assert "unknown type name" in found


@pytest.mark.slow
def test_a_verdict_that_needs_the_sandbox_is_left_to_the_judge(vector_add: Path) -> None:
    edit(vector_add, "examples/reject-skips-tail/expect.toml", '"wrong_answer"', '"time_limit"')
    report = check_folder(vector_add)
    assert report.problems == []
    assert "reject-skips-tail: time_limit is left to the judge" in report.notes


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name)
def test_every_canary_fails_where_it_applies(canary: object) -> None:
    rng = np.random.default_rng(0)
    oracle, previous, x = rng.standard_normal((3, 5, 7))
    scene = Scene(Expectation(oracle, Tolerance(1e-5, 1e-6), "float32"), (x,), previous)
    answers = {found.name: answer for found, answer in applicable(scene)}
    assert not scene.expectation.accepts(answers[canary.name])  # type: ignore[attr-defined]


def test_a_canary_that_is_the_right_answer_does_not_apply() -> None:
    ones = np.ones((4, 1))
    scene = Scene(Expectation(ones, Tolerance(1e-5, 1e-6), "float32"), (np.zeros((4, 1)),), ones)
    left = {canary.name for canary in CANARIES} - {canary.name for canary, _ in applicable(scene)}
    assert left == {"constant", "half precision", "stale"}


def test_no_canary_applies_to_an_empty_output() -> None:
    empty = np.empty((0, 4))
    scene = Scene(Expectation(empty, Tolerance(1e-5, 1e-6), "float32"), (empty,), empty)
    assert list(applicable(scene)) == []
