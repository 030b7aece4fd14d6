"""What a model is judged by beside its loss. A metric is fed batch by batch on the host, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from framework.errors import ArgumentError

NumpyArray = npt.NDArray[Any]


class Metric:
    """`clear()`, then `update(outputs, targets)` for each batch, then `eval()`."""

    def clear(self) -> None:
        """Forget what was seen."""
        raise NotImplementedError

    def update(self, outputs: NumpyArray, targets: NumpyArray) -> None:
        """See one batch."""
        raise NotImplementedError

    def eval(self) -> float:
        """The metric over all batches since `clear`; NaN where there was none."""
        raise NotImplementedError


class _Mean(Metric):
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.total, self.count = 0.0, 0

    def eval(self) -> float:
        return self.total / self.count if self.count else float("nan")


class Accuracy(_Mean):
    """The share of rows whose class is among the `top` highest scores.

    Outputs (…, classes), targets (…) of integers.

    Raises:
        ArgumentError: `top` is less than 1; targets that do not fit the outputs.
    """

    def __init__(self, top: int = 1) -> None:
        if top < 1:
            raise ArgumentError(f"Accuracy: top is {top}; 1 or more is needed")
        super().__init__()
        self.top = top

    def update(self, outputs: NumpyArray, targets: NumpyArray) -> None:
        if outputs.shape[:-1] != targets.shape:
            raise ArgumentError(
                f"Accuracy: outputs of shape {outputs.shape}, targets {targets.shape}; the targets need the "
                "shape of the outputs without its last axis, the classes"
            )
        top = min(self.top, outputs.shape[-1])
        best = np.argpartition(outputs, -top, axis=-1)[..., -top:]
        self.total += float((best == targets[..., None]).any(-1).sum())
        self.count += targets.size


class MeanAbsoluteError(_Mean):
    """The mean of |output − target| over all elements."""

    def update(self, outputs: NumpyArray, targets: NumpyArray) -> None:
        self.total += float(np.abs(outputs.astype(np.float64) - targets).sum())
        self.count += outputs.size


class MeanSquaredError(_Mean):
    """The mean of (output − target)² over all elements."""

    def update(self, outputs: NumpyArray, targets: NumpyArray) -> None:
        self.total += float(np.square(outputs.astype(np.float64) - targets).sum())
        self.count += outputs.size


class F1(Metric):
    """The mean over classes of 2·TP / (2·TP + FP + FN); a class that was neither seen nor said counts 0.

    Outputs (…, classes), targets (…) of integers.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.hits: NumpyArray = np.zeros(0, np.int64)  # of each class: said and right
        self.said = self.seen = self.hits

    def update(self, outputs: NumpyArray, targets: NumpyArray) -> None:
        classes = outputs.shape[-1]
        said, seen = outputs.argmax(-1).reshape(-1), targets.reshape(-1)
        counts = [np.bincount(values, minlength=classes) for values in (said[said == seen], said, seen)]
        if self.hits.size:
            counts = [new + old for new, old in zip(counts, (self.hits, self.said, self.seen), strict=True)]
        self.hits, self.said, self.seen = counts

    def eval(self) -> float:
        return (
            float(np.mean(2 * self.hits / np.maximum(self.said + self.seen, 1)))
            if self.hits.size
            else float("nan")
        )
