"""A network with its loss, optimiser and metrics: trained, evaluated and used in one line each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from framework.amp import DynamicLossScaler, step_if_finite
from framework.core.arguments import checked
from framework.core.tensor import Tensor, as_tensor
from framework.data import Dataset, Loader
from framework.errors import ArgumentError
from framework.nn.cell import Cell
from framework.optim import clip_by_global_norm
from framework.train.callbacks import Callback, Progress
from framework.train.fit import Run
from framework.train.metrics import Metric
from framework.transforms import value_and_grad

History = list[dict[str, float]]


class Model:
    """`network(*inputs)` trained to a small `loss_fn(outputs, target)`.

    Of the columns of a batch the last is the target, those before it are the inputs. The whole training step,
    optimiser included, is compiled as one graph unless `compiled` is False.

    Args:
        network: a cell.
        loss_fn: of (outputs, target), a scalar; needed to train and evaluate.
        optimizer: of the network's parameters, or a GradientAccumulation; needed to train.
        metrics: by the name under which `eval` reports them.
        loss_scaler: for float16, see `framework.amp`.
        max_grad_norm: gradients are scaled down to this global norm.
    """

    def __init__(
        self,
        network: Cell,
        loss_fn: Callable[..., Any] | None = None,
        optimizer: Any = None,
        metrics: Mapping[str, Metric] | None = None,
        loss_scaler: DynamicLossScaler | None = None,
        max_grad_norm: float | None = None,
        compiled: bool = True,
    ) -> None:
        if optimizer is not None and not callable(optimizer):
            raise ArgumentError(
                f"Model: optimizer {optimizer!r:.80} cannot be called; give one, or a cell around"
            )
        if max_grad_norm is not None and not max_grad_norm > 0:
            raise ArgumentError(f"Model: max_grad_norm is {max_grad_norm}; above 0, or None, is needed")
        self.network, self.loss_fn, self.optimizer = network, loss_fn, optimizer
        self.metrics, self.loss_scaler = dict(metrics or {}), loss_scaler
        self._step = _training_step(network, loss_fn, optimizer, loss_scaler, max_grad_norm)
        self._forward: Callable[..., Any] = lambda *inputs: network(*inputs)
        if compiled:
            from framework.jit import jit

            self._step, self._forward = jit(self._step), jit(self._forward)

    def train_step(self, *batch: Any) -> Tensor:
        """One step on one batch; the loss before it, shape ()."""
        if self.loss_fn is None or self.optimizer is None:
            raise ArgumentError("Model: training needs a loss_fn and an optimizer; give both to Model(…)")
        loss: Tensor = self._step(*[as_tensor(column) for column in batch])
        return loss

    @checked
    def fit(
        self,
        epoch: int,
        train_dataset: Dataset | Loader,
        valid_dataset: Dataset | Loader | None = None,
        callbacks: Sequence[Callback] = (),
        resume: str | os.PathLike[str] | None = None,
        progress: bool = True,
    ) -> History:
        """Train until `epoch` epochs are done; what was measured in each: `loss`, `valid_loss`,
        `valid_<metric>`.

        With `resume`, a file of the `Checkpoint` callback, training goes on after its last step, bit for bit
        as if it had never stopped, and the history includes the epochs before.

        Raises:
            ArgumentError: no loss_fn or optimizer.
            CheckpointError: the file is damaged or is of another network, optimiser or dataset.
        """
        loader = _loader(train_dataset)
        if epoch < 0 or not len(loader) or len(loader.dataset.column_names) < 2:
            raise ArgumentError(
                f"fit: epoch is {epoch}, train_dataset has {len(loader)} batches of the columns "
                f"{', '.join(loader.dataset.column_names)}; 0 or more, at least one batch, and a column of "
                "targets behind those of inputs are needed"
            )
        shown = [Progress(), *callbacks] if progress else list(callbacks)
        run = Run(self, epoch, loader, valid_dataset, shown)
        if resume is not None:
            run.load(resume)
        with self._mode(True):
            return run.run()

    def train(
        self,
        epoch: int,
        train_dataset: Dataset | Loader,
        callbacks: Sequence[Callback] = (),
        progress: bool = True,
    ) -> History:
        """`fit` without validation: MindSpore's call."""
        return self.fit(epoch, train_dataset, callbacks=callbacks, progress=progress)

    @checked
    def eval(self, dataset: Dataset | Loader) -> dict[str, float]:
        """The mean `loss` over all rows, and each metric, of one epoch of `dataset`."""
        if self.loss_fn is None:
            raise ArgumentError("Model: evaluating needs a loss_fn; give it to Model(…)")
        for metric in self.metrics.values():
            metric.clear()
        total, rows = 0.0, 0
        with self._mode(False):
            for *inputs, target in _loader(dataset):
                outputs = self._forward(*[as_tensor(column) for column in inputs])
                total += float(self.loss_fn(outputs, as_tensor(target))) * len(target)
                rows += len(target)
                for metric in self.metrics.values():
                    metric.update(outputs.asnumpy(), target)
        mean = total / rows if rows else float("nan")
        return {"loss": mean} | {name: metric.eval() for name, metric in self.metrics.items()}

    def predict(self, *inputs: Any) -> Any:
        """The network's output in evaluation mode."""
        with self._mode(False):
            return self._forward(*[as_tensor(column) for column in inputs])

    @contextmanager
    def _mode(self, training: bool) -> Iterator[None]:
        before = [(cell, cell.training) for _, cell in self.network.cells_and_names()]
        self.network.train(training)
        try:
            yield
        finally:
            for cell, mode in before:
                cell.training = mode


def _loader(data: Dataset | Loader) -> Loader:
    return data if isinstance(data, Loader) else Loader(data)


def _training_step(
    network: Cell, loss_fn: Any, optimizer: Any, scaler: DynamicLossScaler | None, max_norm: float | None
) -> Callable[..., Tensor]:
    def forward(*batch: Tensor) -> Any:
        loss = loss_fn(network(*batch[:-1]), batch[-1])
        return (loss, loss) if scaler is None else (scaler.scale(loss), loss)

    def step(*batch: Tensor) -> Tensor:
        gradient = value_and_grad(forward, None, weights=optimizer.parameters, has_aux=True)
        (_, loss), gradients = gradient(*batch)
        if scaler is not None:
            gradients = scaler.unscale(gradients)
        if max_norm is not None:
            gradients = clip_by_global_norm(gradients, max_norm)
        if scaler is None:
            optimizer(gradients)
        else:
            scaler.adjust(step_if_finite(optimizer, gradients))
        return loss  # type: ignore[no-any-return]

    return step
