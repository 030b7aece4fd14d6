"""Running one's own code on one's own machine: the words of an outcome, without the sandbox."""

from __future__ import annotations

import pytest

from tasks import local
from tasks.spec import ROOT, Task, load_folder

SIGNATURE = "#include <stdint.h>\nvoid vector_add(const float *a, const float *b, float *c, int64_t n)\n"


@pytest.fixture(scope="module")
def oracle() -> local.Oracle:
    task: Task = load_folder(ROOT / "vector-add")
    return local.Oracle(task, ROOT / "vector-add")


SEGFAULT = SIGNATURE + "{ for (;;) if (n) *(int *)0 = 1; else return; }"
PYTHON = "def vector_add(a, b, c):\n"


@pytest.mark.parametrize(
    ("language", "source", "verdict", "sentence"),
    [
        ("c", SIGNATURE + "{ c[n] = a[n] + }", "build_failed", "build_failed: "),
        ("c", SEGFAULT, "runtime_error", "runtime_error in case 'one': end ended by SIGSEGV"),
        ("c", SIGNATURE + "{ ((float *)a)[0] = 1; }", "runtime_error", "ended by SIGSEGV"),
        ("c", "int other;", "runtime_error", "no function 'vector_add'; define one with that name"),
        (
            "c",
            SIGNATURE + "{ }",
            "wrong_answer",
            "in case 'one': tensor c, wrong 1, of 1, index [0], expected",
        ),
        ("python", PYTHON + "    a[:] = 1\n", "runtime_error", "runtime_error in case 'one'"),
        ("python", PYTHON + "    raise SystemExit(0)\n", "runtime_error", "exited with status 0"),
        ("python", "def vector_add(a, b, c:\n", "runtime_error", "SyntaxError"),
    ],
)
def test_what_goes_wrong_is_told_in_the_words_of_a_verdict(
    oracle: local.Oracle, language: str, source: str, verdict: str, sentence: str
) -> None:
    entry = "solution.c" if language == "c" else "solution.py"
    outcome = local.run(oracle, language, {entry: source.encode()})
    assert outcome.verdict == verdict
    assert sentence in outcome.sentence


@pytest.mark.slow
def test_an_endless_call_is_ended(oracle: local.Oracle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "GRACE_SECONDS", -oracle.task.limits.call_seconds + 1.0)
    source = SIGNATURE + "{ volatile int64_t i = n; while (i) ; }"
    outcome = local.run(oracle, "c", {"solution.c": source.encode()})
    assert (outcome.verdict, outcome.cases[-1].case) == ("time_limit", "one")


def test_a_missing_compiler_is_named(oracle: local.Oracle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    outcome = local.run(oracle, "c", {"solution.c": b""})
    assert outcome.sentence == "build_failed: gcc is not installed: needed to build C"


def test_a_right_answer_passes_every_case_with_its_worst_error(oracle: local.Oracle) -> None:
    source = "import numpy as np\ndef vector_add(a, b, c):\n    print('seen')\n    np.add(a, b, out=c)\n"
    outcome = local.run(oracle, "python", {"solution.py": source.encode()})
    assert outcome.verdict == "passed"
    assert [case.case for case in outcome.cases] == [case.id for case in oracle.task.cases]
    assert all(0 <= case.detail["worst"] < 0.01 for case in outcome.cases)
