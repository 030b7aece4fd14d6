"""Every failure of the judge that is ours and not the contributor's, drawn as a tree.

Not in charge of verdicts: what is wrong with a contribution is an `Outcome` with a reason (`messages.py`).

    JudgeError
    ├── InfrastructureFault     the attempt cannot go on; the hub queues the job again, nobody is blamed
    │   ├── SandboxUnavailable  no sandbox could be made; the text carries the cure
    │   ├── CardUnhealthy       the card does not do what every card does; the text carries the cure
    │   └── HubUnreachable      the hub did not answer, after all retries
    ├── BadOutput               the guest left what we refuse to read; the director makes it a verdict
    ├── AttemptLost             the hub took the attempt away, or gave the job to somebody else
    ├── HubRefused              the hub understood and said no (4xx): a wrong token, an unknown job
    └── ConfigError             a setting is missing or wrong; the text says what to do
"""

from __future__ import annotations


class JudgeError(Exception):
    """Base of the tree above."""


class InfrastructureFault(JudgeError):
    """Our machine failed. `what` is one sentence for the maintainer, shown on the attempt."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class SandboxUnavailable(InfrastructureFault):
    """A sandbox cannot be made or did not start; the sentence ends with what to do."""


class CardUnhealthy(InfrastructureFault):
    """The card does not do what every card does; the worker takes no job until it does."""

    def __init__(self, what: str) -> None:
        cure = "look at `nvidia-smi -q` and the kernel's log for Xid, reset the card or restart the machine"
        super().__init__(f"the card is not fit for work: {what}: {cure}")


class HubUnreachable(InfrastructureFault):
    """No answer from the hub although it was asked again and again."""


class BadOutput(JudgeError):
    """What the guest left under `/out` breaks a rule: `reason` is one of REASONS, `name` the file."""

    REASONS = (
        "missing", "link", "not_regular", "hard_link", "sparse", "too_big", "unreadable", "extra", "folder",
        "too_many",
    )  # fmt: skip

    def __init__(self, reason: str, name: str) -> None:
        super().__init__(f"output {name!r}: {reason}")
        self.reason = reason
        self.name = name


class AttemptLost(JudgeError):
    """Somebody else has the job, or the hub ended the attempt: drop it, the contributor hears nothing."""


class HubRefused(JudgeError):
    """The hub answered 4xx; asking again would not help."""

    def __init__(self, status: int, path: str, text: str) -> None:
        super().__init__(f"{path}: {status}: {text}")
        self.status = status


class ConfigError(JudgeError):
    """A setting does not fit; the text names it, its value, what is allowed and what to do."""
