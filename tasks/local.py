"""Building and running code on the author's own machine: no sandbox, no ranking, no strangers.

Not the judge: for `python -m tasks check` and `python -m tasks try` only, which run the code of the person
who types them. The words of an outcome are those of a verdict, as far as can be told without one.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import numpy as np

from tasks.compare import Array, Expectation
from tasks.languages import LANGUAGES
from tasks.spec import Case, Task, load_module, write_files

CHILD = Path(__file__).with_name("child.py")
ALIGNMENT = 64  # of every tensor, as in the judge's buffers
GRACE_SECONDS = 1.0  # on top of the limit of a call: this machine may be busy
STARTING_SECONDS = 20.0  # a Python submission may import NumPy on a busy machine
LOG_TAIL = 4000  # characters


@dataclass(frozen=True)
class CaseOutcome:
    case: str
    ok: bool
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def figures(self) -> str:
        """The detail on one line."""
        shown = {
            name: f"{value:.6g}" if isinstance(value, float) else value for name, value in self.detail.items()
        }
        return ", ".join(f"{name} {value}" for name, value in shown.items())


@dataclass(frozen=True)
class Outcome:
    """What came of a submission: a word of the verdicts, the cases so far, and what the programs said."""

    verdict: str
    cases: tuple[CaseOutcome, ...] = ()
    log: str = ""

    @property
    def sentence(self) -> str:
        """One line: the case that failed and its figures, or the last line of the log."""
        if self.cases and not self.cases[-1].ok:
            return f"{self.verdict} in case {self.cases[-1].case!r}: {self.cases[-1].figures}"
        lines = self.log.strip().splitlines()
        telling = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "")
        return f"{self.verdict}: {telling}" if telling else self.verdict


class Ended(Exception):
    """The child process ended, or was ended, before it answered."""

    def __init__(self, verdict: str, why: str) -> None:
        super().__init__(why)
        self.verdict = verdict


class Oracle:
    """Inputs and expectations of a task, from its own `inputs.py` and `reference.py`."""

    def __init__(self, task: Task, folder: str | os.PathLike[str]) -> None:
        self.task = task
        self.inputs: ModuleType = load_module(folder, "inputs")
        self.reference: ModuleType = load_module(folder, "reference")

    def make(self, case: Case, seed: int) -> dict[str, Array]:
        made: dict[str, Array] = self.inputs.make(dict(case.dims), np.random.default_rng(seed))
        return made

    def answer(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        answer: dict[str, Array] = self.reference.reference(dict(inputs))
        return answer

    def expect(self, answer: Mapping[str, Array]) -> dict[str, Expectation]:
        return {
            tensor.name: Expectation(answer[tensor.name], self.task.tolerance[tensor.dtype], tensor.dtype)
            for tensor in self.task.outputs
        }


def _found(task: Task) -> dict[str, str]:
    """The libraries of ours that the task lets a submission import lie beside this package."""
    return {"PYTHONPATH": str(CHILD.parents[1])} if task.entry.libraries else {}


class Program:
    """A built submission in a child process; `call` runs it once on given inputs."""

    def __init__(self, task: Task, language: str, folder: Path, scratch: Path) -> None:
        self.task = task
        self._files = {role: scratch / f"{role}s" for role in ("input", "output")}
        self._log = (scratch / "log").open("w+")
        request_out, self._requests = os.pipe()
        self._replies, reply_in = os.pipe()
        command = [sys.executable, str(CHILD), language, str(folder), task.entry.symbol]
        self._process = subprocess.Popen(
            [*command, str(request_out), str(reply_in)],
            pass_fds=(request_out, reply_in),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, **_found(task), "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        os.close(request_out)
        os.close(reply_in)

    def ready(self) -> None:
        """Wait until the artefact is loaded.

        Raises:
            Ended: it does not load.
        """
        self._wait(STARTING_SECONDS)

    def call(self, case: Case, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs of one call; whatever was not written is NaN.

        Raises:
            Ended: it crashed or took too long.
        """
        slots = self._write(case, inputs)
        self._request(case, slots, 1)
        return self._read(case, slots)

    def seconds(self, case: Case, inputs: Mapping[str, Array]) -> float:
        """Seconds of one call: the least of five rounds on one input. A hint, no measurement."""
        slots = self._write(case, inputs)
        calls = max(1, min(1000, int(0.01 / max(self._request(case, slots, 1), 1e-6))))
        return min(self._request(case, slots, calls) for _ in range(5)) / calls

    def _request(self, case: Case, slots: list[list[Any]], calls: int) -> float:
        """Have it called on the files as they are; the seconds that took."""
        request = {
            "inputs": str(self._files["input"]),
            "outputs": str(self._files["output"]),
            "slots": slots,
            "dims": [case.dims[name] for name in self.task.dims_order],
            "calls": calls,
        }
        try:
            os.write(self._requests, json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            self._ended()
        return self._wait(self.task.limits.call_seconds * calls + GRACE_SECONDS)

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()[-LOG_TAIL:]

    def close(self) -> None:
        os.close(self._requests)
        os.close(self._replies)
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _write(self, case: Case, inputs: Mapping[str, Array]) -> list[list[Any]]:
        """Fill both files, outputs with NaN; the slots say what lies where."""
        content = {"input": bytearray(), "output": bytearray()}
        slots: list[list[Any]] = []
        for tensor in self.task.tensors:
            whole = content[tensor.role]
            slots.append([tensor.role, len(whole), tensor.dtype, tensor.shape_of(case.dims)])
            if tensor.role == "input":
                whole += inputs[tensor.name].tobytes()
            else:
                whole += np.full(tensor.shape_of(case.dims), np.nan, tensor.dtype).tobytes()
            whole += bytes(-len(whole) % ALIGNMENT or ALIGNMENT)
        for role, path in self._files.items():
            path.unlink(missing_ok=True)  # a cheat may still hold the pages of the last call
            path.write_bytes(content[role])
        return slots

    def _read(self, case: Case, slots: list[list[Any]]) -> dict[str, Array]:
        raw = self._files["output"].read_bytes()
        outputs = {}
        for tensor, (role, offset, dtype, shape) in zip(self.task.tensors, slots, strict=True):
            if role == "output":
                part = raw[offset : offset + tensor.bytes_of(case.dims)]
                outputs[tensor.name] = np.frombuffer(part, dtype).reshape(shape)
        return outputs

    def _wait(self, seconds: float) -> float:
        readable, _, _ = select.select([self._replies], [], [], seconds)
        if not readable:
            self._process.kill()
            raise Ended("time_limit", f"no answer within {seconds:g} s")
        reply = os.read(self._replies, 100)
        return float(reply) if reply else self._ended()

    def _ended(self) -> NoReturn:
        code = self._process.wait()
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
        raise Ended("runtime_error", how)


def build(language: str, files: Mapping[str, bytes], source: Path, out: Path, seconds: float) -> str | None:
    """Build `files` into `out`; None, or what the compiler said when it failed."""
    write_files(files, source)
    command = LANGUAGES[language].build_command(out, source)
    if command is None:
        shutil.copytree(source, out, dirs_exist_ok=True)
        return None
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )
    except FileNotFoundError:
        return f"{command[0]} is not installed: needed to build {LANGUAGES[language].name}"
    except subprocess.TimeoutExpired:
        return f"the build took longer than {seconds:g} s"
    return None if done.returncode == 0 else done.stderr[-LOG_TAIL:]


@contextmanager
def started(task: Task, language: str, files: Mapping[str, bytes]) -> Iterator[Program | Outcome]:
    """A loaded program, or the outcome that says why there is none."""
    with tempfile.TemporaryDirectory(prefix="touchstone-") as name:
        folders = {part: Path(name, part) for part in ("source", "out", "scratch")}
        for folder in folders.values():
            folder.mkdir()
        failed = build(language, files, folders["source"], folders["out"], task.limits.build_seconds)
        if failed is not None:
            yield Outcome("build_failed", log=failed)
            return
        program = Program(task, language, folders["out"], folders["scratch"])
        try:
            yield _loaded(program)
        finally:
            program.close()


def _loaded(program: Program) -> Program | Outcome:
    try:
        program.ready()
    except Ended as end:
        return Outcome(end.verdict, log=f"{end}\n{program.log}")
    return program


def run(oracle: Oracle, language: str, files: Mapping[str, bytes], *, rounds: int = 2) -> Outcome:
    """Build, then every case with fresh inputs `rounds` times, up to the first that fails."""
    with started(oracle.task, language, files) as program:
        return run_cases(oracle, program, rounds=rounds)


def run_cases(oracle: Oracle, program: Program | Outcome, *, rounds: int = 2) -> Outcome:
    """The cases of a program that `started` gave; its own outcome if it did not start."""
    if isinstance(program, Outcome):
        return program
    done: list[CaseOutcome] = []
    for case in oracle.task.cases:
        try:
            found = [_run_case(oracle, program, case, seed) for seed in range(rounds)]
        except Ended as end:
            failed = CaseOutcome(case.id, False, {"end": str(end)})
            return Outcome(end.verdict, (*done, failed), program.log)
        done.append(next((outcome for outcome in found if not outcome.ok), found[-1]))
        if not done[-1].ok:
            return Outcome("wrong_answer", tuple(done), program.log)
    return Outcome("passed", tuple(done), program.log)


def _run_case(oracle: Oracle, program: Program, case: Case, seed: int) -> CaseOutcome:
    inputs = oracle.make(case, seed)
    expected = oracle.expect(oracle.answer(inputs))
    outputs = program.call(case, inputs)
    for name, expectation in expected.items():
        if not expectation.accepts(outputs[name]):
            return CaseOutcome(case.id, False, {"tensor": name, **expectation.explain(outputs[name])})
    worst = max((expectation.worst(outputs[name]) for name, expectation in expected.items()), default=0.0)
    return CaseOutcome(case.id, True, {"worst": worst})
