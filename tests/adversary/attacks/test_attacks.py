"""Every attack gets a verdict that names what was hit; nothing outside is; the next honest job passes."""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from bench_runner import build, director, guests
from bench_runner.contract import JobKind, JobSpec, Result
from bench_runner.sandbox import Sandbox
from bench_runner.workspace import Revision
from tasks.languages import LANGUAGES
from tasks.spec import load_folder
from tests.adversary import labelled
from tests.adversary.attacks import building, lasting, running
from tests.adversary.attacks.attack import HONEST, Attack
from tests.adversary.attacks.outside import Outside, held

pytestmark = pytest.mark.sandbox

FOLDER = labelled.HERE / "task" / "mirror-add"
ATTACKS = [
    *running.READING, *running.NETWORK, *running.KERNEL,
    *lasting.EVERYTHING, *building.COMPILING,
]  # fmt: skip

# One or two on each layer are tried in every run of the tests, all of them in CI's.
QUICK = {
    "reads-other-submissions", "rewrites-the-judges-memory", "kills", "leaves-a-daemon", "a-link",
}  # fmt: skip


def test_what_is_tried_in_every_run_is_there():
    assert {attack.name for attack in ATTACKS} | set(building.TAKEN_OVER) >= QUICK


@pytest.fixture(scope="module")
def outside(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    with contextlib.ExitStack() as undo:
        yield Outside(sandbox, tmp_path_factory.mktemp("outside"), undo)


def judge(files: dict[str, str], sandbox: Sandbox, *, reason: str) -> Result:
    """`reason`: what the verdict will say. A limit of time is short only where it is the reason."""
    task = load_folder(FOLDER)
    seconds = {
        "build_seconds": 1.5 if "build_time_limit" in reason else 60.0,
        "call_seconds": 0.4 if "call_time_limit" in reason else 30.0,
    }
    limits = replace(task.limits, **seconds)
    contents = {name: text.encode() for name, text in files.items()}
    spec = JobSpec("job", "attempt", "token", JobKind.CHECK, task.slug, task.digest, "cpu", contents, 600.0)
    revision = Revision(replace(task, limits=limits), FOLDER)
    with (
        mock.patch.object(build, "LEAST_MEMORY_MB", 256),
        mock.patch.object(guests, "LOAD_SECONDS", labelled.LOAD_SECONDS),
    ):
        return director.judge(spec, revision, sandbox, labelled._machine(), lambda event: None, lambda: False)


def takes_the_next_job(sandbox: Sandbox) -> bool:
    """As if nothing had been."""
    reason = "all_cases_right"
    return judge({"solution.c": HONEST}, sandbox, reason=reason).reason == reason


def _filled(text: str, words: dict[str, str]) -> str:
    return re.sub("@([A-Z_]+)@", lambda found: words[found[1]], text)


def _parameter(name: str, attack: object) -> Any:
    return pytest.param(attack, id=name, marks=[] if name in QUICK else [pytest.mark.slow])


@pytest.mark.parametrize("attack", [_parameter(attack.name, attack) for attack in ATTACKS])
def test_an_attack_misses_and_its_verdict_says_at_what(attack: Attack, outside: Outside):
    gc.collect()  # what other tests left must not go meanwhile
    before = held()

    files = {name: _filled(text, outside.words()) for name, text in attack.files.items()}
    result = judge(files, outside.sandbox, reason=attack.reason)

    got = (result.outcome.value, result.reason)
    assert got in {(attack.outcome, reason) for reason in attack.reason.split("|")}, result.log[-2000:]
    assert re.search(attack.says, result.log), result.log[-2000:]
    assert "REACHED" not in result.log
    assert outside.mark not in result.log
    assert outside.harmed() == []
    assert held() == before
    assert takes_the_next_job(outside.sandbox)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in building.TAKEN_OVER],
)
def test_a_build_that_is_taken_over_gives_nothing_but_a_plain_artefact(
    name: str, outside: Outside, monkeypatch: pytest.MonkeyPatch
):
    script, outcome, reason, says = building.TAKEN_OVER[name]
    script = _filled(
        script.replace("gcc $0", "gcc -shared -fPIC -o /out/solution.so /src/solution.c"), outside.words()
    )
    hostile = replace(LANGUAGES["c"], build=lambda out, src: ["/bin/sh", "-c", script])
    gc.collect()  # what other tests left must not go meanwhile
    before = held()

    monkeypatch.setitem(build.LANGUAGES, "c", hostile)
    result = judge({"solution.c": HONEST}, outside.sandbox, reason=reason)
    monkeypatch.undo()

    assert (result.outcome.value, result.reason) == (outcome, reason), result.log[-2000:]
    assert says in f"{result.reason_args.get('rule', '')} {result.log}"
    assert outside.mark not in result.log
    assert len(result.log) <= 16 * 1024 + 100
    assert outside.harmed() == []
    assert held() == before
    assert takes_the_next_job(outside.sandbox)
