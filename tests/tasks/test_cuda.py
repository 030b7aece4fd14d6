"""One file of CUDA C++ becomes one library, without a card; and what the compilers say when it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks import cuda

ROOT = Path(cuda.__file__).parents[1]
SOURCE = """
#include <touchstone.h>
#ifdef __CUDACC__
extern "C" __global__ void twice(const float *x, float *y, long long n) {
    long long i = blockIdx.x * 256ll + threadIdx.x;
    if (i < n) y[i] = 2 * x[i];
}
#else
extern "C" void f(const float *x, float *y, int64_t n) {
    touchstone::launch("twice", {unsigned((n + 255) / 256)}, {256}, 0, x, y, (long long)n);
}
#endif
"""
needs_nvrtc = pytest.mark.skipif(cuda.nvrtc() is None, reason=f"needs NVRTC: {cuda.CURE}")


def _compile(source: str, folder: Path, arch: str) -> subprocess.CompletedProcess[str]:
    file = folder / "solution.cu"
    file.write_text(source)
    words = [str(file), str(folder / "solution.so"), *([arch] if arch else [])]
    command = [sys.executable, "-m", "tasks.cuda", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.slow
@needs_nvrtc
@pytest.mark.parametrize("arch", ["", pytest.param("sm_90a", marks=pytest.mark.slow)])
def test_a_file_is_compiled_for_card_and_host(arch: str, tmp_path: Path) -> None:
    done = _compile(SOURCE, tmp_path, arch)
    assert done.returncode == 0, done.stderr
    found = subprocess.run(
        ["nm", "-D", tmp_path / "solution.so"], capture_output=True, text=True, check=True
    ).stdout
    assert {"T f", "R touchstone_cubin"} <= {line[17:] for line in found.splitlines()}
    assert (tmp_path / "solution.so").read_bytes().count(b"\x7fELF") == 2  # its own, and the card's code


@needs_nvrtc
@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("y[i] = 2", "z[i] = 2", 'solution.cu(6): error: identifier "z" is undefined'),
        ("touchstone::launch(", "touchstone::start(", "solution.cu:10:17: error:"),
    ],
    ids=["on the card", "on the host"],
)
def test_a_fault_is_told_with_its_place_on_either_side(
    right: str, wrong: str, sentence: str, tmp_path: Path
) -> None:
    done = _compile(SOURCE.replace(right, wrong), tmp_path, "sm_80")
    assert done.returncode == 1
    assert sentence in done.stderr


def test_without_a_compiler_the_cure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cuda.WHEELS, str(tmp_path))
    monkeypatch.setattr(cuda.shutil, "which", lambda *_, **__: None)
    cuda.nvrtc.cache_clear()
    try:
        with pytest.raises(cuda.BuildError, match="pip install nvidia-cuda-nvrtc"):
            cuda.compile_cubin(str(tmp_path / "solution.cu"), "sm_80")
    finally:
        cuda.nvrtc.cache_clear()


def test_without_nvrtc_the_compiler_of_the_toolkit_is_used_and_without_both_the_cure_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "solution.cu").write_text(SOURCE)
    nvcc = tmp_path / "nvcc"
    nvcc.write_text('#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho code for a card > "$2"\n')
    nvcc.chmod(0o755)
    monkeypatch.setattr(cuda, "nvrtc", lambda: None)
    monkeypatch.setattr(cuda, "nvcc", lambda: str(nvcc))
    assert cuda.version() == str(nvcc)
    assert cuda.compile_cubin(str(tmp_path / "solution.cu"), "sm_80") == b"code for a card\n"
    monkeypatch.setattr(cuda, "nvcc", lambda: None)
    assert cuda.version() == "none"
    with pytest.raises(cuda.BuildError, match="pip install nvidia-cuda-nvrtc"):
        cuda.compile_cubin(str(tmp_path / "solution.cu"), "sm_80")
