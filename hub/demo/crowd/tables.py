"""The tables that work goes into, in the order in which they are written."""

from __future__ import annotations

from hub.bench.models import Attempt, Job, Measurement, Verdict
from hub.claims.models import Claim
from hub.community.models import Post
from hub.demo.crowd.rows import Table
from hub.pulls.models import MergeAttempt, PatchSet, PullRequest, Review
from hub.rewards.models import Reward


class Tables:
    def __init__(self) -> None:
        self.claim = Table(
            Claim,
            "task_id",
            "user_id",
            "state",
            "slot",
            "proposal",
            "requested_at",
            "active_since",
            "last_activity_at",
            "pushed_at",
            "ended_at",
        )
        self.pull = Table(
            PullRequest,
            "task_id",
            "author_id",
            "topic",
            "title",
            "opened_at",
            "state",
            "ended_at",
            "merged_sha",
        )
        self.patch = Table(
            PatchSet, "pull_id", "number", "head_sha", "base_sha", "revision_id", "subject", "pushed_at"
        )
        self.review = Table(Review, "patch_set_id", "reviewer_id", "kind", "body", "at")
        self.merge = Table(
            MergeAttempt, "patch_set_id", "by_id", "state", "main_sha", "merge_sha", "at", "ended_at"
        )
        self.job = Table(
            Job,
            "id",
            "patch_set_id",
            "revision_id",
            "merge_attempt_id",
            "kind",
            "hardware_class",
            "priority",
            "state",
            "queued_at",
            "ended_at",
            "settled_at",
        )
        self.attempt = Table(
            Attempt,
            "id",
            "job_id",
            "worker_id",
            "number",
            "state",
            "token_digest",
            "started_at",
            "heard_at",
            "lease_until",
            "ended_at",
            "phase",
        )
        self.verdict = Table(
            Verdict,
            "job_id",
            "attempt_id",
            "outcome",
            "reason",
            "reason_args",
            "cases",
            "ratio",
            "low",
            "high",
            "speed",
            "stopped",
            "environment",
            "log",
            "seconds",
            "artefact_sha256",
            "at",
        )
        self.measurement = Table(
            Measurement,
            "verdict_id",
            "case",
            "ratio",
            "low",
            "high",
            "speed",
            "baseline_seconds",
            "candidate_seconds",
            "roofline_percent",
            "calls_per_sample",
            "pairs",
        )
        self.reward = Table(Reward, "user_id", "kind", "points", "pull_id", "dedupe_key", "at")
        self.post = Table(Post, "task_id", "author_id", "thread_id", "body", "at")
        self.tables = [
            self.claim,
            self.pull,
            self.patch,
            self.review,
            self.merge,
            self.job,
            self.attempt,
            self.verdict,
            self.measurement,
            self.reward,
            self.post,
        ]
