"""The conversation of a pull request as lines to show: who did what to which patch set, in whose words.

Not in charge of collecting what happened (`hub/pulls/queries.timeline`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench_runner.contract import JobKind, Outcome
from hub.accounts.models import User
from hub.pulls.models import MergeAttempt, Review
from hub.pulls.queries import ItemKind, Rows, TimelineItem, timeline
from hub.web.plain import plain_line
from hub.web.threads import Thread

TONES = {
    Review.Kind.APPROVE: "good",
    Review.Kind.CHANGES: "bad",
    MergeAttempt.State.LANDED: "gold",
    MergeAttempt.State.CONFLICT: "bad",
    MergeAttempt.State.REFUSED: "bad",
}


@dataclass(frozen=True)
class Line:
    kind: str
    at: datetime
    actor: User | None
    patch_set: int | None
    subject: Any
    tone: str = ""
    threads: list[Thread] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)  # that do not merge
    is_stale: bool = False  # a review of an older patch set: it no longer counts


def lines(rows: Rows, threads: Iterable[Thread]) -> list[Line]:
    """Oldest first; remarks on lines stand with the review they came with, answers with their remark."""
    by_review: dict[int, list[Thread]] = defaultdict(list)
    alone: dict[int, Thread] = {}
    for thread in threads:
        by_review[thread.root.review_id or 0].append(thread)
        alone[thread.root.pk] = thread
    current = rows.current.number if rows.current else 0
    return [_line(item, by_review, alone, current) for item in timeline(rows)]


def _line(
    item: TimelineItem, by_review: dict[int, list[Thread]], alone: dict[int, Thread], current: int
) -> Line:
    line = {
        "kind": str(item.kind),
        "at": item.at,
        "actor": item.actor,
        "patch_set": item.patch_set,
        "subject": item.subject,
    }
    match item.kind:
        case ItemKind.VERDICT:
            return Line(**line, tone=_verdict_tone(item.subject))
        case ItemKind.REVIEW:
            stale = item.patch_set != current and item.subject.kind != Review.Kind.COMMENT
            tone = "" if stale else TONES.get(item.subject.kind, "")
            return Line(**line, tone=tone, threads=by_review[item.subject.pk], is_stale=stale)
        case ItemKind.COMMENT:
            return Line(**line, threads=[alone[item.subject.pk]])
        case ItemKind.MERGE:
            conflict = item.subject.state == MergeAttempt.State.CONFLICT
            paths = [plain_line(path) for path in item.subject.detail.split("\n") if path and conflict]
            return Line(**line, tone=TONES.get(item.subject.state, ""), paths=paths)
        case ItemKind.MERGED:
            return Line(**line, tone="gold")
    return Line(**line)


def _verdict_tone(verdict: dict[str, Any]) -> str:
    if verdict["outcome"] == Outcome.PASSED:
        return "good" if verdict["kind"] != JobKind.MERGE else "gold"
    return "" if verdict["outcome"] == Outcome.SUSPICIOUS else "bad"
