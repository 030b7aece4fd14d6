"""The command that judges a baseline against itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench_runner import aa

ADVERSARY = Path(__file__).parents[1] / "adversary"
TASK = ADVERSARY / "task" / "mirror-add"

pytestmark = pytest.mark.sandbox


@pytest.mark.slow
def test_a_baseline_is_judged_against_itself_and_each_result_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_DATA_DIR", str(tmp_path))
    raw = tmp_path / "raw.jsonl"
    assert aa.main([str(TASK), "--jobs", "1", "--raw", str(raw)]) == 0
    assert "of 1 jobs found a difference" in capsys.readouterr().out
    (result,) = map(json.loads, raw.read_text().splitlines())
    assert result["outcome"] == "passed"
    assert len(result["measurements"][0]["pairs"]) >= 3


def test_a_submission_that_cannot_be_timed_ends_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_DATA_DIR", str(tmp_path))
    wrong = ADVERSARY / "cases" / "W4-copy"
    assert aa.main([str(TASK), "--jobs", "1", "--against", str(wrong)]) == 1
    assert "1: wrong_answer (wrong_value)" in capsys.readouterr().err
