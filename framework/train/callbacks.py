"""What `Model.fit` tells others while it trains: progress, early stopping, checkpoints, and what you add.

A callback that remembers something (a best value, a counter) says so in `state_dict`, so that a resumed run
goes on exactly as the first would have.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.errors import ArgumentError
from framework.nn.cell import Cell
from framework.optim import ExponentialMovingAverage
from framework.train.progress import ProgressBar

if TYPE_CHECKING:
    from framework.train.fit import Run


class Callback:
    """Override what is of interest. `run` says where training is; set `run.stop` to end it."""

    def on_train_begin(self, run: Run) -> None:
        """Before the first step, or after a checkpoint was loaded."""

    def on_epoch_begin(self, run: Run) -> None:
        """Before the first step of an epoch, or of the rest of one."""

    def on_step_end(self, run: Run) -> None:
        """After a step; `run.logs` has the mean loss of the epoch so far."""

    def on_epoch_end(self, run: Run) -> None:
        """After the last step of an epoch and its validation; `run.epoch` is the next one already."""

    def on_train_end(self, run: Run) -> None:
        """After the last epoch, or when stopped."""

    def state_dict(self) -> dict[str, Any]:
        """What is to be remembered: values that JSON holds."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember it."""

    def cell(self) -> Cell | None:
        """A cell whose state belongs into the checkpoints."""
        return None


class Progress(Callback):
    """A progress bar for each epoch."""

    def on_epoch_begin(self, run: Run) -> None:
        self.bar = ProgressBar(f"epoch {run.epoch + 1}/{run.epochs}", run.steps)

    def on_step_end(self, run: Run) -> None:
        self.bar.update(run.step, run.logs)

    def on_epoch_end(self, run: Run) -> None:
        self.bar.finish(run.logs)


class EarlyStopping(Callback):
    """Stop once `monitor` has not become better by more than `min_delta` for `patience` epochs in a row.

    Raises:
        ArgumentError: `mode` is neither "min" nor "max", `patience` is below 1; after an epoch, there is no
        such number.
    """

    def __init__(
        self, monitor: str = "valid_loss", patience: int = 3, min_delta: float = 0.0, mode: str = "min"
    ) -> None:
        if mode not in ("min", "max") or patience < 1:
            raise ArgumentError(
                f"EarlyStopping: mode is {mode!r}, patience {patience}; 'min' or 'max', and 1 or more"
            )
        self.monitor, self.patience, self.min_delta, self.mode = monitor, patience, min_delta, mode
        self.best, self.waited = math.inf, 0

    def on_epoch_end(self, run: Run) -> None:
        if self.monitor not in run.logs:
            raise ArgumentError(f"EarlyStopping: no {self.monitor!r}; there are {', '.join(run.logs)}")
        value = run.logs[self.monitor] * (1 if self.mode == "min" else -1)
        if value < self.best - self.min_delta:
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        run.stop = run.stop or self.waited >= self.patience

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.waited = state["best"], state["waited"]


class Averaging(Callback):
    """Update an ExponentialMovingAverage after each step; evaluate inside `with average.averaged():`."""

    def __init__(self, average: ExponentialMovingAverage) -> None:
        self.average = average

    def on_step_end(self, run: Run) -> None:
        self.average.update()

    def cell(self) -> Cell:
        return self.average


class Checkpoint(Callback):
    """Write all that resuming needs after each epoch and, if given, every `every_steps` steps; keep the last
    `keep`.

    Files are `step-00001234.safetensors` in `directory`; `Checkpoint.latest(directory)` is the newest.

    Raises:
        ArgumentError: `every_steps` or `keep` is less than 1.
    """

    def __init__(self, directory: str | Path, every_steps: int | None = None, keep: int = 2) -> None:
        if keep < 1 or (every_steps is not None and every_steps < 1):
            raise ArgumentError(f"Checkpoint: every_steps is {every_steps}, keep {keep}; 1 or more is needed")
        self.directory, self.every_steps, self.keep = Path(directory), every_steps, keep

    def on_train_begin(self, run: Run) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)

    def on_step_end(self, run: Run) -> None:
        if self.every_steps and run.total_steps % self.every_steps == 0:
            self._save(run)

    def on_epoch_end(self, run: Run) -> None:
        self._save(run)

    def _save(self, run: Run) -> None:
        run.save(self.directory / f"step-{run.total_steps:08}.safetensors")
        for old in _files(self.directory)[: -self.keep]:
            old.unlink()

    @staticmethod
    def latest(directory: str | Path) -> Path | None:
        """The newest checkpoint of a folder; None where there is none."""
        files = _files(Path(directory))
        return files[-1] if files else None


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob("step-*.safetensors"))
