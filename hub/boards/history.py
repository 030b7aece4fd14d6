"""How a board came to be as it is: each artefact when it was first timed, and which were records.

A record is a confirmed entry whose interval lay wholly above that of the record before it; the first
confirmed one is a record too. So two entries that share a first place today were not two records. What has
fallen off the board is in no history either: records, like ranks, are computed from what stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from hub.accounts.models import User
from hub.bench.models import Verdict
from hub.boards.queries import Board
from hub.boards.runs import ratio_of
from hub.pulls.models import PullRequest


@dataclass(frozen=True)
class Moment:
    """An artefact's first timing, with what its runs say today."""

    at: datetime
    user: User
    pull: PullRequest
    verdict: Verdict
    ratio: float
    low: float
    high: float
    confirmed: bool
    is_record: bool


def history(board: Board) -> list[Moment]:
    """Oldest first."""
    moments: list[Moment] = []
    to_beat = 0.0
    for candidate in sorted(board.standing, key=lambda one: one.runs[0].at):
        shown = candidate.shown
        is_record = candidate.confirmed and (shown.low or 0) > to_beat
        to_beat = (shown.high or 0) if is_record else to_beat
        moments.append(
            Moment(
                at=candidate.runs[0].at,
                user=shown.job.patch_set.pull.author,
                pull=shown.job.patch_set.pull,
                verdict=shown,
                ratio=ratio_of(shown),
                low=shown.low or 0.0,
                high=shown.high or 0.0,
                confirmed=candidate.confirmed,
                is_record=is_record,
            )
        )
    return moments


def record_of(moments: list[Moment]) -> Moment | None:
    """The record as it stands."""
    return next((moment for moment in reversed(moments) if moment.is_record), None)
