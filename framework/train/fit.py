"""One training run: the loop over epochs and steps, what callbacks see of it, and its file.

A checkpoint holds all that the rest of the run depends on: parameters, optimiser, loss scale, random state,
the place in the data, the sums behind the logs, and what callbacks remember. So it ends in the same bits as a
run that was never interrupted.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import numpy as np

from framework import serialise
from framework.data import Dataset, Loader
from framework.errors import CheckpointError
from framework.nn.cell import Cell
from framework.ops.random import STATE
from framework.train.callbacks import Callback, Checkpoint

if TYPE_CHECKING:
    from framework.train.model import Model

FORMAT = "1"


class Run:
    """Where training is. Callbacks read it, and may set `stop`."""

    def __init__(
        self,
        model: Model,
        epochs: int,
        loader: Loader,
        valid: Dataset | Loader | None,
        callbacks: list[Callback],
    ) -> None:
        self.model, self.epochs, self.loader, self.valid = model, epochs, loader, valid
        # Checkpoints last: what the others learn from an epoch must be in its file.
        self.callbacks = sorted(callbacks, key=lambda callback: isinstance(callback, Checkpoint))
        self.history: list[dict[str, float]] = []
        self.logs: dict[str, float] = {}
        self.total_steps = 0
        self.stop = False
        self._sum = 0.0  # of this epoch's losses

    @property
    def epoch(self) -> int:
        """The number of the present epoch, from 0."""
        return len(self.history)

    @property
    def step(self) -> int:
        """How many steps of the epoch are done."""
        return self.loader.position

    @property
    def steps(self) -> int:
        """How many steps an epoch has."""
        return len(self.loader)

    def run(self) -> list[dict[str, float]]:
        """Train to the end; the logs of each epoch."""
        self._tell("on_train_begin")
        while self.epoch < self.epochs and not self.stop:
            self._epoch()
        self._tell("on_train_end")
        return self.history

    def _epoch(self) -> None:
        self._tell("on_epoch_begin")
        for batch in self.loader:
            self._sum += float(self.model.train_step(*batch))
            self.total_steps += 1
            self.logs = {"loss": self._sum / self.step}
            self._tell("on_step_end")
            if self.stop:
                return
        if self.valid is not None:
            self.logs |= {f"valid_{name}": value for name, value in self.model.eval(self.valid).items()}
        self.history.append(self.logs)
        self._sum = 0.0
        self._tell("on_epoch_end")

    def _tell(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the run's checkpoint."""
        arrays = {
            f"{part}.{name}": value.asnumpy()
            for part, cell in self._cells().items()
            for name, value in cell.state_dict().items()
        }
        arrays["random"] = STATE.asnumpy()
        state = {
            "format": FORMAT,
            "loader": self.loader.state_dict(),
            "history": self.history,
            "total_steps": self.total_steps,
            "sum": self._sum,
            "stop": self.stop,
            "callbacks": {name: callback.state_dict() for name, callback in self._named_callbacks().items()},
        }
        serialise.write(path, arrays, {"run": json.dumps(state)})

    def load(self, path: str | os.PathLike[str]) -> None:
        """Go on where the checkpoint was written.

        Raises:
            CheckpointError: it is damaged, no checkpoint of a run, or of another network, optimiser or
            dataset.
        """
        arrays, metadata = serialise.read(path)
        try:
            state = json.loads(metadata["run"])
            known = state["format"] == FORMAT
        except (KeyError, ValueError) as error:
            raise CheckpointError(f"{path} is no checkpoint of a training run: {error!r}") from None
        if not known:
            raise CheckpointError(f"{path} has format {state['format']}; this version reads {FORMAT}")
        for part, cell in self._cells().items():
            start = f"{part}."
            cell.load_state_dict({n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)})
        STATE.assign(np.array(arrays["random"]))
        self.loader.load_state_dict(state["loader"])
        self.history, self.total_steps = state["history"], state["total_steps"]
        self._sum, self.stop = state["sum"], state["stop"]
        for name, callback in self._named_callbacks().items():
            if name in state["callbacks"]:
                callback.load_state_dict(state["callbacks"][name])

    def _cells(self) -> dict[str, Cell]:
        model = self.model
        parts = {"network": model.network, "optimizer": model.optimizer, "scaler": model.loss_scaler}
        parts |= {name: callback.cell() for name, callback in self._named_callbacks().items()}
        return {name: cell for name, cell in parts.items() if cell is not None}

    def _named_callbacks(self) -> dict[str, Callback]:
        """By class, and numbered within it."""
        names: dict[str, Callback] = {}
        for callback in self.callbacks:
            kind = type(callback).__name__
            names[f"{kind}{sum(type(other).__name__ == kind for other in names.values())}"] = callback
        return names
