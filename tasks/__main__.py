"""The command line of the tasks: `python -m tasks check` and `python -m tasks try`.

Not in charge of any rule; it prints what `check.py` and `local.py` find.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tasks import cards, local
from tasks.check import check_folder
from tasks.courses import course_folders, every_folder, exercise_folders, load_course
from tasks.languages import LANGUAGES, of_files
from tasks.spec import ROOT, Bundle, TaskError, UnsafeName, load_folder, read_folder, under


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 only if nothing is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m tasks", description="Check tasks, and try solutions of them."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="is every task fit to be published?")
    check.add_argument("slugs", nargs="*", metavar="slug", help="tasks to check; all when none is named")
    check.add_argument("--root", type=Path, default=ROOT, help="folder of task folders")
    attempt = commands.add_parser("try", help="build and check a solution on this machine, without a sandbox")
    attempt.add_argument("slug")
    attempt.add_argument("folder", type=Path, help="folder with solution.c, solution.cpp or solution.py")
    attempt.add_argument("--root", type=Path, default=ROOT, help="folder of task folders")
    options = parser.parse_args(arguments)
    try:
        if options.command == "check":
            return check_all(options.root, options.slugs)
        return try_folder(options.root, options.slug, options.folder)
    except TaskError as error:
        print("\n".join(error.problems), file=sys.stderr)
        return 1


def check_all(root: Path, slugs: Sequence[str]) -> int:
    """Check the named folders, or all; problems as they are found, a summary at the end."""
    folders = [_folder(root, slug) for slug in slugs] or every_folder(root)
    problems = [] if slugs else _problems_of_courses(root)
    if not folders:
        print(f"{root}: no task folders; a task is a folder with a task.toml, see tasks/README.md")
        return 1
    failed = 0
    for folder in folders:
        report = check_folder(folder, say=_progress)
        _progress("")
        print(
            f"{'FAILED' if report.problems else 'ok':6} {folder.name}: {', '.join(report.notes)}".rstrip(": ")
        )
        for problem in report.problems:
            print(f"       {problem}")
        failed += bool(report.problems)
    for problem in problems:
        print(f"FAILED {problem}")
    print(f"{len(folders) - failed} of {len(folders)} tasks are fit to be published")
    return 1 if failed or problems else 0


def _folder(root: Path, slug: str) -> Path:
    """Where a task or an exercise of that name lies."""
    return next((folder for folder in exercise_folders(root) if folder.name == slug), root / slug)


def _problems_of_courses(root: Path) -> list[str]:
    problems: list[str] = []
    for folder in course_folders(root):
        try:
            course = load_course(folder)
            print(f"ok     course {course.slug}: {len(course.lessons)} lessons")
        except TaskError as error:
            problems += error.problems
    return problems


def try_folder(root: Path, slug: str, folder: Path) -> int:
    """Run somebody's own solution on every case, then time it roughly against the baseline."""
    place = _folder(root, slug)
    task = load_folder(place)
    try:
        files = read_folder(folder)
    except UnsafeName as problem:
        raise TaskError([f"{folder}: {problem}"]) from None
    found = of_files(files, task.entry.languages)
    if len(found) != 1:
        wanted = ", ".join(LANGUAGES[id].entry for id in task.entry.languages)
        raise TaskError([f"{folder}: {len(found)} entry files; have exactly one of {wanted}"])
    if LANGUAGES[found[0]].device == "gpu":
        return _try_on_card(found[0], files)
    task = task.on_any("cpu")
    oracle = local.Oracle(task, place)
    with local.started(task, found[0], files) as program:
        outcome = local.run_cases(oracle, program)
        _print_outcome(outcome)
        if isinstance(program, local.Outcome) or outcome.verdict != "passed":
            return 1
        baseline = under(read_folder(place), "baseline")
        with local.started(task, task.entry.baseline, baseline) as theirs:
            if isinstance(theirs, local.Program):
                _compare_roughly(oracle, program, theirs)
    return 0


def _try_on_card(language: str, files: Bundle) -> int:
    """Compile it; running it is left to a worker with a card."""
    fault = cards.faults(language, files)
    if fault is not None:
        print(f"build_failed\n{fault}")
        return 1
    found = f"compiles for {', '.join(cards.ARCHITECTURES)}" if language == "cuda" else "is Python"
    print(f"{found}; a worker with a card runs it: push it")
    return 0


def _print_outcome(outcome: local.Outcome) -> None:
    for case in outcome.cases:
        print(f"{'ok' if case.ok else 'WRONG':6} {case.case:20} {case.figures}")
    if outcome.verdict != "passed":
        print(f"{outcome.verdict}\n{outcome.log}".strip())


def _compare_roughly(oracle: local.Oracle, mine: local.Program, theirs: local.Program) -> None:
    print("a rough timing on this machine, unranked; only the judge's numbers count")
    for case in oracle.task.cases_for("rank"):
        inputs = oracle.make(case, seed=0)
        own, base = mine.seconds(case, inputs), theirs.seconds(case, inputs)
        print(
            f"       {case.id:20} {own * 1e3:8.3f} ms, baseline {base * 1e3:8.3f} ms, ratio {base / own:.2f}"
        )


def _progress(line: str) -> None:
    """One line that is overwritten, on a terminal only; it takes seconds to build all examples."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
