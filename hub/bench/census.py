"""Figures about queue, workers and verdicts, for monitoring: what is now, and what was in the last hour.

Counted anew from rows at each call, by indexes and not over all history: exact, the same whichever process
answers, and as quick with a million verdicts as with ten.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Min

from hub.bench import canaries, queries
from hub.bench.models import Attempt, Job, Verdict
from hub.core import clock

HOUR = timedelta(hours=1)
ATTEMPTS_READ = 20_000


@dataclass(frozen=True)
class Figure:
    """One number with its labels."""

    labels: dict[str, str]
    value: float


def live_jobs() -> dict[str, list[Figure]]:
    """`jobs` by class and state, and the age of the `oldest` queued one of each class, in seconds."""
    rows = Job.objects.filter(state__in=Job.moves.live).order_by().values("hardware_class", "state")
    found = list(rows.annotate(number=Count("pk"), since=Min("queued_at")))
    names = {row["hardware_class"] for row in found} | set(queries.hardware_classes())
    counted = {(row["hardware_class"], row["state"]): row for row in found}
    jobs = [
        Figure(
            {"hardware_class": name, "state": state},
            float(counted[name, state]["number"]) if (name, state) in counted else 0.0,
        )
        for name in sorted(names)
        for state in (Job.State.QUEUED.value, Job.State.RUNNING.value)
    ]
    now = clock.now()
    oldest = [
        Figure({"hardware_class": row["hardware_class"]}, (now - row["since"]).total_seconds())
        for row in found
        if row["state"] == Job.State.QUEUED
    ]
    return {"jobs": jobs, "oldest": oldest}


def verdicts() -> list[Figure]:
    """Of the last hour, by outcome."""
    rows = Verdict.objects.filter(at__gt=clock.now() - HOUR).order_by().values_list("outcome")
    return [Figure({"outcome": name}, float(number)) for name, number in rows.annotate(Count("pk"))]


def attempts() -> dict[str, list[Figure]]:
    """Begun in the last hour: `attempts` by worker and end; `waited` and `took`, quantiles of seconds."""
    recent = Attempt.objects.filter(started_at__gt=clock.now() - HOUR).order_by("-started_at")
    columns = ("worker__name", "state", "job__kind", "job__hardware_class")
    rows = recent.values_list(*columns, "job__queued_at", "started_at", "ended_at", "number")
    ended: Counter[tuple[str, str]] = Counter()
    waited, took = defaultdict(list), defaultdict(list)
    for worker, state, kind, name, queued, began, end, number in rows[:ATTEMPTS_READ]:
        ended[worker, state] += 1
        if number == 1:
            waited[kind, name].append((began - queued).total_seconds())
        if state == Attempt.State.DELIVERED:
            took[kind, name].append((end - began).total_seconds())
    counted = [Figure({"worker": worker, "state": state}, float(n)) for (worker, state), n in ended.items()]
    return {"attempts": counted, "waited": _quantiles(waited.items()), "took": _quantiles(took.items())}


def workers() -> dict[str, list[Figure]]:
    """Of each in service: `up` (heard), `taking` (would take a job), `silent` (seconds since heard)."""
    up = set(canaries.heard().values_list("pk", flat=True))
    taking = set(canaries.taking_jobs().values_list("pk", flat=True))
    found: dict[str, list[Figure]] = {"up": [], "taking": [], "silent": []}
    now = clock.now()
    for row in queries.workers():
        labels = {"worker": row.name, "hardware_class": row.hardware_class}
        found["up"].append(Figure(labels, float(row.pk in up)))
        found["taking"].append(Figure(labels, float(row.pk in taking)))
        if row.last_seen_at is not None:
            found["silent"].append(Figure(labels, (now - row.last_seen_at).total_seconds()))
    return found


def _quantiles(samples: Iterable[tuple[tuple[str, str], list[float]]]) -> list[Figure]:
    return [
        Figure({"kind": kind, "hardware_class": name, "quantile": str(q)}, _quantile(values, q))
        for (kind, name), values in samples
        for q in (0.5, 0.95)
    ]


def _quantile(values: list[float], q: float) -> float:
    """The smallest value that a share q of them does not exceed."""
    ranked = sorted(values)
    return ranked[math.ceil(q * len(ranked)) - 1]
