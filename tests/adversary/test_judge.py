"""Judge the judge: every labelled submission gets the verdict of its label."""

from __future__ import annotations

from typing import Any

import pytest

from bench_runner.contract import JobKind
from bench_runner.sandbox import Sandbox
from tests.adversary import labelled
from tests.adversary.labelled import Label

pytestmark = pytest.mark.sandbox


def _in_every_run(labels: list[Label]) -> set[str]:
    """The first trick of every eighth row, and one honest submission in twenty; CI judges them all."""
    names = sorted(label.name for label in labels)
    honest = [name for name in names if name.startswith("honest-")]
    tricks = [name for name in names if not name.startswith(("honest-", "wrong-"))]
    rows = {name.partition("-")[0]: name for name in reversed(tricks)}
    return {*list(rows.values())[::8], *honest[::20]}


def _parameters() -> list[Any]:
    labels = labelled.everything()
    every_run = _in_every_run(labels)
    return [_parameter(label, every_run) for label in labels]


def _parameter(label: Label, every_run: set[str]) -> Any:
    marks = [] if label.name in every_run and not label.slow else [pytest.mark.slow]
    marks += [pytest.mark.alone] if label.job is JobKind.RANK else []
    return pytest.param(label, id=label.name, marks=marks)


@pytest.mark.parametrize("label", _parameters())
def test_a_labelled_submission_gets_the_verdict_of_its_label(label: Label, sandbox: Sandbox):
    result = labelled.judge(label, sandbox)

    assert labelled.faults(label, result, sandbox) == []
