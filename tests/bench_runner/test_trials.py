"""The commands that try the judge: exact copies, honest counting, data that is kept and counted again."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench_runner import __main__ as command_line
from bench_runner.errors import JudgeError
from bench_runner.trials import commands, judging, options
from bench_runner.trials.judging import TASK, Bench, Condition, Record, slower
from bench_runner.trials.report import table, tally, upper_bound
from tasks.check import check_folder
from tasks.spec import load_folder, read_folder

SAME = Condition(0, False)
THREE = Condition(3, False)


def _record(condition: Condition, *speeds: str, fault: str = "") -> Record:
    cases = {
        f"case{number}": {"speed": speed, "ratio": 1.0, "low": 0.99, "high": 1.01, "log_ratios": [0.0] * 5}
        for number, speed in enumerate(speeds)
    }
    about = {"pairs": 5, "repeated_pairs": 0, "others_cores": 0.0}
    record = Record(condition, cases=cases, fault=fault, seconds=2.0, environment=about)
    return replace(record, machine=judging.machine_name(), rule=judging.rule())


@pytest.mark.parametrize("percent", options.PERCENTS)
def test_a_slower_copy_does_exactly_so_many_percent_more_of_the_same_work(percent: int) -> None:
    files = read_folder(TASK / "baseline")
    source, copy = (each["solution.c"].decode() for each in (files, slower(files, percent)))
    assert copy == source.replace("#define UNITS 100\n", f"#define UNITS {100 + percent}\n")
    assert copy != source


def test_the_same_code_is_the_very_same() -> None:
    files = read_folder(TASK / "baseline")
    assert slower(files, 0) == files


def test_a_task_without_units_cannot_be_slowed_down() -> None:
    with pytest.raises(JudgeError, match="needs the line '#define UNITS 100' once"):
        slower({"solution.c": b"int main;"}, 3)


def test_the_task_of_the_trials_is_a_good_one() -> None:
    problems = [each for each in check_folder(TASK).problems if "statement" not in each]
    assert not problems, "it is not published, but all that makes a task sound must hold"


def test_every_claim_about_the_same_code_is_false() -> None:
    seen = tally(SAME, [_record(SAME, "faster", "same", "slower"), _record(SAME, "inconclusive")])
    assert (seen.trials, seen.false, seen.inconclusive) == (4, 2, 1)


def test_of_slower_code_only_faster_is_false() -> None:
    seen = tally(THREE, [_record(THREE, "slower", "slower", "faster", "same"), _record(SAME, "faster")])
    assert (seen.trials, seen.slower, seen.false) == (4, 2, 1)


def test_a_job_that_ranked_nothing_is_no_trial_and_is_not_hidden() -> None:
    seen = tally(SAME, [_record(SAME, "same"), _record(SAME, fault="The machine changed its speed")])
    assert (seen.trials, seen.faults) == (1, 1)
    assert "jobs not ranked 1" in seen.line()


@pytest.mark.parametrize(
    ("hits", "trials", "bound"), [(0, 300, 0.00994), (3, 300, 0.0257), (1, 1, 1.0), (0, 0, 1.0)]
)
def test_the_bound_is_that_of_clopper_and_pearson(hits: int, trials: int, bound: float) -> None:
    assert upper_bound(hits, trials) == pytest.approx(bound, rel=0.01)


def test_the_table_has_a_row_for_each_condition() -> None:
    rows = table([tally(each, [_record(each, "slower")]) for each in (SAME, THREE)])
    assert [row.count("|") for row in rows] == [10] * 4
    assert "3 % slower, 1-20 ms, quiet | 1 | 1 (100 %)" in rows[3]


class FakeBench:
    """Judges at once; tells what it was asked for."""

    asked: list[Condition] = []

    def __init__(self, folder: Path, *, small: bool) -> None: ...

    def __enter__(self) -> FakeBench:
        return self

    def __exit__(self, *about: object) -> None: ...

    def judge(self, condition: Condition) -> Record:
        self.asked.append(condition)
        return _record(condition, "slower" if condition.percent else "same", "same", "same")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> type[FakeBench]:
    FakeBench.asked = []
    monkeypatch.setattr(commands, "Bench", FakeBench)
    return FakeBench


def _main(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench_runner", *words])
    return command_line.main()


def test_a_run_goes_on_where_the_last_one_was_cut_off(
    bench: type[FakeBench],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = tmp_path / "trials.jsonl"
    assert _main(monkeypatch, "aa", "--trials", "6", "--data", str(data)) == 0
    assert len(bench.asked) == 2
    assert _main(monkeypatch, "aa", "--trials", "12", "--data", str(data)) == 0
    assert len(bench.asked) == 4
    assert "0 of 12 false (at most 22.1 % at 95 % confidence)" in capsys.readouterr().out
    kept = [json.loads(line) for line in data.read_text().splitlines()]
    assert len(kept) == 4
    assert kept[0]["cases"]["case0"]["log_ratios"] == [0.0] * 5


def test_trials_under_another_rule_or_on_another_machine_do_not_count(
    bench: type[FakeBench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "trials.jsonl"
    others: list[Any] = [
        replace(_record(SAME, "same"), rule="another"),
        replace(_record(SAME, "same"), machine="another"),
    ]
    data.write_text("".join(json.dumps(each.to_json()) + "\n" for each in others))
    assert commands.read(data) == []


def test_power_tries_every_slow_down_and_time_ends_it(
    bench: type[FakeBench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = str(tmp_path / "trials.jsonl")
    assert _main(monkeypatch, "power", "--trials", "3", "--data", data) == 0
    assert sorted(condition.percent for condition in bench.asked) == sorted(options.PERCENTS)
    assert _main(monkeypatch, "power", "--trials", "90", "--minutes", "0", "--data", data) == 0
    assert len(bench.asked) == len(options.PERCENTS)


def test_a_campaign_has_the_same_code_quiet_and_busy_and_every_slow_down(
    bench: type[FakeBench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _main(monkeypatch, "campaign", "--trials", "3", "--data", str(tmp_path / "t")) == 0
    slow = {Condition(percent, False) for percent in options.PERCENTS}
    assert set(bench.asked) == {SAME, Condition(0, True), *slow}


def test_a_busy_process_is_there_while_it_is_wanted_and_no_longer() -> None:
    def children() -> str:
        return Path(f"/proc/self/task/{os.getpid()}/children").read_text()

    before = children()
    with judging.busy_process(True):
        assert len(children().split()) == len(before.split()) + 1
    assert children() == before
    with judging.busy_process(False):
        assert children() == before


@pytest.mark.slow
@pytest.mark.sandbox
@pytest.mark.alone
@pytest.mark.parametrize(("small", "cases"), [(False, {"1ms", "4ms", "16ms"}), (True, set(judging.SMALL))])
def test_a_trial_is_judged_by_the_real_judge(
    small: bool, cases: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKER_DATA_DIR", str(tmp_path))
    with Bench(TASK, small=small) as bench:
        record = bench.judge(Condition(10, False, small))
    assert record.fault or set(record.cases) == cases
    assert Record.from_json(json.loads(json.dumps(record.to_json()))) == record
    assert load_folder(TASK).slug == "exact-work"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["aa", "--trials", "0"], "'0': give a whole number from 1 on"),
        (["aa", "--trials", "-3"], "'-3': give a whole number from 1 on"),
        (["aa", "--minutes", "nan"], "'nan': give a number from 0 on"),
        (["power", "--percent", "0"], "'0': give a whole number from 1 on"),
    ],
)
def test_a_number_that_cannot_be_is_named_with_what_may_be(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        _main(monkeypatch, *words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("bench")
def test_data_that_cannot_be_kept_or_are_no_trials_end_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (garbage := tmp_path / "garbage").write_text("[3]\n")
    assert _main(monkeypatch, "aa", "--data", str(garbage)) == 2
    assert "that is no file of trials" in capsys.readouterr().err
    assert garbage.read_text() == "[3]\n"
    assert _main(monkeypatch, "aa", "--data", str(garbage / "below")) == 2
    assert "jobs cannot be kept there" in capsys.readouterr().err


@pytest.mark.sandbox
def test_a_task_that_is_not_there_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["aa", "--task", str(tmp_path / "nowhere"), "--data", str(tmp_path / "data")]
    assert _main(monkeypatch, *words) == 2
    assert "nowhere" in capsys.readouterr().err
