"""CUDA C++ to cubins without a card: what comes out, what is kept, what is refused and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernels.errors import BuildFailed
from kernels.toolchain import cc, nvrtc

needs_nvrtc = pytest.mark.skipif(not nvrtc.available(), reason=f"needs NVRTC: {nvrtc.CURE}")
TWICE = """
extern "C" __global__ void twice(float *x) { x[threadIdx.x] *= 2; }
extern "C" __global__ void thrice(float *x) {
    __shared__ float a[64];
    a[threadIdx.x] = x[0];
    __syncthreads();
    x[threadIdx.x] *= a[3];
}
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cc.VARIABLE, str(tmp_path / "cache"))
    path = tmp_path / "op" / "v1.cu"
    path.parent.mkdir()
    path.write_text(TWICE)
    return path


@needs_nvrtc
def test_a_cubin_and_what_its_kernels_take(source: Path) -> None:
    found = nvrtc.compile_source(source, "sm_80")
    assert found.path.read_bytes()[:4] == b"\x7fELF"
    assert found.path.stat().st_mode & 0o777 == cc.READABLE, "also by who did not build it"
    assert set(found.kernels) == {"twice", "thrice"}
    assert 0 < found.kernels["twice"].registers < 20
    assert (found.kernels["twice"].shared, found.kernels["thrice"].shared) == (0, 256)
    assert found.kernels["thrice"].spill_stores == found.kernels["thrice"].stack == 0


@needs_nvrtc
def test_the_same_source_is_compiled_once(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = nvrtc.compile_source(source, "sm_80")
    monkeypatch.setattr(nvrtc, "_compile", lambda *_: pytest.fail("compiled again"))
    assert nvrtc.compile_source(source, "sm_80") == first


@needs_nvrtc
@pytest.mark.parametrize("change", ["source", "header", "option", "arch"])
def test_whatever_goes_into_a_cubin_gives_it_another_name(source: Path, change: str) -> None:
    first = nvrtc.compile_source(source, "sm_80").path
    if change == "source":
        source.write_text(TWICE + "\n")
    if change == "header":
        (source.parent / "part.cuh").write_text("#pragma once\n")
    arch = "sm_90a" if change == "arch" else "sm_80"
    assert nvrtc.compile_source(source, arch, ["-lineinfo"] if change == "option" else ()).path != first


@needs_nvrtc
def test_a_fault_in_the_source_is_told_with_its_line(source: Path) -> None:
    source.write_text('extern "C" __global__ void f(float *x) {\n    x[0] = nonsense;\n}\n')
    with pytest.raises(
        BuildFailed, match=r'sm_80: it does not compile(.|\n)*\(2\): error: identifier "nonsense"'
    ):
        nvrtc.compile_source(source, "sm_80")


@pytest.mark.parametrize(
    ("warning", "told"),
    [
        ("(C7510) Potential Performance Loss: wgmma", "C7510"),
        (
            "(C7518) Potential Performance Loss: wgmma.mma_async instructions are serialized",
            "instructions are",
        ),
    ],
)
def test_serialised_wgmma_is_a_fault(
    source: Path, monkeypatch: pytest.MonkeyPatch, warning: str, told: str
) -> None:
    class Nvrtc:
        """Compiles everything, with a warning."""

        def __getattr__(self, name: str) -> object:
            return lambda *_: 0

    monkeypatch.setattr(nvrtc, "_nvrtc", Nvrtc)
    monkeypatch.setattr(nvrtc, "_bytes", lambda *_: b"ptxas info : " + warning.encode())
    with pytest.raises(BuildFailed, match=f"ptxas warns of {told}"):
        nvrtc._compile(source, "sm_90a", ())


def test_without_nvrtc_what_was_compiled_before_serves_and_else_the_cure_is_told(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nvrtc, "_library_path", lambda: None)
    nvrtc._nvrtc.cache_clear()
    with pytest.raises(BuildFailed, match="not installed\\. Cure: pip install nvidia-cuda-nvrtc"):
        nvrtc.compile_source(source, "sm_80")
    name = f"op-v1-sm_80-{nvrtc._digest(source, 'sm_80', ())}-13.0.cubin"
    (cc.cache() / name).write_bytes(b"\x7fELF")
    (cc.cache() / name).with_suffix(".log").write_text("")
    assert nvrtc.compile_source(source, "sm_80").path == cc.cache() / name
