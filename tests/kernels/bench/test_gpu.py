"""The benchmark on a card, as far as it goes without one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kernels.bench import gpu, on_card
from kernels.registry import Cuda, operators
from tests.kernels.stand_ins import Recorder, in_place


def test_without_a_card_it_says_so_and_gives_no_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "card_is_there", lambda: False)
    assert gpu.main([]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "no NVIDIA card can be used here" in said.err


@pytest.mark.parametrize("case", gpu.LARGE, ids=str)
def test_every_large_case_is_a_call_of_an_operator_with_a_cuda_version(case: gpu.Case) -> None:
    operator = operators()[case.op]
    assert any(isinstance(each, Cuda) for each in operator.versions)
    needed = {each.name for each in operator.schema.inputs if not each.optional}
    assert needed <= set(case.arrays) <= {each.name for each in operator.schema.inputs}
    assert set(case.attributes) == {each.name for each in operator.schema.attributes}
    assert case.want is None or len(case.want) == len(operator.schema.outputs)


def test_a_row_in_words() -> None:
    row = {
        "operator": "softmax",
        "version": "v2_group",
        "case": "8192x8192",
        "dtypes": "f32",
        "seconds": {"ours": 2e-4, "torch": 3e-4},
        "ratios": {"torch": [1.5, 1.4, 1.6]},
        "bytes_per_second": 2.5e12,
        "flops_per_second": 1e12,
        "of_limit": 0.875,
        "notes": {"torch": "launches included"},
    }
    assert gpu.line(row) == (
        "softmax v2_group 8192x8192 f32: 200.0 us, 2500 GB/s, 1.00 TFLOP/s, 88% of the limit, "
        "1.50 times torch (1.40 to 1.60), torch: launches included"
    )


def test_versions_are_timed_beside_the_one_that_is_chosen() -> None:
    operator = operators()["matmul"]
    dims = {"ak": 64, "bn": 64, "n": 64}
    with in_place(Recorder(), operator):
        assert gpu._versions(operator, {"T": "bf16", "O": "bf16"}, dims) == ["v3_wgmma", "v2_mma"]
        assert gpu._versions(operator, {"T": "f32", "O": "f32"}, dims) == ["v2_tiles", "v3_tf32"]
    with in_place(Recorder(of=(8, 0)), operator):
        assert gpu._versions(operator, {"T": "bf16", "O": "bf16"}, dims) == ["v2_mma"]


def test_without_a_card_the_first_run_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "card_is_there", lambda: False)
    assert on_card.main() == 1
    assert "no NVIDIA card can be used here" in capsys.readouterr().err


@pytest.mark.slow
def test_the_first_run_finds_the_tests_for_a_card_without_the_hub() -> None:
    words = [sys.executable, "-m", "pytest", *on_card.PYTEST, "-q", "--collect-only", "-m", "gpu"]
    found = subprocess.run(
        [*words, "tests/kernels/test_launch.py"],
        cwd=on_card.ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-2000:]
    assert "test_a_card_computes_what_the_oracle_says[matmul-v3_wgmma]" in found.stdout
