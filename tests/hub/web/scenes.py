"""A pull request in each stage and with each outcome, made by the real actions.

Not in charge of people or repositories (`tests/hub/story.py`).
"""

from __future__ import annotations

from bench_runner.contract import CaseResult, Outcome, Phase
from bench_runner.messages import REASONS
from hub import flow
from hub.bench import actions as bench
from hub.bench.models import Job
from hub.pulls import actions as pulls
from hub.pulls.models import PatchSet, PullRequest
from tests import people
from tests.hub.story import Story, attempt_id, event

STAGES = (
    "draft", "checking", "failing", "needs_review", "changes_requested", "approved", "merging", "merged",
    "closed", "platform_trouble",
)  # fmt: skip
FAILING = [outcome for outcome in Outcome if outcome is not Outcome.PASSED]


def in_stage(stage: str, story: Story, cast: people.Cast) -> PullRequest:
    """alice's pull request, brought to that stage."""
    story.worker()
    subject = "WIP: not ready" if stage == "draft" else "Make it fast"
    patch_set = story.push(cast.alice, subject=subject)
    pull = patch_set.pull
    if stage == "checking":
        return running(story, patch_set)
    if stage == "platform_trouble":
        return abandoned(story, patch_set)
    if stage == "failing":
        story.run(story.live()[0], "wrong_answer", reason="wrong_value", cases=[CaseResult("one", False)])
        return pull
    story.run_all()
    if stage == "changes_requested":
        pulls.review(patch_set, cast.mei, "changes", "Please look at the tail.")
    if stage in ("approved", "merging", "merged"):
        pulls.review(patch_set, cast.mei, "approve", "Good.")
    if stage in ("merging", "merged"):
        flow.merge(pull, cast.max)
    if stage == "merged":
        story.run_all()
    if stage == "closed":
        flow.close(pull, cast.alice)
    pull.refresh_from_db()
    return pull


def running(story: Story, patch_set: PatchSet) -> PullRequest:
    """Its check runs: built, two cases in."""
    spec = story.claim(story.live(patch_set=patch_set)[0])
    said = [
        event(1, phase=Phase.BUILDING, text="gcc -O3 solution.c"),
        event(2, phase=Phase.CHECKING, case="empty", ok=True, done=1, total=5),
        event(3, phase=Phase.CHECKING, case="one", ok=False, done=2, total=5),
    ]
    bench.heartbeat(attempt_id(spec), spec.token, said)
    return patch_set.pull


def timing(story: Story, patch_set: PatchSet) -> PullRequest:
    """Its check passed and its timing runs: pair 3 of 10, 1.25 times as fast so far."""
    story.run(story.live(patch_set=patch_set)[0])
    spec = story.claim(story.live(patch_set=patch_set)[0])
    said = [
        event(1, phase=Phase.BUILDING),
        event(2, phase=Phase.TIMING, done=3, total=10, note={"ratio": 1.25}),
    ]
    bench.heartbeat(attempt_id(spec), spec.token, said)
    return patch_set.pull


def abandoned(story: Story, patch_set: PatchSet) -> PullRequest:
    while jobs := list(Job.objects.filter(patch_set=patch_set, state__in=Job.moves.live)):
        spec = story.claim(jobs[0])
        flow.attempt_failed(attempt_id(spec), spec.token, "no <b>cgroup</b>")
    return patch_set.pull


def with_outcome(outcome: Outcome, story: Story, cast: people.Cast) -> PullRequest:
    """alice's pull request with that verdict, for the first reason that leads to it."""
    story.worker()
    patch_set = story.push(cast.alice)
    reason = next(reason for reason in REASONS.values() if reason.outcome is outcome)
    args = {name: f"<{name}>" for name in reason.args}
    story.run(story.live()[0], outcome.value, reason=reason.id, reason_args=args)
    return patch_set.pull
