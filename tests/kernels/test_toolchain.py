"""Compiling, keeping and choosing: what is built once, what is refused, what happens without a compiler."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernels import compiled
from kernels.errors import BadArgument, BuildFailed
from kernels.toolchain import cc, isa

needs_compiler = pytest.mark.skipif(not cc.available(), reason="needs gcc and g++")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cc.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "answer.h").write_text("#define ANSWER 42\n")
    (tmp_path / "other.h").write_text("#define OTHER 1\n")
    path = tmp_path / "answer.c"
    path.write_text('#include "answer.h"\n#include "kernel.h"\nKERNEL answer(void) { return ANSWER; }\n')
    return path


def answer(path: Path) -> int:
    return int(cc.load(path).answer())


def libraries(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.so")}


# ---- compile, keep


@needs_compiler
def test_what_was_built_is_not_built_again(
    cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cc.library("answer", [cc.Unit(source)])
    assert answer(first) == 42
    monkeypatch.setattr(cc, "_run", None)
    assert cc.library("answer", [cc.Unit(source)]) == first


@needs_compiler
def test_what_one_user_built_beside_the_sources_another_can_load(
    cache: Path, source: Path, tmp_path: Path
) -> None:
    built = cc.library("answer", [cc.Unit(source)], tmp_path)
    assert built.stat().st_mode & 0o777 == 0o755


@needs_compiler
def test_source_flags_and_included_headers_name_a_library(cache: Path, source: Path) -> None:
    first = cc.library("answer", [cc.Unit(source)])
    (source.parent / "other.h").write_text("#define OTHER 2\n")
    assert cc.library("answer", [cc.Unit(source)]) == first
    (source.parent / "answer.h").write_text("#define ANSWER 43\n")
    second = cc.library("answer", [cc.Unit(source)])
    third = cc.library("answer", [cc.Unit(source, ("-DFLAG",))])
    assert len({first, second, third}) == 3
    assert answer(second) == 43


@needs_compiler
def test_our_headers_do_not_hide_those_of_the_system(cache: Path, source: Path) -> None:
    source.write_text("#include <math.h>\n" + source.read_text())
    assert (cc.INCLUDE / "math.h").is_file()
    assert answer(cc.library("answer", [cc.Unit(source)])) == 42


@needs_compiler
def test_two_processes_may_build_the_same_at_once(cache: Path, source: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from kernels.toolchain import cc;"
        "path = cc.library('answer', [cc.Unit(Path(sys.argv[1]))]); print(cc.load(path).answer())"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(source)], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [each.communicate(timeout=60)[0] for each in running] == [b"42\n"] * 3
    assert len(libraries(cache)) == 1
    assert [path.name for path in cache.glob(".*") if path.suffix != ".lock"] == []


@needs_compiler
def test_a_source_that_does_not_compile_is_told_in_the_words_of_the_compiler(
    cache: Path, source: Path
) -> None:
    source.write_text("int broken(void) { return nowhere; }\n")
    with pytest.raises(BuildFailed, match=r"answer\.c(.|\n)*error: .nowhere. undeclared"):
        cc.library("answer", [cc.Unit(source)])
    assert libraries(cache) == set()


@needs_compiler
def test_a_compiler_that_hangs_is_stopped(cache: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cc._version("gcc"), cc._version("g++")
    monkeypatch.setattr(cc, "TIME_LIMIT", 0.001)
    with pytest.raises(BuildFailed, match="not done after 0 s"):
        cc.library("answer", [cc.Unit(source)])


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_cache_that_others_may_write_to_is_refused(cache: Path, mode: int) -> None:
    cache.mkdir()
    cache.chmod(mode)
    with pytest.raises(BuildFailed, match=f"with mode {mode:o}.*set KERNELS_CACHE to a folder of yours"):
        cc.cache()


def test_a_new_cache_is_for_us_alone(cache: Path) -> None:
    assert cc.cache() == cache
    assert cache.stat().st_mode & 0o777 == 0o700


def test_where_no_cache_can_be_made_the_cure_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(cc.VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(BuildFailed, match="set KERNELS_CACHE to one"):
        cc.cache()


# ---- without a compiler


def run_without_compiler(code: str, tmp_path: Path, **settings: str) -> str:
    nowhere = str(tmp_path / "empty")
    environment = {"PATH": nowhere, "HOME": nowhere, cc.VARIABLE: nowhere, "BUILT": nowhere, **settings}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


CALLS = """
import os, warnings
import numpy as np
import kernels
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from kernels.toolchain import cc
cc.BUILT = Path(os.environ["BUILT"])
x = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    y = kernels.softmax(x)
    assert np.allclose(y.sum(-1), 1)
    kernels.softmax(x[:2], out=y[:2])
    kernels.log_softmax(x)
print([f"{each.category.__name__} {Path(each.filename).name}: {each.message}" for each in told])
"""


def test_without_a_compiler_numpy_computes_and_one_warning_says_so(tmp_path: Path) -> None:
    told = run_without_compiler(CALLS, tmp_path)
    assert told.count("RuntimeWarning <string>: kernels: no C compiler") == 1
    assert "apt-get install gcc g++" in told


def test_without_a_compiler_a_version_asked_for_by_name_is_refused(tmp_path: Path) -> None:
    code = CALLS + (
        "\ntry:\n    kernels.softmax(x, version='v2_vector')\n"
        "except kernels.errors.BuildFailed as refused:\n    print('refused:', refused)\n"
    )
    assert "refused: no compiler 'g" in run_without_compiler(code, tmp_path)


@needs_compiler
@pytest.mark.parametrize("place", ["package", "cache"])
def test_what_was_compiled_elsewhere_serves_without_a_compiler(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "copied"
    folder.mkdir(mode=0o700)
    compiled.build("kernels.ops.softmax", isa.chosen(), folder)
    settings = {"BUILT": str(folder)} if place == "package" else {cc.VARIABLE: str(folder)}
    told = run_without_compiler(CALLS + "kernels.softmax(x, version='v2_vector')", tmp_path, **settings)
    assert told.strip() == "[]"


# ---- levels


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """What the processor and the system say can be changed."""
    isa._barrier.cache_clear()
    monkeypatch.delenv(isa.VARIABLE, raising=False)
    yield monkeypatch
    isa._barrier.cache_clear()


EVERYTHING = set().union(*isa._NEEDED.values())


@pytest.mark.parametrize(
    ("lacking", "levels", "why"),
    [
        (set(), isa.LEVELS, ""),
        ({"amx_tile"}, isa.LEVELS[:-1], "not amx: the processor lacks amx_tile"),
        ({"avx512_bf16"}, isa.LEVELS[:-2], "not bf16: the processor lacks avx512_bf16"),
        ({"avx512_vnni"}, ("baseline", "avx2", "avx512"), "not vnni: the processor lacks avx512_vnni"),
        ({"avx512f", "avx512bw"}, ("baseline", "avx2"), "not avx512: the processor lacks avx512bw, avx512f"),
        (EVERYTHING, ("baseline",), "not avx2: the processor lacks avx2, bmi1"),
    ],
)
def test_levels_are_those_the_processor_has(
    lacking: set[str], levels: tuple[str, ...], why: str, processor: pytest.MonkeyPatch
) -> None:
    processor.setattr(isa, "_cpu_flags", lambda: EVERYTHING - lacking)
    processor.setattr(isa, "_amx_permitted", lambda: True)
    assert isa.available() == levels
    assert isa.chosen() == levels[-1]
    assert isa.missing().startswith(why)


def test_tiles_that_the_system_refuses_are_not_used(processor: pytest.MonkeyPatch) -> None:
    processor.setattr(isa, "_cpu_flags", lambda: EVERYTHING)
    processor.setattr(isa, "_amx_permitted", lambda: False)
    assert isa.chosen() == "bf16"
    assert isa.missing() == "not amx: the system refuses the tile registers"


@pytest.mark.parametrize("wanted", ["avx512", "sse9", "AVX2"])
def test_a_level_that_is_not_there_is_refused(wanted: str, processor: pytest.MonkeyPatch) -> None:
    processor.setattr(isa, "_cpu_flags", lambda: isa._NEEDED["avx2"])
    processor.setenv(isa.VARIABLE, wanted)
    with pytest.raises(BadArgument, match=f"KERNELS_ISA is '{wanted}'; this processor runs: baseline, avx2$"):
        isa.chosen()


def test_a_process_can_be_held_down_to_a_lower_level(processor: pytest.MonkeyPatch) -> None:
    processor.setattr(isa, "_cpu_flags", lambda: EVERYTHING)
    processor.setenv(isa.VARIABLE, "avx2")
    assert isa.chosen() == "avx2"


def test_the_best_of_the_levels_a_source_is_compiled_for_serves() -> None:
    assert isa.best_of(("baseline", "avx512"), "amx") == "avx512"
    assert isa.best_of(("baseline", "avx512"), "avx2") == "baseline"
    assert isa.best_of(("amx",), "vnni") is None


# ---- the way in


@needs_compiler
def test_whole_and_real_numbers_find_their_places_in_any_order(cache: Path, source: Path) -> None:
    """A kernel of twelve whole and eight real arguments, through enter.c."""
    mixed = ", ".join(f"int64_t i{k}" + (f", double d{k}" if k < 8 else "") for k in range(12))
    weighted = " + ".join(f"{k + 1} * i{k}" for k in range(12))
    real = " + ".join(f"{k + 1} * (int64_t)d{k}" for k in range(8))
    source.write_text(
        f'#include "kernel.h"\nKERNEL mixed({mixed}, int threads) '
        f"{{ return (int)(({weighted}) * 1000 + ({real})) * 10 + threads; }}\n"
    )
    library = cc.load(cc.library("mixed", [cc.Unit(source), cc.Unit(compiled.ENTRY)]))
    count = ctypes.c_int(3)
    block = compiled.Block(
        kernel=ctypes.cast(library.mixed, ctypes.c_void_p).value,
        threads=ctypes.addressof(count),
        whole_numbers=12,
        in_place=-1,
    )
    block.whole[:12], block.real[:8] = range(1, 13), [float(k) for k in range(8)]
    wanted = sum((k + 1) ** 2 for k in range(12)) * 1000 + sum((k + 1) * k for k in range(8))
    assert library.kernels_enter(ctypes.c_void_p(ctypes.addressof(block))) == wanted * 10 + 3
