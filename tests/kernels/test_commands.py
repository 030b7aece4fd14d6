"""`python -m kernels` and what importing the package costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kernels import __main__, commands
from kernels.registry import folders, operators
from kernels.toolchain import cc, isa, nvrtc

needs_compiler = pytest.mark.skipif(not cc.available(), reason="needs gcc and g++")
ROOT = Path(__file__).parents[2]


def test_list_names_versions_and_levels(capsys: pytest.CaptureFixture[str]) -> None:
    assert __main__.main(["list", "softmax"]) == 0
    told = capsys.readouterr().out
    assert f"level {isa.chosen()} of baseline" in told
    assert "softmax: f32/bf16/f16" in told
    assert "v2_vector                cpu  baseline, avx2, avx512" in told
    assert "matmul" not in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["list", "sofmax", "softmax"], "no operator sofmax; there are: "),
        (["build", "--level", "avx3"], "no level avx3; there are: baseline, avx2, avx512, vnni, bf16, amx"),
    ],
)
def test_an_unknown_name_is_refused_with_those_that_are(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(words) == 1
    assert capsys.readouterr().err.startswith(f"python -m kernels: {told}")


@needs_compiler
def test_build_counts_what_it_compiles(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    softmax = [each for each in folders() if each.__name__.endswith(".softmax")]
    monkeypatch.setattr(commands, "folders", lambda: softmax)
    monkeypatch.setattr(nvrtc, "available", lambda: False)
    monkeypatch.setattr(cc, "BUILT", tmp_path / "built")
    assert __main__.main(["build", "--level", isa.chosen(), "--in-package"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"1/1 softmax {isa.chosen()}: softmax-{isa.chosen()}-")
    assert "NVRTC is not installed" in told
    assert len(list((tmp_path / "built").glob("*.so"))) == 1


def test_for_one_card_only_what_it_runs_is_compiled(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def compile_source(source: Path, arch: str, folder: Path | None = None) -> Any:
        asked.append((source.name, arch, folder))
        return SimpleNamespace(path=source)

    monkeypatch.setattr(commands, "operators", lambda: {"matmul": operators()["matmul"]})
    monkeypatch.setattr(nvrtc, "available", lambda: True)
    monkeypatch.setattr(nvrtc, "compile_source", compile_source)
    monkeypatch.setattr(cc, "BUILT", tmp_path / "built")
    assert __main__.main(["build", "--card", "sm_86", "--in-package"]) == 0
    assert {arch for _, arch, _ in asked} == {"sm_80"}, "code for sm_80 runs on it"
    assert {folder for _, _, folder in asked} == {tmp_path / "built"}
    asked.clear()
    assert __main__.main(["build", "--card", "sm_90a"]) == 0
    assert ("v3_wgmma.cu", "sm_90a", None) in asked
    assert __main__.main(["build", "--card", "h100"]) == 1
    assert "'h100' is no architecture of a card; sm_80, sm_90a or the like" in capsys.readouterr().err


def test_a_package_that_cannot_be_written_to_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(cc, "BUILT", tmp_path / "file" / "built")
    assert __main__.main(["build", "--in-package"]) == 1
    assert "cannot be made" in capsys.readouterr().err


def test_importing_the_package_loads_nothing_else() -> None:
    code = (
        "import sys, kernels; "
        "print(sorted(each for each in sys.modules if each.startswith(('kernels', 'numpy'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "['kernels', 'kernels.catalog']"
