"""What must hold when every job has ended, whatever was done to the hub meanwhile.

Each function gives sentences about what does not hold; none is the aim. Not in charge of doing anything.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from bench_runner.sandbox.backends import Hierarchies, our_folder
from bench_runner.sandbox.slots import FIRST_UID, UIDS_A_SLOT, run_folder
from tests.chaos.ledger import Fate
from tests.chaos.times import DEAF_AFTER_SECONDS
from tests.whole import WholeHub

ATTEMPTS = 3
CLEARED_SECONDS = 20
LOGGED_SECONDS = 30
FACTS = """
import json
from hub.bench.alarms import alarms
from bench_runner.contract import JobKind
from hub.accounts.models import User
from hub.bench.quotas import a_day
from hub.pulls.models import PullRequest
used = {}
for user in User.objects.filter(username__startswith="chaos-"):
    pull = PullRequest.objects.filter(author=user).first()
    if pull is not None:
        job = pull.patch_sets.get().jobs.first()
        used[user.username] = a_day(pull.task, user, JobKind.CHECK, job.hardware_class).used
print(json.dumps({"used": used, "alarms": [alarm.about for alarm in alarms()]}))
"""
JOBS = """
SELECT patch.head_sha, job.id, job.state, job.kind, verdict.outcome
FROM bench_job job JOIN pulls_patchset patch ON patch.id = job.patch_set_id
LEFT JOIN bench_verdict verdict ON verdict.job_id = job.id
"""
ABANDONED = "SELECT id FROM bench_job WHERE state = 'abandoned'"
GIVEN_UP = """
SELECT patch.head_sha, job.id, attempt.id, attempt.fault
FROM bench_attempt attempt JOIN bench_job job ON job.id = attempt.job_id
JOIN pulls_patchset patch ON patch.id = job.patch_set_id
WHERE job.state = 'abandoned' AND job.kind = 'check' ORDER BY attempt.number
"""


@dataclass(frozen=True)
class Expected:
    """What was pushed, and the outcome that its check must have."""

    username: str
    outcome: str
    hunted: bool = False  # whoever judges it is killed, each time


def fates(hub: WholeHub) -> dict[str, Fate]:
    rows = hub.rows(
        "SELECT attempt.id, attempt.state, job.state FROM bench_attempt attempt "
        "JOIN bench_job job ON job.id = attempt.job_id"
    )
    return {attempt: Fate(state, job) for attempt, state, job in rows}


def one_end_each(hub: WholeHub, pushed: Mapping[str, Expected]) -> Iterator[str]:
    """Every push was checked once, and ended in its verdict or was abandoned after three faults."""
    checks: dict[str, list[tuple[str, str, str]]] = {sha: [] for sha in pushed}
    for sha, job, state, kind, outcome in hub.rows(JOBS):
        if kind == "check":
            checks.setdefault(sha, []).append((job, state, outcome))
    for sha, jobs in checks.items():
        if sha not in pushed:
            yield f"{sha}: judged, but nobody pushed it"
        elif len(jobs) != 1:
            yield f"{sha}: {len(jobs)} check jobs"
        else:
            yield from _right_end(pushed[sha], *jobs[0])
    for sha, job, state, kind, outcome in hub.rows(JOBS):
        if state not in ("finished", "abandoned"):
            yield f"{kind} job {job} of {sha}: still {state}"
        elif (outcome is None) is (state == "finished"):
            yield f"{kind} job {job} of {sha}: {state} with verdict {outcome}"


def _right_end(expected: Expected, job: str, state: str, outcome: str) -> Iterator[str]:
    if expected.hunted and state != "abandoned":
        yield f"job {job}: {state} {outcome}, though whoever judged it was killed each time"
    elif state == "finished" and outcome != expected.outcome:
        yield f"job {job}: the verdict is {outcome}, it must be {expected.outcome}"


def attempts_add_up(hub: WholeHub) -> Iterator[str]:
    """A finished job has one delivered attempt, an abandoned one three faults, each with its reason."""
    states: dict[str, list[tuple[str, str]]] = {}
    for job, state, fault in hub.rows("SELECT job_id, state, fault FROM bench_attempt ORDER BY number"):
        states.setdefault(job, []).append((state, fault))
    for _, job, state, _, _ in hub.rows(JOBS):
        found = states.get(job, [])
        delivered = sum(one == "delivered" for one, _ in found)
        if any(one in ("lost", "infra_error") and not fault for one, fault in found):
            yield f"job {job}: an attempt failed without a reason"
        if state == "finished" and delivered != 1:
            yield f"job {job}: finished with {delivered} delivered attempts"
        if state == "abandoned" and (delivered or len(found) != ATTEMPTS):
            yield f"job {job}: abandoned after {len(found)} attempts, {delivered} of them delivered"
    if rows := hub.rows("SELECT id FROM bench_attempt WHERE state = 'open'"):
        yield f"attempts still open: {rows}"


def given_up_only_if_struck(hub: WholeHub, pushed: Mapping[str, Expected], struck: set[str]) -> Iterator[str]:
    """A job that nobody hunts may be hit three times by chance, but not be given up with none of it hit."""
    jobs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for sha, job, attempt, fault in hub.rows(GIVEN_UP):
        jobs.setdefault((sha, job), []).append((attempt, fault))
    for (sha, job), attempts in jobs.items():
        if not pushed[sha].hunted and not any(attempt in struck for attempt, _ in attempts):
            yield f"job {job}: abandoned, though nothing struck it: {[fault for _, fault in attempts]}"


def refusals_are_booked(hub: WholeHub, late_or_second: int) -> Iterator[str]:
    booked = hub.count("SELECT count(*) FROM audit_event WHERE verb = 'result.refused'")
    if booked < late_or_second:
        yield f"{late_or_second} results came late or twice, {booked} refusals are booked"


def as_the_hub_sees_it(hub: WholeHub) -> Iterator[str]:
    """Quotas and alarms, computed by the hub's own code."""
    printed = hub.manage("shell", "--verbosity", "0", "--command", FACTS).stdout.strip().splitlines()
    facts = json.loads(printed[-1])
    yield from _quotas_are_not_charged(hub, facts["used"])
    yield from _what_was_given_up_rings(hub, set(facts["alarms"]))


def _what_was_given_up_rings(hub: WholeHub, alarms: set[str]) -> Iterator[str]:
    given_up = [f"job {UUID(job)} abandoned" for (job,) in hub.rows(ABANDONED)]
    yield from (f"{about}, but no alarm tells of it" for about in given_up if about not in alarms)
    # Rounds of the sweeper write the log, and the last job may have been given up a moment ago.
    until = time.monotonic() + LOGGED_SECONDS
    while (untold := _not_in_the_log(hub, given_up)) and time.monotonic() < until:
        time.sleep(0.2)
    yield from (f"{about}, but the log does not tell of it" for about in untold)


def _not_in_the_log(hub: WholeHub, given_up: list[str]) -> list[str]:
    logged = (hub.place.log_dir / "jobs.log").read_text(errors="replace")
    return [about for about in given_up if f"ALARM {about}" not in logged]


def every_worker_hears(hub: WholeHub) -> Iterator[str]:
    for name, answered in hub.rows(
        "SELECT name, answered_at FROM bench_worker WHERE unanswered_since < ?", _ago()
    ):
        yield f"{name} is deaf: it last answered at {answered}"


def _ago() -> str:
    return str(datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=DEAF_AFTER_SECONDS))


def _quotas_are_not_charged(hub: WholeHub, used: Mapping[str, int]) -> Iterator[str]:
    """A check counts once however often it was tried, and not at all when it was abandoned."""
    wanted = dict(
        hub.rows(
            "SELECT person.username, sum(job.state != 'abandoned') FROM bench_job job "
            "JOIN pulls_patchset patch ON patch.id = job.patch_set_id "
            "JOIN pulls_pullrequest pull ON pull.id = patch.pull_id "
            "JOIN accounts_user person ON person.id = pull.author_id "
            "WHERE job.kind = 'check' GROUP BY person.username"
        )
    )
    for name, count in wanted.items():
        if used.get(name) != count:
            yield f"{name}: {used.get(name)} checks are counted, {count} were judged"


def wait_for_clearing(slots: set[int]) -> None:
    """Idle workers clear with each canary what killed ones left in slots that nobody holds."""
    until = time.monotonic() + CLEARED_SECONDS
    while time.monotonic() < until and any(left_in(slot) for slot in slots if not is_held(slot)):
        time.sleep(0.5)


def is_held(slot: int) -> bool:
    with open(run_folder() / f"slot-{slot}.lock", "rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def nothing_runs(hub: WholeHub, slots: set[int]) -> Iterator[str]:
    """No process, control group, mount or folder of the workers, which have been stopped."""
    mark = f"WORKER_DATA_DIR={hub.folder}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "environ").read_bytes():
                yield f"process {process.name} of a worker still runs"
    for slot in slots:
        if not is_held(slot):  # else it is another worker's by now
            yield from left_in(slot)


def left_in(slot: int) -> list[str]:
    """Processes, control groups and mounts of guests of a slot."""
    uids = {FIRST_UID + slot * UIDS_A_SLOT + number for number in range(UIDS_A_SLOT)}
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # One without a command line is dead and waits to be buried, by whatever is init here.
            if process.stat().st_uid in uids and (command := (process / "cmdline").read_bytes()):
                left.append(f"process {process.name} of a guest still runs: {command!r}")
    found = Hierarchies.of_this_machine()
    for hierarchy in {*found.v1.values(), *([found.v2] if found.v2 else [])}:
        groups = (hierarchy / our_folder()).glob(f"{os.geteuid()}.{slot}-*")
        left += [f"control group {group} is left" for group in groups]
    if f" {run_folder() / f'slot-{slot}'}" in Path("/proc/self/mounts").read_text():
        left.append(f"slot {slot} is still mounted")
    return left
