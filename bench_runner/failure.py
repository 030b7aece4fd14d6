"""How a step of the judge ends an attempt early: with a reason from `messages.py`.

Not in charge of the words, nor of our own failures' class tree (`errors.py`).
"""

from __future__ import annotations

from typing import Any, NoReturn

from bench_runner.contract import Outcome
from bench_runner.errors import InfrastructureFault
from bench_runner.messages import REASONS


class Failed(Exception):
    """The contribution failed, for a reason that it is to blame for; the director makes it a result."""

    def __init__(self, reason: str, **args: Any) -> None:
        super().__init__(f"{reason}: {args}")
        outcome = REASONS[reason].outcome
        if outcome is None:
            raise ValueError(f"reason {reason!r} blames the platform: use fault()")
        self.outcome: Outcome = outcome
        self.reason = reason
        self.reason_args = args

    def forget_frames(self) -> None:
        """Let go of what the functions held that it came through: guests' memory, in a circle with itself."""
        failure: BaseException | None = self
        while failure is not None:
            failure.__traceback__ = None
            failure = failure.__context__


class Cancelled(Exception):
    """The hub no longer wants the result: a newer push, or an end by hand. Nothing is reported."""


def fault(reason: str, **args: Any) -> NoReturn:
    """Raise the infrastructure fault of a reason that blames our side.

    Raises:
        InfrastructureFault: always, with the English words.
    """
    words = REASONS[reason].words("en", args)
    raise InfrastructureFault(f"{words.what} {words.next}")
