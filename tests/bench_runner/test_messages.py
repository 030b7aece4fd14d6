"""Every reason has its words in both languages, says who is to blame, and is raised somewhere."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import bench_runner
from bench_runner.contract import Outcome
from bench_runner.errors import InfrastructureFault
from bench_runner.failure import Failed, fault
from bench_runner.messages import CONTRIBUTOR, PLATFORM, REASONS, Reason

SOURCES = {
    path.name: path.read_text()
    for path in Path(bench_runner.__file__).parent.rglob("*.py")
    if path.name != "messages.py"
}

every_reason = pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.id)


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@every_reason
def test_a_reason_says_what_why_and_what_next_in_both_languages(reason: Reason):
    for words in (reason.en, reason.zh):
        assert all(len(text) > 3 for text in (words.what, words.why, words.next))
    assert re.search(r"[\u4e00-\u9fff]", reason.zh.what + reason.zh.why + reason.zh.next)


@every_reason
def test_the_words_of_both_languages_use_the_arguments_that_the_reason_names(reason: Reason):
    for words in (reason.en, reason.zh):
        used = _fields(words.what) | _fields(words.why) | _fields(words.next)
        assert used <= set(reason.args)
    english = _fields(reason.en.what) | _fields(reason.en.why) | _fields(reason.en.next)
    chinese = _fields(reason.zh.what) | _fields(reason.zh.why) | _fields(reason.zh.next)
    assert english == chinese


@every_reason
def test_a_reason_is_raised_somewhere(reason: Reason):
    assert any(f'"{reason.id}"' in text for text in SOURCES.values()), f"{reason.id} is never raised"


def test_every_outcome_has_a_reason_and_ours_have_none():
    assert {reason.outcome for reason in REASONS.values()} == {*Outcome, None}
    assert all(
        reason.blame == (PLATFORM if reason.outcome is None else CONTRIBUTOR) for reason in REASONS.values()
    )


def test_words_are_filled_with_figures_people_can_read():
    reason = REASONS["wrong_value"]
    args = {"case": "odd", "tensor": "y", "index": [3, 17], "expected": 0.123456789, "got": 2.0, "wrong": 1}
    assert reason.words("en", args).what == "Case odd: y[3, 17] is 2, expected 0.123457."
    assert reason.words("zh-hans", args).what == "用例 odd：y[3, 17] 为 2，应为 0.123457。"
    assert "1 of ? elements" in reason.words("en", args).why  # an older worker may send fewer arguments


def test_text_of_the_contributor_is_not_taken_for_a_format():
    words = REASONS["name_not_allowed"].words("en", {"rule": "{0} {x} %s"})
    assert words.why == "{0} {x} %s."


def test_our_own_failures_are_faults_and_never_verdicts():
    with pytest.raises(InfrastructureFault, match="The task's own baseline failed: it crashed"):
        fault("baseline_failed", detail="it crashed")
    with pytest.raises(ValueError, match="blames the platform: use fault"):
        Failed("baseline_failed", detail="it crashed")
