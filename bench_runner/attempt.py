"""One attempt from claim to delivery, in the process that judges.

Not in charge of judging (`director.py`), of transport (`client.py`) or of when to start (`jobs.py`).

Theory of operation. Whatever happens after a claim ends in exactly one message to the hub: a result, or the
fault of our machine, or nothing because the hub has ended the attempt itself. So there is one boundary,
`_caught`, that catches everything; an exception that we did not foresee is our failure too, never the
contributor's. A message that the hub cannot take goes into the spool. If even this process dies, its
worker or its successor reports that from the spool; if nobody does, the hub's reaper closes the attempt.

A fault of the sandbox, or one that nobody foresaw, may have left it broken: it is opened anew before the next
claim, and without one nothing is claimed, nor without room on the disk for the messages. After several jobs
in a row that our side spoilt, or over which this process died, we rest.

A canary takes the road of a job, Redis, Celery, this process, a sandbox, HTTP: its answer says that all of it
works, or what does not. It waits its turn like a job, and starts no guest while another worker here measures.
With each, what killed workers of this machine left in their slots is cleared.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import FrameType

from celery.exceptions import SoftTimeLimitExceeded

from bench_runner.client import HubClient, attempt_path
from bench_runner.config import Config
from bench_runner.contract import VERSION, Canary, ContractError, JobKind, JobSpec, Result
from bench_runner.devices.opening import trouble
from bench_runner.errors import (
    AttemptLost,
    CardUnhealthy,
    HubRefused,
    HubUnreachable,
    InfrastructureFault,
    JudgeError,
    SandboxUnavailable,
)
from bench_runner.failure import Cancelled
from bench_runner.fingerprint import Machine
from bench_runner.fitness import Fitness
from bench_runner.progress import Report
from bench_runner.reporter import Reporter
from bench_runner.revisions import Revisions
from bench_runner.sandbox import Limits, Sandbox
from bench_runner.spool import Spool
from bench_runner.turns import measuring_turn, somebody_measures
from bench_runner.workspace import Revision

log = logging.getLogger(__name__)

Judge = Callable[[JobSpec, Revision, Sandbox, Machine, Report, Callable[[], bool]], Result]

PATIENCE_SECONDS = 20.0  # to deliver; then the spool keeps it
STOPPED_PATIENCE_SECONDS = 3.0  # of a worker that was told to stop
CANARY_LIMITS = Limits(64 * 2**20, 8, 5.0, 1024)


class WorkerStopped(InfrastructureFault):
    """Raised into a running attempt by SIGTERM."""

    def __init__(self) -> None:
        super().__init__("the worker was stopped")


class Attempts:
    """Runs attempts one after another, on one slot of this machine."""

    def __init__(
        self, config: Config, sandbox: Sandbox, machine: Machine, fitness: Fitness, judge: Judge
    ) -> None:
        self._config, self._sandbox, self._machine, self._judge_job = config, sandbox, machine, judge
        self._fitness = fitness
        self._client = HubClient(config.hub_url, config.token)
        self._revisions = Revisions(config.data_dir / "revisions")
        self._spool = Spool(config.data_dir / "spool")
        self._stop = _Stop()
        self._broken = False  # the sandbox must be opened anew before it is used again
        self._sick = False  # the card must be seen to work before it is used again

    def run(self, job: str) -> None:
        """Claim the job, or what is due before it; judge, deliver. To lose the race for it is no error."""
        with self._stop.listening():
            self._run(job)

    def answer(self, canary: str) -> None:
        """Tell the hub that a canary arrived, and whether a guest starts."""
        with self._stop.listening():
            if not self._unfit():
                self._try_sandbox()
            try:
                self._client.canary(Canary(canary, self._unfit()))
            except (HubUnreachable, HubRefused, ContractError) as error:
                log.error("canary %s: not answered: %s", canary, error)

    def close(self) -> None:
        try:
            self._sandbox.close()
        except (JudgeError, OSError) as error:  # whoever opens the slot next sweeps what is left
            log.warning("the sandbox is left as it is: %s", error)

    def _run(self, job: str) -> None:
        if said := self._fitness.recover():
            log.error("the process that judged before this one died at its work: %s", said)
        if (rest := self._fitness.seconds_to_rest) > 0:
            log.warning("job %s: left to other workers, this one rests for another %.0f s", job, rest)
            return
        if trouble := self._unfit():
            log.error("job %s: left to other workers: %s", job, trouble)
            return
        try:
            spec = self._client.claim(job)
        except AttemptLost as lost:
            log.info("job %s: not ours: %s", job, lost)
            return
        except (HubUnreachable, HubRefused, ContractError) as error:
            # The job stays queued on the hub; its sweeper sends the wake-up again.
            log.error("job %s: cannot be claimed: %s", job, error)
            return
        log.info("job %s: %s of %s, attempt %s", spec.job, spec.kind.value, spec.task, spec.attempt)
        self._fitness.begin(spec.job)
        self._judge_kept(spec)
        self._fitness.end()

    def _judge_kept(self, spec: JobSpec) -> None:
        """Judge; should this process die meanwhile, somebody else reports that."""
        killed = {"what": "the worker was killed while it judged"}
        with ExitStack() as kept:
            try:
                kept.enter_context(
                    self._spool.unless_finished(attempt_path(spec.attempt, "fault"), spec.token, killed)
                )
            except OSError as error:
                return self._spoilt(spec, f"the spool cannot be written: {error}")
            self._judge_and_deliver(spec)

    def _judge_and_deliver(self, spec: JobSpec) -> None:
        job, outcome = spec.job, self._judge(spec)
        if isinstance(outcome, Result):
            log.info("job %s: %s (%s)", job, outcome.outcome.value, outcome.reason)
            self._fitness.verdict()
            self._deliver(spec, "result", outcome.to_json())
        elif outcome is not None:
            self._spoilt(spec, outcome)

    def _spoilt(self, spec: JobSpec, what: str) -> None:
        more = "" if self._stop.asked else self._fitness.fault(spec.job)
        what = "; ".join(filter(None, (what[:1700], more)))
        log.error("job %s: infrastructure fault: %s", spec.job, what)
        self._deliver(spec, "fault", {"what": what})

    def _unfit(self) -> str:
        """What keeps us from judging, or nothing; a broken sandbox is opened anew first. Hello repeats it."""
        words = self._spool.lacks_room()
        if self._broken:
            try:
                self._sandbox = self._sandbox.reopened()
                self._broken = False
            except (JudgeError, OSError) as error:
                words = f"no sandbox: {error}"
        if self._sick and (sickness := trouble(self._machine.card)):
            words = sickness
        else:
            self._sick = False
        self._fitness.trouble = words
        return words

    def _try_sandbox(self) -> None:
        if somebody_measures():
            return
        try:
            self._sandbox.clear_abandoned()
            with self._sandbox.start(["/usr/bin/true"], mounts=[], limits=CANARY_LIMITS) as guest:
                guest.wait()
        except (JudgeError, OSError) as error:
            log.error("a canary's guest did not start: %s", error)
            self._clear()
            self._broken = True

    def _judge(self, spec: JobSpec) -> Result | str | None:
        """The result, or what went wrong on our side, or None when nobody wants either."""
        outcome = self._caught(spec)
        if not isinstance(outcome, Result):
            self._clear()
        return outcome

    def _clear(self) -> None:
        """The exception may have come between any two steps of a start or an end of a guest."""
        try:
            self._sandbox.clear()
        except (JudgeError, OSError) as error:  # the fault must still be delivered, or the hub waits in vain
            log.error("the sandbox cannot be cleared, the next attempt opens it anew: %s", error)
            self._broken = True

    def _caught(self, spec: JobSpec) -> Result | str | None:
        try:
            client = HubClient(self._config.hub_url, self._config.token)
            with Reporter(spec, client) as reporter, self._stop.raising():
                return self._judged(spec, reporter)
        except (Cancelled, AttemptLost):
            log.info("attempt %s: ended by the hub", spec.attempt)
            return None
        except InfrastructureFault as fault:
            self._broken = isinstance(fault, SandboxUnavailable)
            self._sick = isinstance(fault, CardUnhealthy)
            return fault.what
        except SoftTimeLimitExceeded:
            return f"the attempt took longer than {spec.time_limit_seconds * 0.9:.0f} s and gave up"
        except Exception as error:  # the one boundary: what nobody foresaw is our fault, and is said
            log.exception("attempt %s: unforeseen", spec.attempt)
            self._broken = True
            return f"{type(error).__name__}: {error}"

    def _judged(self, spec: JobSpec, reporter: Reporter) -> Result:
        if spec.version != VERSION:
            raise InfrastructureFault(
                f"the hub speaks version {spec.version} of the contract, this worker {VERSION}: update one"
            )
        revision = self._revisions.get(spec.task, spec.revision, self._client)
        timed = spec.kind in (JobKind.RANK, JobKind.CONFIRM)
        with measuring_turn(reporter.cancelled) if timed else nullcontext():
            return self._judge_job(
                spec, revision, self._sandbox, self._machine, reporter.report, reporter.cancelled
            )

    def _deliver(self, spec: JobSpec, kind: str, body: dict[str, object]) -> None:
        path = attempt_path(spec.attempt, kind)
        patience = STOPPED_PATIENCE_SECONDS if self._stop.asked else PATIENCE_SECONDS
        try:
            self._client.deliver(path, spec.token, body, patience=patience)
        except AttemptLost as lost:
            log.info("attempt %s: too late: %s", spec.attempt, lost)
        except HubUnreachable as error:
            log.warning("attempt %s: %s kept for later: %s", spec.attempt, kind, error)
            self._keep(path, spec.token, body)
        except HubRefused as refusal:
            log.error("attempt %s: %s refused: %s", spec.attempt, kind, refusal)
            if kind == "result":
                self._deliver(spec, "fault", {"what": f"the hub refused the result: {refusal}"})

    def _keep(self, path: str, token: str, body: dict[str, object]) -> None:
        try:
            self._spool.put(path, token, body)
        except OSError as error:  # the hub hears nothing, gives the attempt up and has the job run again
            log.error("%s: lost, because the spool cannot be written: %s", path, error)


class _Stop:
    """SIGTERM while an attempt runs becomes WorkerStopped inside it, so that the hub hears at once."""

    def __init__(self) -> None:
        self.asked = False
        self._inside = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """From claim to delivery, and through a canary, the process does not die of SIGTERM.

        Outside stands Celery's own handler: it ends the process in order at the first signal, and at once at
        the second, which would leave a guest and its mounts behind.
        """
        before = signal.signal(signal.SIGTERM, self._on_signal)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    @contextmanager
    def raising(self) -> Iterator[None]:
        if self.asked:
            raise WorkerStopped
        self._inside = True
        try:
            yield
        finally:
            self._inside = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        if self._inside:
            self._inside = False  # once: a second signal must not interrupt the cleaning up
            raise WorkerStopped
