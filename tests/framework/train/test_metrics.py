"""Metrics over several batches."""

import io

import numpy as np
import pytest

from framework.errors import ArgumentError
from framework.train import F1, Accuracy, MeanAbsoluteError, MeanSquaredError
from framework.train.progress import ProgressBar

SCORES = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
TARGETS = np.array([1, 1, 2, 2])


def fed(metric, *batches):
    for outputs, targets in batches:
        metric.update(outputs, targets)
    return metric.eval()


def test_accuracy_counts_rows_of_all_batches():
    assert fed(Accuracy(), (SCORES, TARGETS), (SCORES[:1], TARGETS[:1])) == 3 / 5
    assert fed(Accuracy(top=2), (SCORES, TARGETS)) == 3 / 4
    assert fed(Accuracy(top=9), (SCORES, TARGETS)) == 1


def test_accuracy_of_sequences_counts_every_place():
    assert fed(Accuracy(), (SCORES.reshape(2, 2, 3), TARGETS.reshape(2, 2))) == 0.5


def test_f1_is_the_mean_over_classes():
    # class 0: never right, said twice; 1: one of two, said once; 2: one of two, said once
    assert fed(F1(), (SCORES[:2], TARGETS[:2]), (SCORES[2:], TARGETS[2:])) == pytest.approx(
        (0 + 2 / 3 + 2 / 3) / 3
    )


def test_mean_errors_are_over_all_elements():
    outputs, targets = np.array([[1.0, 2.0]], np.float32), np.array([[0.0, 4.0]])
    assert fed(MeanAbsoluteError(), (outputs, targets)) == 1.5
    assert fed(MeanSquaredError(), (outputs, targets)) == 2.5


@pytest.mark.parametrize("metric", [Accuracy(), F1(), MeanAbsoluteError()])
def test_a_metric_begins_anew_when_cleared(metric):
    metric.update(SCORES, TARGETS if not isinstance(metric, MeanAbsoluteError) else SCORES)
    metric.clear()
    assert np.isnan(metric.eval())


def test_what_does_not_fit_is_named():
    with pytest.raises(ArgumentError, match=r"outputs of shape \(4, 3\), targets \(3,\)"):
        Accuracy().update(SCORES, TARGETS[:3])
    with pytest.raises(ArgumentError, match="top is 0"):
        Accuracy(0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_is_redrawn_in_place_on_a_terminal(monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    stream = Terminal()
    bar = ProgressBar("epoch 1/2", 4, stream)
    bar.update(1, {"loss": 2.0})
    bar.update(2, {"loss": 1.25})
    bar.finish({"loss": 1.0})
    lines = stream.getvalue().split("\r")
    assert "1/4" in lines[1]
    assert "loss 1.25" in lines[2]
    assert "█" * 12 + "░" * 12 in lines[2]
    assert lines[3].rstrip(" \n") == "epoch 1/2  " + "█" * 24 + "  4/4  in 3.0 s  loss 1"
    assert stream.getvalue().endswith("\n")


def test_a_log_gets_one_line_for_an_epoch():
    stream = io.StringIO()
    bar = ProgressBar("epoch 1/1", 3, stream)
    for step in (1, 2, 3):
        bar.update(step, {"loss": 1.0})
    bar.finish({"loss": 0.5})
    assert stream.getvalue().count("\n") == 1
    assert "3/3" in stream.getvalue()
