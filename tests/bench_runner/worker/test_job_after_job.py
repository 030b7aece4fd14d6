"""One worker, job after job: what a fault, a full disk or a canary means for the jobs that follow."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from bench_runner import attempt as attempt_module
from bench_runner import spool as spool_module
from bench_runner import turns
from bench_runner.attempt import Attempts
from bench_runner.config import Config
from bench_runner.contract import Outcome, Result
from bench_runner.errors import CardUnhealthy, InfrastructureFault, SandboxUnavailable
from bench_runner.fingerprint import Machine
from bench_runner.fitness import Fitness
from bench_runner.sandbox import Sandbox
from bench_runner.spool import Spool
from tasks.spec import ROOT, read_folder
from tests.bench_runner.worker.hub_double import TOKEN, HubDouble
from tests.bench_runner.worker.sandbox_double import SandboxDouble

RESULT = Result(Outcome.WRONG_ANSWER, "wrong_values")
FILES = read_folder(ROOT / "vector-add")


class Several:
    """One worker, job after job."""

    def __init__(self, hub: HubDouble, sandbox: SandboxDouble, folder: Path) -> None:
        config = Config(hub.url, "redis://unused", TOKEN, "w", folder)
        self.hub, self.next = hub, RESULT
        self.now = 1000.0
        self.fitness = Fitness(lambda: self.now)
        self.attempts = Attempts(
            config, cast(Sandbox, sandbox), cast(Machine, None), self.fitness, self._judge
        )
        self.number = 0

    def _judge(self, *_: object) -> Result:
        if isinstance(self.next, Exception):
            raise self.next
        return self.next

    def run(self, ends: Result | Exception) -> None:
        self.next, self.number = ends, self.number + 1  # type: ignore[assignment]
        job = f"job-{self.number}"
        self.hub.add_job(job, "vector-add", FILES, {"solution.c": b"x"})
        self.attempts.run(job)


@pytest.fixture
def several(
    hub: HubDouble, sandbox: SandboxDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Several:
    monkeypatch.setattr(turns, "run_folder", lambda: tmp_path)  # a turn of this test's own
    return Several(hub, sandbox, tmp_path)


@pytest.mark.parametrize("fault", [SandboxUnavailable("no uid is free"), FileNotFoundError("cgroup.kill")])
def test_a_sandbox_that_failed_is_opened_anew_before_the_next_job(
    several: Several, sandbox: SandboxDouble, fault: Exception
) -> None:
    several.run(fault)
    assert sandbox.opened == 1
    several.run(RESULT)
    several.run(RESULT)
    assert sandbox.opened == 2
    assert len(several.hub.results) == 2


def test_a_card_that_is_not_fit_takes_no_job_until_it_works_again(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    sick = CardUnhealthy("Xid 79")
    monkeypatch.setattr(several.attempts, "_machine", SimpleNamespace(card=None))
    monkeypatch.setattr(attempt_module, "trouble", lambda card: sick.what)
    several.run(sick)
    assert several.hub.faults == [sick.what]
    several.run(RESULT)  # not claimed
    several.attempts.answer("canary")
    assert several.hub.results == []
    assert several.hub.canaries[0]["trouble"] == several.fitness.trouble == sick.what
    monkeypatch.setattr(attempt_module, "trouble", lambda card: "")
    several.run(RESULT)
    assert (len(several.hub.results), several.fitness.trouble) == (1, "")


def test_a_sandbox_that_cannot_be_cleared_loses_no_message(several: Several, sandbox: SandboxDouble) -> None:
    sandbox.trouble = FileNotFoundError("/sys/fs/cgroup/gone")
    several.run(InfrastructureFault("the disk is full"))
    assert several.hub.faults == ["the disk is full"]
    several.run(RESULT)  # no sandbox yet: the job is not claimed
    assert several.hub.results == []
    sandbox.trouble = None
    several.run(RESULT)
    assert len(several.hub.results) == 1


def test_a_worker_that_spoils_job_after_job_rests_and_says_so(several: Several) -> None:
    for _ in range(3):
        several.run(InfrastructureFault("the disk is full"))
    assert several.hub.faults[1] == "the disk is full"
    assert (
        "3 jobs in a row have failed because of this worker, it takes none for 60 s"
        in (several.hub.faults[-1])
    )
    several.run(RESULT)
    assert several.hub.results == []
    assert several.fitness.seconds_to_rest == 60
    several.now += 61
    several.run(InfrastructureFault("the disk is full"))
    assert "none for 120 s" in several.hub.faults[3]
    several.now += 121
    several.run(RESULT)
    several.run(InfrastructureFault("once only"))
    several.run(RESULT)
    assert len(several.hub.results) == 2


def test_a_worker_whose_judging_process_dies_over_job_after_job_rests_too(several: Several) -> None:
    for number in range(3):
        several.run(RESULT)
        several.fitness.fault(f"spoilt-{number}")
        several.fitness.fault(f"and-{number}")
        several.fitness.begin(f"killed-{number}")  # and then the process was gone
        several.run(RESULT)
        assert several.fitness.seconds_to_rest == 60
        several.now += 61
    assert len(several.hub.results) == 3


def test_the_process_that_judges_tells_its_parent_how_it_fares() -> None:
    fitness = Fitness()
    child = os.fork()
    if child == 0:
        fitness.trouble = "no sandbox: 全部 taken"
        os._exit(0)
    os.waitpid(child, 0)
    assert fitness.trouble == "no sandbox: 全部 taken"


def full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "ROOM_BYTES", 2**60)


def test_without_room_for_its_messages_a_worker_claims_nothing_and_says_why(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        full(patch)
        several.run(RESULT)
    assert several.hub.requests == []
    assert "is full" in several.fitness.trouble
    several.run(RESULT)
    assert (len(several.hub.results), several.fitness.trouble) == (1, "")


def test_a_message_that_cannot_be_kept_beforehand_is_a_fault_and_not_a_silence(
    several: Several, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "_write", no_space)
    several.run(RESULT)
    assert several.hub.results == []
    assert "the spool cannot be written" in several.hub.faults[0]


def test_a_canary_is_answered_with_what_is_wrong(several: Several, sandbox: SandboxDouble) -> None:
    several.attempts.answer("first")
    sandbox.trouble = SandboxUnavailable("no uid is free")
    several.attempts.answer("second")
    sandbox.trouble = None
    several.attempts.answer("third")
    said = [(answer["canary"], answer["trouble"]) for answer in several.hub.canaries]
    assert said == [("first", ""), ("second", "no sandbox: no uid is free"), ("third", "")]
    assert sandbox.started == 2


def test_a_worker_told_to_stop_takes_the_guest_of_a_canary_down_first(
    several: Several, sandbox: SandboxDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told_twice() -> None:  # by whoever stops the whole group, and by our own main process
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sandbox, "wait", told_twice)
    several.attempts.answer("last")
    assert [answer["canary"] for answer in several.hub.canaries] == ["last"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_canary_starts_no_guest_while_another_worker_measures(
    several: Several, sandbox: SandboxDouble
) -> None:
    with turns.measuring_turn(lambda: False):
        several.attempts.answer("quiet")
    assert several.hub.canaries[0]["trouble"] == ""
    assert sandbox.started == 0
