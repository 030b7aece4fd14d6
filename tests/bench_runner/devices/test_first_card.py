"""What `make first-card` says and keeps to, as far as that can be known without a card."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bench_runner.contract import JobKind, Measurement, Outcome, Result, Speed, Summary
from bench_runner.devices.card import Card, Finding
from tasks.spec import ROOT, Bundle, Task, load_folder
from tests.bench import on_card

H100 = Card(0, 0, "GPU-1", "NVIDIA H100 80GB HBM3", 80 << 30, (9, 0), "580.1")


def test_without_a_card_or_a_part_of_what_it_needs_nothing_is_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lacks = [
        Finding("driver", True, "", ""),
        Finding("CuPy", False, "not installed", "run pip", needed=False),
    ]
    monkeypatch.setattr(on_card, "missing", lambda card=None: lacks)
    for found, name in (([], "no card"), ([H100], H100.name)):
        monkeypatch.setattr(on_card, "cards", lambda found=found: found)
        assert on_card.main() == 1
        said = capsys.readouterr()
        assert said.out == "FAULT CuPy: not installed; run pip\n"
        assert said.err == f"{name} here: nothing was run\n"
    assert on_card.lacking([H100]) != []
    lacks.clear()
    assert on_card.lacking([H100]) == []
    assert on_card.lacking([]) == ["FAULT card: the driver is here and shows none"]


def test_the_smallest_call_that_is_ranked_is_found_from_below() -> None:
    folder = ROOT / "row-softmax"
    asked: list[int] = []

    def job(folder: Any, task: Task, files: Bundle, kind: JobKind) -> Result | str:
        [case] = task.cases
        asked.append(case.dims["rows"])
        if case.dims["rows"] < 256:
            return "fault of ours: too small"
        found = Measurement("smallest", 1.0, 0.98, 1.02, Speed.SAME, 41e-6, 41e-6, None, 1, [])
        summary = Summary(1.0, 0.98, 1.02, Speed.SAME, "narrow", "")
        return Result(Outcome.PASSED, "measured", measurements=[found], summary=summary)

    judging: Any = SimpleNamespace(tasks=[(folder, load_folder(folder))], job=job)
    row = on_card.smallest(judging)
    assert row == ("smallest call that is ranked", "41 µs (256 rows): same, ± 2.0 %", True)
    assert asked == [16, 64, 256]
    judging.job = lambda *_: "fault of ours: too small"
    assert on_card.smallest(judging)[2] is False
