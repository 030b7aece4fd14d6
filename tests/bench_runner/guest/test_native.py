"""The guest for C and C++: a program of its own that must keep the same protocol as the Python one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bench_runner import workspace
from bench_runner.channel import Channel
from bench_runner.devices.host import HostMemory
from bench_runner.endings import Facts
from bench_runner.errors import InfrastructureFault
from bench_runner.failure import Failed
from bench_runner.guest import records as r
from bench_runner.workspace import compile_guest
from tasks import abi
from tasks.spec import Tensor
from tests.bench_runner.test_channel import SECOND, Program

TWO = (Tensor("x", "input", "float64", ("n", "m")), Tensor("y", "output", "float64", ("n", "m")))
SUM = """
#include <stdint.h>
void f(const double *x, double *y, int64_t n, int64_t m) {
    for (int64_t i = 0; i < n * m; i++) y[i] = x[i] + 1000 * n + m;
}
"""
Load = Callable[..., tuple[Channel, Program]]


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("guest") / "main"
    compile_guest(program)
    return program


@pytest.fixture
def start(guest: Path, tmp_path: Path) -> Iterator[Load]:
    """Build a library of this source, and start a guest that may load it."""
    started: list[tuple[Channel, Program]] = []

    def begin(
        source: str, tensors: tuple[Tensor, ...] = TWO, dims: int = 2, language: str = "c"
    ) -> tuple[Channel, Program]:
        library = tmp_path / "solution.so"
        compiler = {"c": ["gcc", "-x", "c"], "cpp": ["g++", "-x", "c++"]}[language]
        subprocess.run([*compiler, "-shared", "-fPIC", "-o", library, "-"], input=source.encode(), check=True)
        facts = Facts("f", "solution.c", memory_mb=64, processes=64, wall_seconds=60.0)
        channel = Channel(tensors, HostMemory(tensors, 1 << 16, 1 << 16), facts)
        channel.renew()
        arguments = channel.arguments(language, str(tmp_path), "f", dims)
        program = Program(
            ["/bin/sh", "-c", f'exec "$@" 2>{tmp_path}/said', "guest", str(guest), *arguments], channel.fds
        )
        started.append((channel, program))
        return channel, program

    yield begin
    for channel, program in started:
        program.kill()
        channel.close()


def test_addresses_and_dims_arrive_and_change_from_call_to_call(start: Load):
    channel, program = start(SUM)
    channel.load(program, 10.0)
    for n, m in ((3, 5), (7, 11), (0, 4)):
        channel.bind([n, m], {"x": (n, m), "y": (n, m)})
        for _ in range(4):
            x = np.random.default_rng().random((n, m))
            _, outputs = channel.call({"x": x}, SECOND)
            np.testing.assert_array_equal(outputs["y"], x + 1000 * n + m)
    assert 0 < channel.empty_call() < 1


def test_as_many_tensors_and_dims_as_the_protocol_holds_arrive(start: Load):
    tensors = tuple(Tensor(f"x{i}", "input", "float32", ("n",)) for i in range(r.MOST_TENSORS - 1))
    tensors += (Tensor("y", "output", "float32", ("n",)),)
    pointers = ", ".join(f"const float *x{i}" for i in range(r.MOST_TENSORS - 1))
    sizes = ", ".join(f"int64_t d{i}" for i in range(r.MOST_DIMS))
    total = " + ".join([f"{i + 1} * x{i}[0]" for i in range(r.MOST_TENSORS - 1)])
    more = " + ".join([f"{i + 1} * d{i}" for i in range(r.MOST_DIMS)])
    channel, program = start(
        f"#include <stdint.h>\nvoid f({pointers}, float *y, {sizes}) {{ y[0] = {total}; y[1] = {more}; }}",
        tensors,
        dims=r.MOST_DIMS,
    )
    channel.load(program, 10.0)
    dims = [i + 3 for i in range(r.MOST_DIMS)]
    channel.bind(dims, {tensor.name: (2,) for tensor in tensors})
    inputs = {f"x{i}": np.full(2, i, np.float32) for i in range(r.MOST_TENSORS - 1)}
    _, outputs = channel.call(inputs, SECOND)
    assert outputs["y"].tolist() == [
        sum((i + 1) * i for i in range(r.MOST_TENSORS - 1)),
        sum((i + 1) * dim for i, dim in enumerate(dims)),
    ]


@pytest.mark.parametrize(("language", "source"), [("c", "int other;"), ("cpp", "void f(double *x) {}")])
def test_it_misses_a_function_in_the_words_of_the_other_guest(
    start: Load, tmp_path: Path, language: str, source: str
):
    channel, program = start(source, language=language)
    with pytest.raises(Failed, match="entry_missing"):
        channel.load(program, 10.0)
    with pytest.raises(abi.NoEntry) as other:
        abi.load(language, str(tmp_path), "f")
    assert str(other.value) in (tmp_path / "said").read_text()


def test_a_file_that_is_no_library_is_refused(start: Load, tmp_path: Path):
    channel, program = start(SUM)
    (tmp_path / "solution.so").write_bytes(b"no library")
    with pytest.raises(Failed):
        channel.load(program, 10.0)


def test_a_crash_ends_it(start: Load):
    channel, program = start("void f(void) { *(volatile int *)0 = 1; }")
    channel.load(program, 10.0)
    channel.bind([1, 1], {"x": (1, 1), "y": (1, 1)})
    with pytest.raises(Failed, match="crashed"):
        channel.call({"x": np.zeros((1, 1))}, SECOND)


def test_left_without_a_turn_it_keeps_its_cpu_from_nobody(start: Load):
    channel, program = start(SUM)
    channel.load(program, 10.0)
    program.thaw()
    assert program.naps()


def test_asked_to_leave_it_leaves_in_good_order(start: Load):
    channel, program = start(SUM)
    channel.load(program, 10.0)
    channel.leave()
    assert program.process.wait(5) == 0


def test_without_a_compiler_the_cure_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(workspace, "COMPILER", ("no-such-compiler",))
    with pytest.raises(InfrastructureFault, match=r"guest for C cannot be built.*bench_runner doctor"):
        compile_guest(tmp_path / "main")
