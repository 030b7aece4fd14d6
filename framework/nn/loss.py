"""Losses: cells of (outputs, targets) that give a scalar, or with reduction "none" a value per element or
row.

Signatures, defaults and values are torch's. Of 16-bit floats a loss is computed, and given, in
float32: rounded to 8 bits a small one would be 0, and the count of the rows wrong.
"""

from __future__ import annotations

from typing import Any

from framework import ops
from framework.core.tensor import Tensor, as_tensor
from framework.errors import ArgumentError, ShapeError
from framework.nn.cell import Cell
from framework.nn.norm import wide

REDUCTIONS = ("mean", "sum", "none")


class _Loss(Cell):
    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in REDUCTIONS:
            raise ArgumentError(
                f"{type(self).__name__}: reduction is {reduction!r}; one of {', '.join(REDUCTIONS)}"
            )
        self.reduction = reduction

    def _reduced(self, values: Tensor) -> Tensor:
        if self.reduction == "none":
            return values
        total: Tensor = ops.mean(values) if self.reduction == "mean" else ops.sum(values)
        return total

    def _pair(self, outputs: Any, targets: Any) -> tuple[Tensor, Tensor]:
        x, y = wide(as_tensor(outputs)), wide(as_tensor(targets))
        if x.shape != y.shape:
            raise ShapeError(
                f"{type(self).__name__}: outputs have shape {x.shape}, targets {y.shape}; one is needed"
            )
        return x, y


class MSELoss(_Loss):
    """(x − y)²."""

    def construct(self, outputs: Any, targets: Any) -> Tensor:
        x, y = self._pair(outputs, targets)
        return self._reduced(ops.square(x - y))


class L1Loss(_Loss):
    """|x − y|."""

    def construct(self, outputs: Any, targets: Any) -> Tensor:
        x, y = self._pair(outputs, targets)
        return self._reduced(ops.abs(x - y))


class HuberLoss(_Loss):
    """½·(x − y)² where |x − y| < delta, else delta·(|x − y| − ½·delta)."""

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        if not delta > 0:
            raise ArgumentError(f"{type(self).__name__}: delta is {delta!r}; above 0 is needed")
        self.delta = delta

    def construct(self, outputs: Any, targets: Any) -> Tensor:
        x, y = self._pair(outputs, targets)
        distance = ops.abs(x - y)
        square = 0.5 * distance * distance
        values = ops.where(distance < self.delta, square, self.delta * (distance - 0.5 * self.delta))
        return self._reduced(values)


class SmoothL1Loss(HuberLoss):
    """The Huber loss divided by its delta, here `beta`."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction, beta)

    def construct(self, outputs: Any, targets: Any) -> Tensor:
        return super().construct(outputs, targets) / self.delta


class BCELoss(_Loss):
    """−y·ln x − (1 − y)·ln(1 − x), of probabilities; the logarithms are held above −100."""

    def construct(self, outputs: Any, targets: Any) -> Tensor:
        x, y = self._pair(outputs, targets)
        yes, no = (ops.maximum(ops.log(part), -100.0) for part in (x, 1 - x))
        return self._reduced(-(y * yes + (1 - y) * no))


class BCEWithLogitsLoss(_Loss):
    """The binary cross-entropy of sigmoid(x), computed from x without loss of accuracy.

    `pos_weight`, that broadcasts against the targets, multiplies the part of y = 1.
    """

    def __init__(self, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self.pos_weight = None if pos_weight is None else as_tensor(pos_weight)

    def construct(self, outputs: Any, targets: Any) -> Tensor:
        x, y = self._pair(outputs, targets)
        softplus = ops.softplus(-x)  # −ln sigmoid(x)
        weight = 1.0 if self.pos_weight is None else 1 + (self.pos_weight - 1) * y
        return self._reduced((1 - y) * x + weight * softplus)


class KLDivLoss(_Loss):
    """y·(ln y − x), of logarithms of probabilities x; with `log_target` y is one too: eʸ·(y − x).

    Reduction "batchmean" is the divergence itself: the sum divided by the size of the first axis.
    """

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__("sum" if reduction == "batchmean" else reduction)
        self.batch_mean, self.log_target = reduction == "batchmean", log_target

    def construct(self, outputs: Any, targets: Any) -> Tensor:
        x, y = self._pair(outputs, targets)
        if self.log_target:
            values = ops.exp(y) * (y - x)
        else:
            safe = ops.where(y > 0, y, ops.ones_like(y))  # 0·ln 0 counts 0, its gradient too
            values = y * (ops.log(safe) - x)
        total = self._reduced(values)
        return total / x.shape[0] if self.batch_mean else total


class CosineEmbeddingLoss(_Loss):
    """1 − cos(a, b) where y = 1, max(0, cos(a, b) − margin) where y = −1; rows along the last axis."""

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def construct(self, first: Any, second: Any, targets: Any) -> Tensor:
        a, b = self._pair(first, second)
        y = as_tensor(targets)
        if y.shape != a.shape[:-1]:
            raise ShapeError(
                f"CosineEmbeddingLoss: vectors {a.shape}, targets {y.shape}; one for each is needed"
            )
        squares = [ops.sum(x * x, axis=-1) + 1e-12 for x in (a, b)]  # torch's ε
        cosine = ops.sum(a * b, axis=-1) / ops.sqrt(squares[0] * squares[1])
        return self._reduced(ops.where(y > 0, 1 - cosine, ops.relu(cosine - self.margin)))


class NLLLoss(_Loss):
    """Minus the log-probability of the target class: x (N, classes, …) of logarithms, targets (N, …) of
    integers.

    Rows whose target is `ignore_index` count nothing; `weight` (classes,) multiplies the others and "mean"
    divides by the sum of those weights.

    Raises:
        ShapeError: targets that do not have the shape of x without its second axis.
    """

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.weight, self.ignore_index = None if weight is None else as_tensor(weight), ignore_index

    def construct(self, outputs: Any, targets: Any) -> Tensor:
        x, y = wide(as_tensor(outputs)), as_tensor(targets)
        kept, weights, index = self._rows(x, y)
        picked = ops.squeeze(ops.take_along_axis(_classes_last(x), index, axis=-1), -1)
        return self._over(-picked * weights, weights, kept)

    def _rows(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Which rows count, with what weight, and the class of each (0 where it does not count)."""
        if x.ndim < 1 or y.shape != (*x.shape[:-1][:1], *x.shape[2:]):
            raise ShapeError(
                f"{type(self).__name__}: outputs of shape {x.shape} (N, classes, …) and targets {y.shape}; "
                "targets need the shape without the second axis"
            )
        kept = y != self.ignore_index
        classes = ops.where(kept, y, ops.zeros_like(y))
        weights = kept.astype(x.dtype)
        if self.weight is not None:
            if self.weight.shape != x.shape[1 if x.ndim > 1 else 0 :][:1]:
                raise ShapeError(
                    f"{type(self).__name__}: weight of shape {self.weight.shape} for outputs of shape "
                    f"{x.shape}; one number for each class is needed"
                )
            weights = weights * ops.take(self.weight, classes, axis=0).astype(x.dtype)
        return kept, weights, ops.expand_dims(classes, -1)

    def _over(self, values: Tensor, weights: Tensor, kept: Tensor) -> Tensor:
        values = ops.where(kept, values, ops.zeros_like(values))
        if self.reduction == "mean":
            return ops.sum(values) / ops.sum(weights)
        return self._reduced(values)


class CrossEntropyLoss(NLLLoss):
    """NLLLoss of log_softmax(x): x (N, classes, …) of any real numbers, targets (N, …) of integers.

    `label_smoothing` s gives the target class 1 − s and all classes s / classes more (Szegedy et al. 2016).
    """

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index, reduction)
        if not 0 <= label_smoothing <= 1:
            raise ArgumentError(
                f"CrossEntropyLoss: label_smoothing is {label_smoothing!r}; 0 to 1 is allowed"
            )
        self.label_smoothing = label_smoothing

    def construct(self, outputs: Any, targets: Any) -> Tensor:
        x, y = wide(as_tensor(outputs)), as_tensor(targets)
        kept, weights, _ = self._rows(x, y)
        rows = _classes_last(x)
        values = ops.cross_entropy(rows, y, ignore_index=self.ignore_index) * weights
        if self.label_smoothing:
            logs = ops.log_softmax(rows, axis=-1)
            spread = logs if self.weight is None else logs * self.weight
            even = -ops.sum(spread, axis=-1) / logs.shape[-1]
            values = (1 - self.label_smoothing) * values + self.label_smoothing * even
        return self._over(values, weights, kept)


def _classes_last(x: Tensor) -> Tensor:
    return x if x.ndim <= 2 else ops.moveaxis(x, 1, -1)
