"""Judge the judge: every labelled submission gets the verdict of its label."""

from __future__ import annotations

from typing import Any

import pytest

from bench_runner.contract import JobKind
from bench_runner.sandbox import Sandbox
from tests.adversary import labelled
from tests.adversary.labelled import Label

pytestmark = pytest.mark.sandbox


def _parameter(label: Label) -> Any:
    # Honest ones and tricks are judged in every run of the tests, plain mistakes in CI's.
    plain = label.name.startswith("wrong-")
    marks = [pytest.mark.slow] if label.slow or plain else []
    marks += [pytest.mark.alone] if label.job is JobKind.RANK else []
    return pytest.param(label, id=label.name, marks=marks)


@pytest.mark.parametrize("label", [_parameter(label) for label in labelled.everything()])
def test_a_labelled_submission_gets_the_verdict_of_its_label(label: Label, sandbox: Sandbox):
    result = labelled.judge(label, sandbox)

    assert labelled.faults(label, result, sandbox) == []
