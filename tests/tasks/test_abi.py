"""The calling convention, for each language, on real buffers."""

from __future__ import annotations

import ctypes
import math
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tasks import abi
from tasks.languages import LANGUAGES, for_device, of_files

BODY = "{ for (int64_t i = 0; i < n * m; i++) y[i] = (float)(2 * x[i] + (double)n); }"
SOURCES = {
    "c": f"#include <stdint.h>\nvoid twice(const double *x, float *y, int64_t n, int64_t m) {BODY}",
    "cpp": '#include <cstdint>\nextern "C" void twice(const double *x, float *y, int64_t n, int64_t m)'
    + BODY,
    "python": "import beside\ndef twice(x, y):\n    y[:] = beside.TWO * x + x.shape[0]\n",
}


def artefact(language: str, source: str, folder: Path) -> Path:
    """Build `source`; the folder that holds the artefact."""
    src, out = folder / "src", folder / "out"
    src.mkdir()
    out.mkdir()
    (src / LANGUAGES[language].entry).write_text(source)
    command = LANGUAGES[language].build_command(out, src)
    if command is None:
        return src
    subprocess.run(command, check=True, timeout=60)
    return out


@pytest.fixture
def import_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a Python submission changes the import state of its process, which here is the test's."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("solution", "solution_triton", "beside"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def slots_of(x: np.ndarray, y: np.ndarray) -> list[abi.Slot]:
    return [
        abi.Slot(x.ctypes.data, "float64", x.shape, False),
        abi.Slot(y.ctypes.data, "float32", y.shape, True),
    ]


@pytest.mark.usefixtures("import_state")
@pytest.mark.parametrize("language", for_device("cpu"))
def test_a_submission_fills_the_outputs_from_the_inputs(language: str, tmp_path: Path) -> None:
    folder = artefact(language, SOURCES[language], tmp_path)
    (folder / "beside.py").write_text("TWO = 2\n")
    function = abi.load(language, str(folder), "twice")
    x, y = np.arange(6.0).reshape(3, 2), np.full((3, 2), np.nan, np.float32)
    call = abi.bind(language, function, slots_of(x, y), [3, 2])
    for _ in range(2):  # a bound call may be repeated: it sees what is in the buffers now
        x += 1
        call()
        assert np.array_equal(y, (2 * x + 3).astype(np.float32))


@pytest.mark.usefixtures("import_state")
def test_an_empty_tensor_is_passed_as_such(tmp_path: Path) -> None:
    source = "def twice(x, y):\n    assert x.shape == (0, 2) and y.shape == (0, 2)\n"
    function = abi.load("python", str(artefact("python", source, tmp_path)), "twice")
    slots = [abi.Slot(0, "float64", (0, 2), False), abi.Slot(0, "float32", (0, 2), True)]
    abi.bind("python", function, slots, [0, 2])()


@pytest.mark.usefixtures("import_state")
@pytest.mark.parametrize("dtype", abi.ITEM_BYTES)
def test_triton_gets_torch_tensors_on_memory_that_others_own(
    dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))

    def as_tensor(words: Any, device: str) -> np.ndarray:
        told = words.__cuda_array_interface__
        assert (device, told["version"], told["data"][1]) == ("cuda", 3, False)
        size = math.prod(told["shape"]) * np.dtype(told["typestr"]).itemsize
        memory: Any = (ctypes.c_char * size).from_address(told["data"][0])
        return np.ndarray(told["shape"], told["typestr"], buffer=memory)

    torch = SimpleNamespace(as_tensor=as_tensor, empty=lambda shape, dtype, device: np.empty(shape, dtype))
    setattr(torch, dtype, kind)
    monkeypatch.setitem(sys.modules, "torch", torch)
    folder = artefact(
        "triton", "def twice(x, none, y):\n    y[...] = 2 * x\n    assert none.size == 0\n", tmp_path
    )
    x, y = np.arange(6).astype(kind).reshape(3, 2), np.zeros((3, 2), kind)
    slots = [abi.Slot(each.ctypes.data, dtype, each.shape, True) for each in (x, np.empty((0, 2)), y)]
    abi.bind("triton", abi.load("triton", str(folder), "twice"), slots, [3, 2])()
    assert np.array_equal(y, 2 * x)


@pytest.mark.usefixtures("import_state")
def test_python_sees_its_inputs_as_read_only(tmp_path: Path) -> None:
    source = "def twice(x, y):\n    x[:] = 0\n"
    function = abi.load("python", str(artefact("python", source, tmp_path)), "twice")
    x, y = np.ones((1, 1)), np.ones((1, 1), np.float32)
    with pytest.raises(ValueError, match="read-only"):
        abi.bind("python", function, slots_of(x, y), [1, 1])()
    assert x[0, 0] == 1


@pytest.mark.usefixtures("import_state")
@pytest.mark.parametrize(
    ("language", "source", "sentence"),
    [
        ("c", "void other(void) {}", "no function 'twice'; define one with that name, not static"),
        (
            "cpp",
            "void twice() {}",
            "no function 'twice'; define one with that name declared extern \"C\", not static",
        ),
        ("python", "twice = 2\n", r"solution\.py has no function 'twice'; define one with that name"),
    ],
)
def test_a_missing_function_is_named(language: str, source: str, sentence: str, tmp_path: Path) -> None:
    folder = artefact(language, source, tmp_path)
    with pytest.raises(abi.NoEntry, match=sentence):
        abi.load(language, str(folder), "twice")


def test_an_artefact_that_is_no_library_does_not_load(tmp_path: Path) -> None:
    (tmp_path / "solution.so").write_bytes(b"not a library")
    with pytest.raises(abi.NoEntry, match=r"solution\.so does not load"):
        abi.load("c", str(tmp_path), "twice")


def test_a_call_costs_microseconds_at_most() -> None:
    function = ctypes.CDLL(None).abs
    call = abi.bind("c", function, [abi.Slot(4096, "float32", (1,), False)] * 3, [1, 2])
    begin = np.datetime64("now")
    for _ in range(20_000):
        call()
    assert np.datetime64("now") - begin < np.timedelta64(2, "s")  # measured 0.6 µs a call


def test_the_calling_convention_imports_nothing_of_this_project() -> None:
    """It is mounted into the sandbox beside the guest, alone."""
    path = Path(abi.__file__)
    code = f"import sys; sys.path.insert(0, {str(path.parent)!r}); import abi; print('numpy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=30
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")


def test_a_function_that_exists_nowhere_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "solution.c").write_text("void nowhere(void); void twice(void) { nowhere(); }")
    command = LANGUAGES["c"].build_command(tmp_path, tmp_path)
    assert command is not None
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "undefined reference to `nowhere'" in done.stderr


def test_the_language_of_a_submission_is_told_by_its_entry_file() -> None:
    assert of_files({"solution.c": b"", "fast.h": b""}, ("c", "python")) == ("c",)
    assert of_files(["solution.c", "solution.py"], ("c", "python")) == ("c", "python")
    assert of_files(["solution.cpp"], ("c", "python")) == ()
