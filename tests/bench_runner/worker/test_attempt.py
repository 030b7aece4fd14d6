"""From claim to delivery: exactly one message for every attempt, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from bench_runner import attempt as attempt_module
from bench_runner import reporter as reporter_module
from bench_runner import turns
from bench_runner.attempt import Attempts
from bench_runner.client import HubClient
from bench_runner.config import Config
from bench_runner.contract import JobKind, JobSpec, Outcome, Phase, ProgressEvent, Result
from bench_runner.errors import InfrastructureFault
from bench_runner.failure import Cancelled
from bench_runner.fingerprint import Machine
from bench_runner.fitness import Fitness
from bench_runner.sandbox import Sandbox
from bench_runner.spool import KEEP_SECONDS, Spool
from bench_runner.workspace import Revision
from tasks.spec import ROOT, read_folder
from tests.bench_runner.worker.hub_double import TOKEN, HubDouble, wait_for
from tests.bench_runner.worker.sandbox_double import SandboxDouble

RESULT = Result(Outcome.WRONG_ANSWER, "wrong_values")
FILES = read_folder(ROOT / "vector-add")

JUDGING = """
import pathlib, sys, time
from bench_runner.spool import Spool
spool = Spool(pathlib.Path(sys.argv[1]))
with spool.unless_finished("/api/worker/attempts/a/fault", "t", {"what": "killed"}):
    print("judging", flush=True)
    time.sleep(60)
"""

Job = Callable[[JobSpec, Callable[[ProgressEvent], None], Callable[[], bool]], Result]


@pytest.fixture
def judging(hub: HubDouble, tmp_path: Path, sandbox: SandboxDouble) -> Callable[[Job], None]:
    """Run job `j` with this in the judge's place."""
    config = Config(hub.url, "redis://unused", TOKEN, "w", tmp_path)
    hub.add_job("j", "vector-add", FILES, {"solution.c": b"x"})

    def judging(job: Job) -> None:
        def judge(
            spec: JobSpec, revision: Revision, sandbox: Sandbox, machine: Machine, report: Any, cancelled: Any
        ) -> Result:
            assert revision.task.slug == "vector-add"
            return job(spec, report, cancelled)

        Attempts(config, cast(Sandbox, sandbox), cast(Machine, None), Fitness(), judge).run("j")

    return judging


def fails(error: BaseException) -> Job:
    def job(*_: object) -> Result:
        raise error

    return job


def test_a_result_is_delivered_after_all_its_events(
    hub: HubDouble, judging: Callable[[Job], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporter_module, "EVENTS_A_BEAT", 2)

    def job(spec: JobSpec, report: Callable[[ProgressEvent], None], cancelled: Callable[[], bool]) -> Result:
        for number in range(1, 6):
            report(ProgressEvent(number, time.time(), Phase.CHECKING, f"step {number}"))
        return RESULT

    judging(job)
    assert [event["seq"] for event in hub.events] == [1, 2, 3, 4, 5]
    assert Result.from_json(hub.results[0]) == RESULT
    assert hub.faults == []
    assert hub.requests[-1].endswith("/result")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InfrastructureFault("the disk is full"), "the disk is full"),
        (ZeroDivisionError("nobody foresaw this"), "ZeroDivisionError: nobody foresaw this"),
        (SoftTimeLimitExceeded(), "took longer than 540 s"),
    ],
    ids=["known", "unforeseen", "soft limit"],
)
def test_our_failure_is_reported_as_ours(
    hub: HubDouble,
    judging: Callable[[Job], None],
    sandbox: SandboxDouble,
    error: BaseException,
    words: str,
) -> None:
    judging(fails(error))
    assert sandbox.cleared == 1  # whatever the exception left of a guest
    assert hub.results == []
    assert len(hub.faults) == 1
    assert words in hub.faults[0]


def test_sigterm_ends_the_attempt_and_the_hub_hears_why(
    hub: HubDouble, judging: Callable[[Job], None]
) -> None:
    def job(*_: object) -> Result:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
        return RESULT

    before = signal.getsignal(signal.SIGTERM)
    judging(job)
    assert hub.faults == ["the worker was stopped"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_cancelled_attempt_says_nothing_more(hub: HubDouble, judging: Callable[[Job], None]) -> None:
    hub.cancelled = True

    def job(spec: JobSpec, report: object, cancelled: Callable[[], bool]) -> Result:
        wait_for(cancelled)
        raise Cancelled

    judging(job)
    assert (hub.results, hub.faults) == ([], [])


def test_a_lost_race_judges_nothing(hub: HubDouble, judging: Callable[[Job], None]) -> None:
    hub.claimed.append("j")
    judging(fails(AssertionError("must not be called")))
    assert hub.requests == ["POST /api/worker/jobs/j/claim"]


def test_a_late_result_is_dropped_quietly(
    hub: HubDouble, judging: Callable[[Job], None], tmp_path: Path
) -> None:
    hub.refuse["result"] = 409
    judging(lambda *_: RESULT)
    assert hub.faults == []
    assert not list((tmp_path / "spool").glob("*"))


def test_a_result_that_the_hub_cannot_read_becomes_a_fault(
    hub: HubDouble, judging: Callable[[Job], None]
) -> None:
    hub.refuse["result"] = 400
    judging(lambda *_: RESULT)
    assert "the hub refused the result" in hub.faults[0]


def test_what_cannot_be_delivered_is_kept_and_delivered_later(
    hub: HubDouble, judging: Callable[[Job], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_module, "PATIENCE_SECONDS", 0.05)

    def job(*_: object) -> Result:
        hub.broken = 10**6
        return RESULT

    judging(job)
    letters = list((tmp_path / "spool").glob("*.json"))
    assert len(letters) == 1
    assert letters[0].stat().st_mode & 0o077 == 0  # it holds the attempt's token
    hub.broken = 0
    client = HubClient(hub.url, TOKEN)
    assert Spool(tmp_path / "spool").deliver(client) == 1
    client.close()
    assert Result.from_json(hub.results[0]) == RESULT
    assert hub.authorizations[-1] == "Bearer token-j"
    assert not list((tmp_path / "spool").glob("*.json"))


def test_the_death_of_the_judging_process_is_reported_by_whoever_lives_on(
    hub: HubDouble, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", JUDGING, str(tmp_path)]
    client = HubClient(hub.url, TOKEN)
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT.parent) as judging:
        assert judging.stdout is not None
        judging.stdout.readline()
        assert Spool(tmp_path).deliver(client) == 0  # it lives: nothing to say
        judging.kill()
    assert Spool(tmp_path).deliver(client) == 1
    assert Spool(tmp_path).deliver(client) == 0
    client.close()
    assert hub.faults == ["killed"]


def test_a_finished_attempt_leaves_nothing_to_report(
    hub: HubDouble, judging: Callable[[Job], None], tmp_path: Path
) -> None:
    during: list[Path] = []

    def job(*_: object) -> Result:
        during.extend((tmp_path / "spool").glob("*.open"))
        return RESULT

    judging(job)
    assert len(during) == 1
    assert not list((tmp_path / "spool").iterdir())


def test_a_letter_that_is_too_old_refused_or_damaged_is_dropped(hub: HubDouble, tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.put("/api/worker/attempts/a/result", "t", {})
    old = next(tmp_path.glob("*.json"))
    old.write_text(old.read_text().replace('"at": ', f'"at": -{KEEP_SECONDS}'))
    spool.put("/api/worker/attempts/b/fault", "t", {"what": "x"})
    (tmp_path / "damaged.json").write_text("{")
    hub.refuse["fault"] = 409
    client = HubClient(hub.url, TOKEN)
    assert spool.deliver(client) == 0
    client.close()
    assert hub.requests == ["POST /api/worker/attempts/b/fault"]
    assert not list(tmp_path.glob("*.json"))


def test_a_revision_is_fetched_once_and_again_when_it_was_damaged(
    hub: HubDouble, judging: Callable[[Job], None], tmp_path: Path
) -> None:
    judging(lambda *_: RESULT)
    hub.claimed.clear()
    judging(lambda *_: RESULT)
    fetches = [request for request in hub.requests if request.startswith("GET")]
    assert len(fetches) == 1
    stored = next((tmp_path / "revisions").glob("*/vector-add/reference.py"))
    stored.write_text("tampered")
    hub.claimed.clear()
    judging(lambda *_: RESULT)
    assert stored.read_bytes() == FILES["reference.py"]
    assert len(hub.results) == 3


def test_files_of_another_digest_are_refused(hub: HubDouble, judging: Callable[[Job], None]) -> None:
    hub.revisions = {digest: {"other": b""} for digest in hub.revisions}
    judging(lambda *_: RESULT)
    assert "the hub sent files of digest" in hub.faults[0]


def test_rank_jobs_of_one_machine_take_turns(
    hub: HubDouble, judging: Callable[[Job], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(turns, "run_folder", lambda: tmp_path)
    hub.jobs["j"] = JobSpec.from_json({**hub.jobs["j"].to_json(), "kind": JobKind.RANK.value})
    hub.cancelled = True
    with turns.measuring_turn(lambda: False):
        judging(fails(AssertionError("must wait for its turn")))  # and is cancelled while it waits
    assert (hub.results, hub.faults) == ([], [])
    hub.claimed.clear()
    hub.cancelled = False
    judging(lambda *_: RESULT)
    assert len(hub.results) == 1
