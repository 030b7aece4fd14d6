"""The built-in tasks: fit to be published, and their oracles right beyond doubt."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tasks import cards
from tasks.__main__ import main
from tasks.spec import ROOT, load_folder, load_module, task_folders

SLUGS = [folder.name for folder in task_folders()]


def test_the_tasks_are_there_with_every_way_to_claim_one() -> None:
    assert set(SLUGS) >= {
        "bf16-matmul",
        "flash-attention-forward",
        "layer-norm-gelu",
        "row-softmax",
        "vector-add",
    }
    policies = {load_folder(ROOT / slug).claim.policy for slug in SLUGS}
    assert policies == {"proposal", "exclusive", "open"}
    assert max(load_folder(ROOT / slug).claim.people for slug in SLUGS) > 1  # one is held together


def test_no_two_tasks_share_an_id() -> None:
    assert len({load_folder(ROOT / slug).id for slug in SLUGS}) == len(SLUGS)


@pytest.mark.slow
@pytest.mark.parametrize("slug", SLUGS)
def test_every_built_in_task_is_fit_to_be_published(slug: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["check", slug])
    printed = capsys.readouterr().out
    assert (status, printed.splitlines()[-1]) == (0, "1 of 1 tasks are fit to be published"), printed


@pytest.mark.parametrize("slug", SLUGS)
def test_every_task_has_cheats_among_its_examples(slug: str) -> None:
    verdicts = [example.verdict for example in load_folder(ROOT / slug).examples]
    assert verdicts.count("passed") >= 2
    assert {"build_failed", "wrong_answer"} <= set(verdicts)


@pytest.mark.parametrize("slug", SLUGS)
def test_both_statements_tell_the_same_story(slug: str) -> None:
    """Same headings, formulas and code blocks in the same order."""
    statement = load_folder(ROOT / slug).statement
    for mark in ("\n# ", "\n## ", "$$", "```", "\n| ", "\n1. ", "\n- "):
        assert statement.en.count(mark) == statement.zh.count(mark), mark


def test_softmax_agrees_with_exact_arithmetic() -> None:
    reference = load_module(ROOT / "row-softmax", "reference").reference
    x = np.array([[1000.0, 999.0, 0.0], [-1000.0, -1000.0, -1000.0]], np.float32)
    e = math.exp(-1)
    assert np.allclose(
        reference({"x": x})["y"], [[1 / (1 + e), e / (1 + e), 0], [1 / 3] * 3], rtol=1e-15, atol=0
    )


def test_the_matrix_product_agrees_with_exact_arithmetic() -> None:
    inputs = load_module(ROOT / "bf16-matmul", "inputs").make(
        {"m": 3, "n": 2, "k": 5}, np.random.default_rng(0)
    )
    c = load_module(ROOT / "bf16-matmul", "reference").reference(inputs)["c"]
    a, b = (inputs[name].astype(float).tolist() for name in "ab")
    exact = [[math.fsum(a[i][p] * b[p][j] for p in range(5)) for j in range(2)] for i in range(3)]
    assert np.allclose(c, exact, rtol=0, atol=1e-15)


def test_attention_agrees_with_its_formula() -> None:
    dims = {"heads": 2, "length": 7, "depth": 3}
    inputs = load_module(ROOT / "flash-attention-forward", "inputs").make(dims, np.random.default_rng(0))
    out = load_module(ROOT / "flash-attention-forward", "reference").reference(inputs)["out"]
    q, k, v = (inputs[name].astype(float) for name in "qkv")
    for head, i in np.ndindex(2, 7):
        weights = np.exp(k[head, : i + 1] @ q[head, i] / math.sqrt(3))
        assert np.allclose(out[head, i], weights @ v[head, : i + 1] / weights.sum(), rtol=1e-12, atol=1e-12)


def test_layer_norm_gelu_agrees_with_its_formula() -> None:
    reference = load_module(ROOT / "layer-norm-gelu", "reference").reference
    rng = np.random.default_rng(0)
    x, gamma, beta = rng.normal(50, 1, (3, 11)), rng.uniform(0.5, 2, 11), rng.normal(0, 1, 11)
    z = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5) * gamma + beta
    gelu = np.vectorize(lambda v: 0.5 * v * math.erfc(-v / math.sqrt(2)))(z)
    assert np.allclose(reference({"x": x, "gamma": gamma, "beta": beta})["y"], gelu, rtol=1e-8, atol=1e-12)


def test_the_tabulated_distribution_is_exact_far_beyond_the_tolerance() -> None:
    distribution = load_module(ROOT / "layer-norm-gelu", "reference").distribution
    z = np.concatenate([np.linspace(-12, 12, 20_001), [-1e6, 1e6]])
    exact = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in z])
    assert np.abs(distribution(z) - exact).max() < 1e-11


@pytest.mark.parametrize("slug", SLUGS)
def test_inputs_mix_easy_and_hard_rows_within_one_input(slug: str) -> None:
    task = load_folder(ROOT / slug)
    case = task.cases_for("rank")[0]
    inputs = load_module(ROOT / slug, "inputs").make(case.dims, np.random.default_rng(1))
    first = np.abs(inputs[task.inputs[0].name].astype(np.float32))
    rows = first if first.ndim == 2 else first[:131072].reshape(-1, 64)
    sizes = rows.max(axis=1)
    assert sizes.max() > 30 * sizes.min()


@pytest.mark.slow
def test_trying_a_solution_prints_each_case_and_a_rough_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", "vector-add", str(ROOT / "vector-add" / "examples" / "accept-simd")]) == 0
    printed = capsys.readouterr().out
    assert "ok     odd                  worst 0.00" in printed
    assert "a rough timing on this machine, unranked; only the judge's numbers count" in printed
    assert "ratio" in printed


@pytest.mark.parametrize(
    ("language", "found"), [("cuda", "compiles for sm_80, sm_90a"), ("cupy", "is Python")]
)
@pytest.mark.slow
def test_trying_a_solution_for_cards_compiles_it(
    language: str, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not cards.can_compile():
        pytest.skip("needs NVRTC")
    assert main(["try", "row-softmax", str(ROOT / "row-softmax" / "starter" / language)]) == 0
    assert capsys.readouterr().out == f"{found}; a worker with a card runs it: push it\n"


def test_trying_a_wrong_solution_says_where_it_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["try", "vector-add", str(ROOT / "vector-add" / "examples" / "reject-skips-tail")]) == 1
    printed = capsys.readouterr().out
    assert "WRONG  one                  tensor c, wrong 1, of 1, index [0]" in printed
    assert printed.splitlines()[-1] == "wrong_answer"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["try", "vector-add", "{empty}"], "0 entry files; have exactly one of solution.c, solution.py"),
        (["try", "no-such-task", "{empty}"], "no-such-task: no task.toml; a task is a folder with one"),
    ],
)
def test_a_folder_that_cannot_be_tried_is_named(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.format(empty=tmp_path) for argument in arguments]) == 1
    assert sentence in capsys.readouterr().err


def test_checking_an_unknown_task_fails_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "no-such-task"]) == 1
    assert (
        "no-such-task: no task.toml; a task is a folder with one, see tasks/README.md"
        in capsys.readouterr().out
    )


def test_checking_a_root_without_tasks_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--root", str(tmp_path)]) == 1
    assert "no task folders; a task is a folder with a task.toml" in capsys.readouterr().out
