"""Is a task fit to be published? Every folder is read, run and probed; every problem is a sentence.

Not the judge: baseline and examples run without a sandbox (`local.py`), so run it on tasks that you trust.
The steps, each only when the ones before left no problem that would make it meaningless:
 1. read the folder (`spec.py`)            4. canaries: wrong answers that must fail (`canaries.py`)
 2. lint id, statements and work           5. the baseline passes every case
 3. lint inputs and oracle                 6. every example gets its verdict
What is for cards is compiled (`cards.py`); running it, and the large cases that are timed there, is left to a
worker that has one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tasks import cards, courses, cuda, local
from tasks.bundle import under
from tasks.canaries import CANARIES, Scene, applicable
from tasks.compare import Array
from tasks.model import Case, Example, Task, TaskError, Text
from tasks.spec import load_folder, read_folder

SEEDS = (1, 2)
STATEMENT_CHARACTERS = Text(en="800", zh="400")  # Chinese says the same in half the characters
EXERCISE_CHARACTERS = Text(en="200", zh="100")  # the lesson explains it

# A call must be worth timing: at this bandwidth and speed it takes as long as the judge's empty call.
BYTES_PER_SECOND = {"cpu": 50e9, "gpu": 3e12}
FLOPS_PER_SECOND = {"cpu": 100e9, "gpu": 800e12}
LEAST_SECONDS = {"cpu": 5e-6, "gpu": 15e-6}

# Verdicts that `local.py` can give; the others need the judge's sandbox and limits.
SEEN_LOCALLY = ("passed", "build_failed", "wrong_answer", "runtime_error")

Say = Callable[[str], None]


@dataclass
class Report:
    """What was found in one folder. `notes` are for the summary and are no problems."""

    slug: str
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def problem(self, where: str, fault: str, cure: str) -> None:
        self.problems.append(f"tasks/{self.slug}/{where}: {fault}; {cure}")


def check_folder(folder: str | os.PathLike[str], *, say: Say = lambda line: None) -> Report:
    """Every problem of one task folder; `say` hears what is being done."""
    path = Path(folder).resolve()
    report = Report(path.name)
    try:
        task = load_folder(path)
    except TaskError as error:
        report.problems += error.problems
        return report
    _lint_id(report, task, path)
    _lint_requires(report, task, path)
    _lint_statements(report, task)
    for device in task.devices:
        _lint_rank_cases(report, task.on_any(device), device)
    oracle = _open_oracle(report, _without_large_cases(task), path)
    if oracle is None:
        return report
    say(f"{task.slug}: inputs, oracle and canaries …")
    _probe(report, oracle)
    if "cpu" in task.devices and not report.problems:
        oracle.task = task.on_any("cpu")
        _run_submissions(report, oracle, path, say)
    if "gpu" in task.devices and not report.problems:
        _compile_submissions(report, task.on_any("gpu"), path, say)
    return report


def _without_large_cases(task: Task) -> Task:
    """Those that are timed on cards alone take an oracle on a processor too long."""
    return replace(
        task, cases=tuple(case for case in task.cases if (case.use, case.device) != ("rank", "gpu"))
    )


def _lint_id(report: Report, task: Task, path: Path) -> None:
    """A copied folder brings its id along, and the hub would refuse it."""
    for other in courses.every_folder(courses.root_of(path)):
        if other.resolve() == path:
            continue
        if other.name == path.name:
            report.problem("task.toml", f"{other} has the same name", "rename one of the two folders")
        try:
            taken = load_folder(other).id == task.id
        except TaskError:
            continue  # its own report tells
        if taken:
            cure = "give a new one: python3 -c 'import uuid; print(uuid.uuid4())'"
            report.problem("task.toml: id", f"{task.id} is that of {other.name}", cure)


def _lint_requires(report: Report, task: Task, path: Path) -> None:
    root = courses.root_of(path)
    folders = (*courses.course_folders(root), *courses.exercise_folders(root))
    known = sorted(folder.name for folder in folders)
    for name in task.requires:
        if name not in known:
            cure = f"use of {', '.join(known)}" if known else "delete it: there is no course"
            report.problem("task.toml: requires", f"no course or exercise is called {name!r}", cure)


def _lint_statements(report: Report, task: Task) -> None:
    for language in ("en", "zh"):
        usual = EXERCISE_CHARACTERS if task.kind == "exercise" else STATEMENT_CHARACTERS
        text, least = task.statement.get(language), int(usual.get(language))
        name = f"statement.{language}.md"
        if len(text) < least:
            report.problem(name, f"{len(text)} characters", f"explain the task in {least} or more")
        if language == "zh" and sum("\u4e00" <= letter <= "\u9fff" for letter in text) < least // 2:
            report.problem(name, "hardly any Chinese characters", "write the Chinese statement in Chinese")


def _lint_rank_cases(report: Report, task: Task, device: str) -> None:
    least_seconds = LEAST_SECONDS[device]
    for case in task.cases_for("rank"):
        moved, computed = task.work.bytes_of(case), task.work.flops_of(case)
        buffers = sum(tensor.bytes_of(case.dims) for tensor in task.tensors)
        where = f"task.toml: case {case.id!r}"
        if not 0 < moved <= buffers:
            fault = f"[work] bytes is {moved:g}, the buffers have {buffers}"
            report.problem(where, fault, "count every input read once and every output written once, no more")
        least = max(moved / BYTES_PER_SECOND[device], computed / FLOPS_PER_SECOND[device])
        if least < least_seconds:
            fault = f"a call may take only {least * 1e6:.1f} µs, which is not worth timing"
            report.problem(where, fault, f"enlarge its dims until [work] gives {least_seconds * 1e6:g} µs")
        if 3 * buffers > task.limits.memory_mb * 2**20:
            fault = (
                f"three times {buffers} bytes of buffers exceed limits.memory_mb = {task.limits.memory_mb}"
            )
            report.problem(where, fault, "raise the limit or shrink the case")


def _open_oracle(report: Report, task: Task, folder: Path) -> local.Oracle | None:
    try:
        oracle = local.Oracle(task, folder)
    except Exception as error:  # noqa: BLE001  the author's own modules may raise anything: it is what we report
        report.problem("inputs.py or reference.py", f"{type(error).__name__}: {error}", "make it importable")
        return None
    for module, name in ((oracle.inputs, "make"), (oracle.reference, "reference")):
        if not callable(getattr(module, name, None)):
            file = "inputs.py" if name == "make" else "reference.py"
            report.problem(file, f"no function {name!r}", "define it, see tasks/README.md")
    return None if report.problems else oracle


@dataclass
class Run:
    """Inputs and answers of one case for both seeds."""

    case: Case
    inputs: list[dict[str, Array]]
    answers: list[dict[str, Array]]


def _probe(report: Report, oracle: local.Oracle) -> None:
    runs = [run for case in oracle.task.cases if (run := _probe_case(report, oracle, case))]
    if len(runs) == len(oracle.task.cases):
        _lint_dependence(report, oracle, runs)
        _lint_canaries(report, oracle, runs)


def _probe_case(report: Report, oracle: local.Oracle, case: Case) -> Run | None:
    """Make inputs and answers of one case and lint them; None when they are unusable."""
    before = len(report.problems)
    where = f"case {case.id!r}"
    run = Run(case, [], [])
    for seed in SEEDS:
        try:
            inputs = oracle.make(case, seed)
            again = oracle.make(case, seed)
            if not _lint_tensors(report, f"inputs.py: {where}", inputs, oracle.task, case, "input"):
                return None
            kept = {name: array.copy() for name, array in inputs.items()}
            if not _same(inputs, again):
                report.problem(f"inputs.py: {where}", "one seed gives two inputs", "draw only from rng")
            answer = oracle.answer(inputs)
            changed = not _same(inputs, kept)
            second = oracle.answer(kept)
        except Exception as error:  # noqa: BLE001  the author's own functions may raise anything: it is what we report
            report.problem(
                f"inputs.py or reference.py: {where}", f"{type(error).__name__}: {error}", "correct it"
            )
            return None
        if not _lint_tensors(report, f"reference.py: {where}", answer, oracle.task, case, "output"):
            return None
        if changed:
            report.problem(f"reference.py: {where}", "changes its inputs", "work on a copy")
        if not _same(answer, second):
            report.problem(f"reference.py: {where}", "answers differently the second time", "keep no state")
        run.inputs.append(inputs)
        run.answers.append(answer)
    _lint_entropy(report, oracle.task, run)
    return run if len(report.problems) == before else None


def _lint_tensors(
    report: Report, where: str, arrays: dict[str, Array], task: Task, case: Case, role: str
) -> bool:
    """Names, dtypes and shapes of what the author's function gave."""
    tensors = task.inputs if role == "input" else task.outputs
    names = [tensor.name for tensor in tensors]
    if not isinstance(arrays, dict) or sorted(arrays) != sorted(names):
        got = ", ".join(sorted(arrays)) if isinstance(arrays, dict) else type(arrays).__name__
        report.problem(where, f"gives {got}", f"return a dict of exactly {', '.join(names)}")
        return False
    before = len(report.problems)
    for tensor in tensors:
        array = arrays[tensor.name]
        dtype, shape = (tensor.dtype if role == "input" else "float64"), tensor.shape_of(case.dims)
        if getattr(array, "dtype", None) != dtype or array.shape != shape:
            found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            report.problem(where, f"{tensor.name} is {found}", f"make it {dtype} {shape}")
    return len(report.problems) == before


def _same(one: dict[str, Array], other: dict[str, Array]) -> bool:
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)


def _lint_entropy(report: Report, task: Task, run: Run) -> None:
    where = f"inputs.py: case {run.case.id!r}"
    for tensor in task.inputs:
        first, second = (inputs[tensor.name] for inputs in run.inputs)
        if first.size and np.array_equal(first, second):
            report.problem(where, f"two seeds give the same {tensor.name}", "draw it from rng")
    for tensor in task.outputs:
        answer = run.answers[0][tensor.name]
        if answer.size and not answer.any():
            cure = "choose inputs or dims so that an unfinished answer can be told from the right one"
            report.problem(where, f"the right {tensor.name} is zero everywhere", cure)


def _lint_dependence(report: Report, oracle: local.Oracle, runs: list[Run]) -> None:
    """Every input must matter somewhere, by more than the tolerance."""
    for tensor in oracle.task.inputs:
        if not any(_depends(oracle, run, tensor.name) for run in runs if run.case.use == "check"):
            fault = f"no check case depends on input {tensor.name!r}"
            report.problem("reference.py", fault, "use it in the oracle, or delete the tensor from task.toml")


def _depends(oracle: local.Oracle, run: Run, name: str) -> bool:
    changed = oracle.answer({**run.inputs[0], name: run.inputs[1][name]})
    expected = oracle.expect(run.answers[0])
    return any(
        not expectation.accepts(changed[output].astype(expectation.dtype))
        for output, expectation in expected.items()
    )


def _lint_canaries(report: Report, oracle: local.Oracle, runs: list[Run]) -> None:
    applied = {(output.name, canary.name): 0 for output in oracle.task.outputs for canary in CANARIES}
    for run in runs:
        inputs = tuple(run.inputs[0][tensor.name] for tensor in oracle.task.inputs)
        for name, expectation in oracle.expect(run.answers[0]).items():
            for canary, answer in applicable(Scene(expectation, inputs, run.answers[1][name])):
                applied[name, canary.name] += 1
                if expectation.accepts(answer):
                    tolerance = expectation.tolerance
                    fault = (
                        f"canary {canary.name!r} passes (rtol {tolerance.rtol:g}, atol {tolerance.atol:g})"
                    )
                    report.problem(f"task.toml: case {run.case.id!r}: output {name!r}", fault, canary.cure)
    for (name, canary_name), count in applied.items():
        if not count:
            fault = f"canary {canary_name!r} applies to no case"
            report.problem(f"task.toml: output {name!r}", fault, "add a case where such an answer is wrong")
    report.notes.append(f"{len(CANARIES)} canaries failed {sum(applied.values())} times, as they must")


def _run_submissions(report: Report, oracle: local.Oracle, folder: Path, say: Say) -> None:
    files = read_folder(folder)
    say(f"{report.slug}: baseline …")
    with local.started(oracle.task, oracle.task.entry.baseline, under(files, "baseline")) as program:
        outcome = local.run_cases(oracle, program)
        if isinstance(program, local.Outcome) or outcome.verdict != "passed":
            report.problem("baseline", outcome.sentence, "correct the baseline: it must pass every case")
            return
        for case in oracle.task.cases_for("rank"):
            seconds = program.seconds(case, oracle.make(case, SEEDS[0]))
            report.notes.append(f"baseline {case.id} about {seconds * 1e3:.2f} ms")
    for language in oracle.task.entry.languages:
        say(f"{report.slug}: starter {language} …")
        outcome = local.run(oracle, language, under(files, f"starter/{language}"), rounds=1)
        if outcome.verdict in ("build_failed", "runtime_error"):
            report.problem(f"starter/{language}", outcome.sentence, "a starter must build and run")
    for example in oracle.task.examples:
        say(f"{report.slug}: {example.name} …")
        _check_example(report, oracle, example, local.run(oracle, example.language, example.files_of(files)))


def _compile_submissions(report: Report, task: Task, folder: Path, say: Say) -> None:
    """Whatever is for cards: baseline, starters and examples."""
    if not cards.can_compile():
        report.notes.append(f"nothing for cards was compiled: {cuda.CURE}")
        return
    files = read_folder(folder)
    ours = [("baseline", task.entry.baseline), *((f"starter/{id}", id) for id in task.entry.languages)]
    given = [(where, language, under(files, where), True) for where, language in ours]
    given += [
        (f"examples/{each.name}", each.language, each.files_of(files), each.verdict != "build_failed")
        for each in task.examples
    ]
    for where, language, content, compiles in given:
        say(f"{report.slug}: compiling {where} …")
        fault = cards.faults(language, content)
        if compiles and fault is not None:
            report.problem(where, fault, "it must compile for cards of every generation")
        elif not compiles and fault is None:
            report.problem(where, "it compiles", "make it fail to build, or expect another verdict")
    report.notes.append(f"{len(given)} submissions for cards compile as they must")


def _check_example(report: Report, oracle: local.Oracle, example: Example, outcome: local.Outcome) -> None:
    if example.verdict not in SEEN_LOCALLY:
        report.notes.append(f"{example.name}: {example.verdict} is left to the judge")
    elif outcome.verdict != example.verdict:
        where = f"examples/{example.name}/expect.toml: verdict"
        fault = f"{example.verdict!r} is expected, this machine says {outcome.sentence}"
        report.problem(where, fault, "correct the example or what it expects")
