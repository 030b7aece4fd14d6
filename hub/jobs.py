"""The hub's own Celery tasks: the sweeper, which derives again all work that should exist and does not.

Not in charge of what the work is (`flow.py`). Everything here may run twice at once and any number of times.

A process may die between any two lines of the story. Whatever a row is left in, one of RULES looks after it;
`tests/hub/test_stuck.py` leaves a row behind in every live state of every transition table and sees it end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from celery import bootsteps

from hub import flow, freezing, honours, publishing, rejudging, reminding, telling
from hub.bench import actions as bench
from hub.bench import alarms, canaries, operating
from hub.bench import queries as bench_facts
from hub.celery import app
from hub.claims import actions as claims
from hub.claims.models import Claim
from hub.core.guard import each, guarded
from hub.notify import deliveries, digests
from hub.notify.actions import forget_old
from hub.pulls import queries as pull_facts
from hub.repos.models import Repository
from hub.rulings import queries as ruling_facts


@dataclass(frozen=True)
class Rule:
    """Looks after states (Model.state) in which a row could otherwise stay for ever."""

    covers: tuple[str, ...]
    run: Callable[[], int]


def _claim_stands_still(claim: Claim) -> bool:
    """The clock of a claim stands still while others are to move, and begins again from zero after that."""
    if not reminding.others_are_to_move(claim):
        return False
    claims.note_activity(claim.task, claim.user)
    return True


RULES: tuple[Rule, ...] = (
    # Attempts nobody hears of any more; jobs whose attempt is gone.
    Rule(("Attempt.open",), bench.reap),
    Rule(("Job.running",), bench.requeue_orphans),
    # Pushes whose end nobody saw; jobs nobody waits for; patch sets without the job that is due.
    Rule(
        ("PullRequest.open",),
        lambda: each(Repository.objects.select_related("task"), flow.branches_moved),
    ),
    Rule(
        ("PullRequest.closed",),
        lambda: each(bench_facts.superseded_jobs(), lambda job: bench.cancel_job(job, "nobody waits for it")),
    ),
    Rule(("PullRequest.open",), lambda: each(bench_facts.unjudged_patch_sets(), flow.judge)),
    # Examples of the house that only the rules before the current ones have judged.
    Rule(("PullRequest.open",), publishing.judge_examples_again),
    # Ends of jobs from which nothing followed yet; merges without a judge, or half landed.
    Rule(("Job.running",), lambda: each(bench_facts.unsettled_jobs(), flow.job_ended)),
    Rule(("MergeAttempt.testing",), lambda: each(pull_facts.merges_without_job(), flow.judge_merge)),
    Rule(("MergeAttempt.landing",), lambda: each(pull_facts.merges_landing(), flow.land)),
    # Sets of verdicts to be judged again whose jobs are not all queued or ended.
    Rule(("Rejudge.running",), lambda: each(ruling_facts.unfinished(), rejudging.advance)),
    # Claims whose time is over.
    Rule(("Claim.active",), lambda: claims.expire_due(_claim_stands_still, telling.expired)),
    # Mails and webhooks; the digests that are due come first.
    Rule(("Delivery.waiting",), lambda: digests.collect() + deliveries.send_due()),
    # Last, so that what was queued above is not woken twice.
    Rule(("Job.queued",), bench.wake_waiting),
)


def run_rules(*, reaping: bool = True) -> int:
    """Run every rule once; how many things were put right."""
    rules = [rule for rule in RULES if reaping or rule.run is not bench.reap]
    return sum(guarded(rule.run, ", ".join(rule.covers)) or 0 for rule in rules)


@app.task(name="hub.sweep")
def sweep() -> None:
    run_rules()
    guarded(honours.award_everybody, "badges")
    guarded(operating.retire_drained, "workers that leave")
    guarded(canaries.send_out, "canaries")
    guarded(alarms.tell, "alarms")
    guarded(freezing.follow_programmes, "boards of programmes")


@app.task(name="hub.remind")
def remind() -> None:
    """Once an hour: nobody waits for these to the minute."""
    guarded(reminding.remind, "reminders")
    guarded(forget_old, "what was told long ago")


class SweepAtStart(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Runs the rules once when the process has started, but calls nobody silent: the hub itself was away."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, parent: Any) -> None:
        run_rules(reaping=False)


app.steps["consumer"].add(SweepAtStart)
