"""A whole job for a card, on a stand-in for its driver: built, checked and timed in the real sandbox."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench_runner import director, doctor, timing
from bench_runner.contract import JobKind, JobSpec, Outcome, Result, Speed
from bench_runner.devices import kit
from bench_runner.errors import InfrastructureFault
from bench_runner.fingerprint import Machine
from bench_runner.sandbox import Mount, Sandbox
from bench_runner.workspace import Revision
from tasks.spec import Bundle, load_folder
from tests.bench_runner.devices import stand_in
from tests.bench_runner.devices.test_contract import needs_nvrtc
from tests.bench_runner.test_director import FOLDER

pytestmark = [pytest.mark.sandbox, needs_nvrtc]

RIGHT = """
#include <touchstone.h>
#ifdef __CUDACC__
extern "C" __global__ void mirror(const float *x, float *y, long long n) {
    long long i = blockIdx.x * 256ll + threadIdx.x;
    if (i < n) y[i] = x[i] + 0.5f * x[n - 1 - i];
}
#else
extern "C" void emulate_mirror(void **a) { /* what the stand-in starts in place of the kernel */
    auto x = *(const float **)a[0];
    auto y = *(float **)a[1];
    auto n = *(long long *)a[2];
    for (long long i = 0; i < n; i++) y[i] = x[i] + 0.5f * x[n - 1 - i];
}
extern "C" void mirror_add(const float *x, float *y, int64_t n) {
    if (n) touchstone::launch("mirror", {unsigned((n + 255) / 256)}, {256}, 0, x, y, (long long)n);
}
#endif
"""
WITH_FRAMEWORK = b"""
import cupy
import framework
from framework import ops

framework.set_device("gpu")
half = framework.jit(lambda x: x / 2)


def mirror_add(x, y):
    given = ops.from_dlpack(x)
    y[...] = cupy.from_dlpack(given + half(ops.flip(given, 0)))
"""
IN_CUPY = b"def mirror_add(x, y):\n    y[...] = x + x[::-1] / 2\n"


@pytest.fixture
def judge(
    sandbox: Sandbox, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    folder = tmp_path / "mirror-add"
    shutil.copytree(FOLDER, folder)
    (folder / "baseline" / "solution.cu").write_text(RIGHT)
    plain = load_folder(FOLDER)
    entry = replace(plain.entry, languages=("c", "cuda", "cupy", "triton"), gpu_baseline="cuda")
    task = replace(plain, entry=entry, hardware=("cpu", "gpu"))
    on_card = replace(machine, hardware_class="gpu-stand-in", card=stand_in.CARD)
    path = stand_in.built().path
    monkeypatch.setattr(kit, "driver_library", lambda: path)
    monkeypatch.setattr(
        kit, "packages", lambda: [Mount(stand_in.HERE / "packages" / "cupy", "/runtime/cupy")]
    )

    def judge(files: Bundle, kind: JobKind = JobKind.CHECK) -> Result:
        spec = JobSpec("job", "attempt", "token", kind, task.slug, task.digest, "gpu-stand-in", files, 600.0)
        with stand_in.card():
            return director.judge(
                spec, Revision(task, folder), sandbox, on_card, lambda event: None, lambda: False
            )

    return judge


@pytest.mark.slow
def test_the_doctor_looks_whether_a_guest_can_open_the_card(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stand_in.built().path
    monkeypatch.setattr(kit, "driver_library", lambda: path)
    monkeypatch.setattr(doctor.devices, "cards", lambda: [stand_in.CARD])
    monkeypatch.setattr(doctor.devices, "missing", lambda card: [])
    monkeypatch.setattr(doctor.cards, "trouble_apart", lambda card: "Xid 79")
    work, inside = doctor._cards_at_work(sandbox)
    assert (work.ok, work.words, "dmesg" in work.cure) == (False, "Xid 79", True)
    assert (inside.ok, inside.words) == (True, "guests open it")
    monkeypatch.setattr(kit, "guest_environment", lambda uuid: {"LD_LIBRARY_PATH": "/nowhere"})
    _, inside = doctor._cards_at_work(sandbox)
    assert not inside.ok
    assert "libcuda.so.1: cannot open shared object file" in inside.words
    assert "chmod 666 /dev/nvidia*" in inside.cure


@pytest.mark.parametrize(
    "files",
    [
        {"solution.cu": RIGHT.encode()},
        pytest.param({"solution_cupy.py": IN_CUPY}, marks=pytest.mark.slow),
        pytest.param({"solution_cupy.py": WITH_FRAMEWORK}, marks=pytest.mark.slow),
    ],
    ids=["cuda", "cupy", "framework"],
)
def test_a_right_submission_passes_on_the_card(judge, files: Bundle) -> None:
    result = judge(files)
    assert (result.outcome, result.reason) == (Outcome.PASSED, "all_cases_right"), result.log
    assert [case.case for case in result.cases] == ["empty", "one", "odd"]
    assert result.sandboxed


@pytest.mark.slow
def test_a_wrong_kernel_is_told_where(judge) -> None:
    result = judge({"solution.cu": RIGHT.replace("0.5f * x[n - 1 - i];", "0;").encode()})
    assert (result.outcome, result.reason) == (Outcome.WRONG_ANSWER, "wrong_value"), result.log


def test_what_nvrtc_refuses_is_a_failed_build_with_its_words(judge) -> None:
    result = judge(
        {"solution.cu": RIGHT.replace("0.5f * x[n - 1 - i];\n}\n#else", "half;\n}\n#else").encode()}
    )
    assert result.outcome == Outcome.BUILD_FAILED
    assert 'solution.cu(6): error: identifier "half" is undefined' in result.log
    assert "python3 -m tasks.cuda ./solution.cu" in result.reason_args["command"]


def test_a_language_of_processors_is_not_taken_on_a_card(judge) -> None:
    result = judge({"solution.c": b"int x;\n"})
    assert (result.outcome, result.reason) == (Outcome.BUILD_FAILED, "no_entry_file")
    assert result.reason_args["allowed"] == ["solution.cu", "solution_cupy.py", "solution_triton.py"]


@pytest.mark.slow
def test_where_triton_is_not_installed_its_jobs_are_given_back(
    judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit, "has_triton", lambda: False)
    with pytest.raises(InfrastructureFault, match="run `pip install triton torch`"):
        judge({"solution_triton.py": b"def mirror_add(x, y):\n    pass\n"})


@pytest.mark.slow
def test_it_is_timed_against_the_cards_own_baseline(judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SMALLEST", 0.0)  # how slow an empty call is here is not the matter
    result = judge({"solution.cu": RIGHT.replace("256ll", "256LL").encode()}, JobKind.RANK)
    assert (result.outcome, result.reason) == (Outcome.PASSED, "measured"), result.log
    assert result.summary.speed in (Speed.SAME, Speed.INCONCLUSIVE)
    assert result.environment["snapshot_us"] > 0
