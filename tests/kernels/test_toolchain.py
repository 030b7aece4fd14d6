"""Compiling, keeping and choosing: what is built once, what is refused, what happens without a compiler."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kernels import __main__, commands, compiled, threads
from kernels.errors import BadArgument, BuildFailed
from kernels.registry import folders, operators
from kernels.toolchain import cc, isa, nvrtc

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
def test_openmps_threads_are_told_to_sleep_unless_somebody_says_otherwise(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
    #include <stdlib.h>
    const char *told;
    __attribute__((constructor)) static void begin(void) { told = getenv("OMP_WAIT_POLICY"); }
    __attribute__((visibility("default"))) int has_been_told(void) { return told != 0; }
    """
    for given, told in ((None, 1), ("300000", 0)):
        monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
        monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
        if given:
            monkeypatch.setenv("GOMP_SPINCOUNT", given)
        unit = tmp_path / f"told{told}.c"
        unit.write_text(text)
        path = cc.library("told", [cc.Unit(unit)])
        monkeypatch.setattr(cc, "OPENMP", str(path))
        cc._keep_openmp.__wrapped__()
        assert ctypes.CDLL(str(path)).has_been_told() == told
        assert "OMP_WAIT_POLICY" not in os.environ


@needs_compiler
def test_threads_outlive_the_last_library_that_used_them(cache: Path, tmp_path: Path) -> None:
    """They wait in OpenMP's code: were that unloaded too, they would wake up nowhere."""
    unit = tmp_path / "many.c"
    unit.write_text("""
    __attribute__((visibility("default"))) int many(void)
    {
        int count = 0;
    #pragma omp parallel num_threads(4) reduction(+ : count)
        count++;
        return count;
    }
    """)
    script = f"""
import _ctypes, time
from pathlib import Path
from kernels.toolchain import cc
for _ in range(20):
    library = cc.load(Path({str(cc.library("many", [cc.Unit(unit)]))!r}))
    assert library.many() == 4
    _ctypes.dlclose(library._handle)
    time.sleep(0.002)
"""
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


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
        ({"amx_tile"}, ("baseline", "avx2", "avx512", "vnni"), "not amx: the processor lacks amx_tile"),
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
    assert isa.chosen() == "vnni"
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


# ---- threads


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5", "1025", "٣"])
def test_a_number_of_threads_that_is_none_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(threads.VARIABLE, given)
    with pytest.raises(
        BadArgument, match=f"KERNELS_NUM_THREADS is '{given}'; set it to a whole number from 1"
    ):
        threads._from_environment()


def test_the_environment_says_how_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(threads.VARIABLE, " 3 ")
    assert threads._from_environment() == 3
    monkeypatch.setenv(threads.VARIABLE, "")
    assert threads._from_environment() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("given", [0, -2, 1.5, "2", None, 2**40])
def test_threads_can_only_be_set_to_a_number(given: object) -> None:
    before = threads.get_num_threads()
    with pytest.raises(BadArgument, match=r"set_num_threads: .* given; a whole number from 1 to 1024"):
        threads.set_num_threads(given)  # type: ignore[arg-type]
    assert threads.get_num_threads() == before


FORKED = """
import os, sys
import numpy as np
import kernels
kernels.set_num_threads(2)
x = np.ones((4096, 256), np.float32)
kernels.softmax(x)
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert kernels.get_num_threads() == 1
assert kernels.softmax(x)[0, 0] == 1 / 256
try:
    kernels.set_num_threads(2)
except kernels.errors.BadArgument as refused:
    assert "start method spawn" in str(refused)
    os._exit(0)
os._exit(1)
"""


@needs_compiler
def test_a_forked_child_computes_in_one_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


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


# ---- commands


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
        (["build", "--level", "avx3"], "no level avx3; there are: baseline, avx2, avx512, vnni, amx"),
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
    assert len(libraries(tmp_path / "built")) == 1


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
