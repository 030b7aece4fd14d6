"""What a card is told, without one: which kernel, how many threads, with which arguments; at sizes that fit
into no memory too. And what it would compute, on the emulator.
"""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pytest

import kernels
from kernels.call import call
from kernels.dtypes import BY_NAME
from kernels.errors import BadArgument, NoVersion
from kernels.registry import Cuda, Operator, operators
from kernels.toolchain import launch
from tests.kernels.stand_ins import (
    CAN_EMULATE,
    Array,
    Emulated,
    Launched,
    Phantom,
    Recorder,
    as_taken,
    emulate,
    faults,
    in_place,
    parameters,
    record,
)
from tests.kernels.trying import Trial, a_few, trials

WITH_CUDA = {
    name: [each.name for each in operator.versions if isinstance(each, Cuda)]
    for name, operator in operators().items()
    if any(isinstance(each, Cuda) for each in operator.versions)
}
VERSIONS = [(name, version) for name, versions in WITH_CUDA.items() for version in versions]
# What is emulated in each run; `make test SLOW=1` emulates every version on every case.
ALWAYS = ("softmax", "transpose")
C_TYPES = {
    "f64": "double",
    "f32": "float",
    "f16": "f16",
    "bf16": "bf16",
    "i64": "i64",
    "i32": "int",
    "i8": "signed char",
    "u8": "u8",
    "bool": "u8",
}
# Operators whose better versions let a block go on to its next piece of work.
STRIDING = {
    "activations",
    "adam",
    "cross_entropy",
    "embedding",
    "histogram",
    "layer_norm",
    "reduce",
    "rms_norm",
    "rope",
    "sampling",
    "scan",
    "softmax",
    "sort",
    "top_k",
    "transpose",
}
GRID, BLOCK = (2**31 - 1, 65535, 65535), (1024, 1024, 64)
SHARED = {"sm_80": 163 << 10, "sm_90a": 227 << 10, "sm_120a": 99 << 10}  # bytes that a block may have
needs_emulator = pytest.mark.skipif(not CAN_EMULATE, reason="needs g++ on x86-64")


def check(
    operator: Operator, name: str, kinds: dict[str, str], driver: Recorder, operands: list[Any]
) -> None:
    """Hold every launch of a version against the schema, the kernel's parameters and the limits of cards."""
    schema = operator.schema
    version = next(each for each in operator.versions if isinstance(each, Cuda) and each.name == name)
    names = [*schema.dimensions(), *(each.name for each in schema.attributes)]
    for each in driver.launched:
        check_size(each, min(SHARED[arch] for arch in version.archs))
        given = parameters(each.source).get(each.symbol)
        assert given, f"{each.source} has no kernel {each.symbol}"
        scratch = driver.made[len(driver.made) - 1] if given[-1][1] == "scratch" else None
        wanted = [
            f"{'' if array.update or i >= len(schema.inputs) else 'const '}"
            f"{C_TYPES[kinds.get(array.dtype, array.dtype)]} *{array.name}"
            for i, array in enumerate(schema.arrays)
        ]
        wanted += [f"i64 {name}" for name in schema.dimensions()]
        wanted += [f"{'double' if a.kind == 'float' else 'i64'} {a.name}" for a in schema.attributes]
        wanted += ["void *scratch"] if scratch is not None else []
        given = [(kind.replace("i8", C_TYPES["i8"]), name) for kind, name in given]
        said = [f"{kind}{'' if kind.endswith('*') else ' '}{name}" for kind, name in given]
        for i in range(len(schema.arrays) + len(schema.dimensions()), len(schema.arrays) + len(names)):
            said[i] = said[i].replace(given[i][1], names[i - len(schema.arrays)])  # attributes by any name
        assert said == wanted, f"{each.symbol} is not what the schema says"
        assert len(each.arguments) == len(given)
        addresses = [0 if array is None else array.data.ptr for array in operands]
        assert [int(a) for a in each.arguments[: len(addresses)]] == addresses
        for name, argument in zip(names, each.arguments[len(addresses) :], strict=False):
            assert isinstance(argument, np.float64 if name in floats(operator) else np.int64)
        if scratch is not None:
            assert int(each.arguments[-1]) == scratch.data.ptr


def floats(operator: Operator) -> set[str]:
    return {each.name for each in operator.schema.attributes if each.kind == "float"}


def check_size(each: Launched, shared: int) -> None:
    assert all(1 <= a <= b for a, b in zip(each.grid, GRID, strict=True)), each
    assert all(1 <= a <= b for a, b in zip(each.block, BLOCK, strict=True)), each
    threads = math.prod(each.block)
    assert threads <= 1024, each
    assert threads % 32 == 0, each
    assert each.shared <= shared, each


@needs_emulator
@pytest.mark.parametrize("name", sorted(WITH_CUDA))
def test_what_is_launched_fits_the_kernel_and_the_card(name: str) -> None:
    operator = operators()[name]
    served = set()
    for trial in trials(operator, 3000):
        for version in WITH_CUDA[name]:
            with contextlib.suppress(NoVersion):
                driver, operands = record(trial, version)
                check(operator, version, dict(trial.kinds), driver, operands)
                served.add(version)
    assert served == set(WITH_CUDA[name])


HUGE: list[tuple[str, list[tuple[int, ...]], tuple[Any, ...]]] = [
    ("softmax", [(2**33, 3)], ()),
    ("softmax", [(3, 2**33)], ()),
    ("softmax", [(2**33 + 1,)], ()),
    ("softmax_grad", [(2**20, 2**14)] * 2, ()),
    ("layer_norm_grad", [(2**31 + 7, 64), (2**31 + 7, 64), (64,)], (1e-5,)),
    ("rms_norm_grad", [(5, 2**32), (5, 2**32), (2**32,)], (1e-5,)),
    ("relu", [(2**40 + 1,)], ()),
    ("swiglu_grad", [(2**32 + 5,)] * 3, ()),
    ("reduce_sum", [(1, 2**35 + 1, 1)], ()),
    ("reduce_sum", [(2**33, 2, 1)], ()),
    ("reduce_max", [(2, 2**31, 3)], ()),
    ("transpose", [(2**17, 2**17 + 1)], ()),
    ("cumsum", [(2**32, 5)], (False,)),
    ("argmax", [(1, 2**32)], ()),
    ("histogram", [(2**34,)], (256, 0.0, 1.0)),
]


@needs_emulator
@pytest.mark.parametrize(("name", "shapes", "attributes"), HUGE)
def test_huge_arrays_are_launched_with_their_true_sizes(
    name: str, shapes: list[tuple[int, ...]], attributes: tuple[Any, ...]
) -> None:
    operator = operators()[name]
    for version in WITH_CUDA[name]:
        inputs = tuple(Phantom(shape, np.float32) for shape in shapes)
        absent = len(operator.schema.inputs) - len(inputs)
        with in_place(Recorder(), operator) as driver:
            found = call(operator, (*inputs, *[None] * absent), attributes, None, version)
        outs = list(found) if isinstance(found, tuple) else [found]
        check(operator, version, {"T": "f32"}, driver, [*inputs, *[None] * absent, *outs])
        sizes = {int(each) for each in driver.launched[0].arguments if isinstance(each, np.int64)}
        assert all(size in sizes or math.prod(shape) in sizes for shape in shapes for size in shape)


def test_the_public_function_launches_and_returns_what_it_was_given() -> None:
    x, out = Phantom((4096, 1024), np.float32), Phantom((4096, 1024), np.float32)
    with in_place(Recorder(), operators()["softmax"]) as driver:
        assert kernels.softmax(x, out=out) is out
        kernels.softmax(x, out=out)
    assert [each.symbol for each in driver.launched] == ["softmax_v2_group_f32"] * 2
    assert driver.launched[0].arch == "sm_90a"
    assert [int(each) for each in driver.launched[0].arguments] == [x.data.ptr, out.data.ptr, 4096, 1024]


def test_nothing_is_launched_where_nothing_is_to_be_computed() -> None:
    with in_place(Recorder(), operators()["softmax"]) as driver:
        assert kernels.softmax(Phantom((0, 5), np.float32)).shape == (0, 5)
    assert driver.launched == []


@pytest.mark.parametrize(("capability", "version"), [((8, 0), "v2_mma"), ((9, 0), "v3_wgmma")])
def test_each_card_gets_the_best_version_it_runs(capability: tuple[int, int], version: str) -> None:
    a = Phantom((256, 256), BY_NAME["bf16"])
    with in_place(Recorder(of=capability), operators()["matmul"]) as driver:
        kernels.matmul(a, a)
    assert driver.launched[0].symbol.startswith(f"matmul_{version}_bf16_bf16")


def test_what_is_coarser_is_only_taken_by_name() -> None:
    a = Phantom((256, 256), np.float32)
    with in_place(Recorder(), operators()["matmul"]) as driver:
        kernels.matmul(a, a)
        kernels.matmul(a, a, version="v3_tf32")
    assert [each.symbol for each in driver.launched] == ["matmul_v2_tiles_f32_f32", "matmul_v3_tf32_f32_f32"]


@pytest.mark.parametrize(
    ("capability", "arch"), [((8, 0), "sm_80"), ((8, 9), "sm_80"), ((9, 0), "sm_90a"), ((12, 0), "sm_120a")]
)
def test_each_card_gets_the_code_made_for_it(capability: tuple[int, int], arch: str) -> None:
    assert launch.arch_for(("sm_80", "sm_90a", "sm_120a"), capability) == arch


@pytest.mark.parametrize("capability", [(7, 5), (10, 0), (12, 1)])
def test_a_card_that_nothing_is_made_for_is_refused(capability: tuple[int, int]) -> None:
    with (
        in_place(Recorder(of=capability), operators()["softmax"]),
        pytest.raises(NoVersion, match=f"this card has compute capability {capability[0]}.{capability[1]}"),
    ):
        kernels.softmax(Phantom((4, 4), np.float32))


def test_an_array_on_another_card_is_refused() -> None:
    x = Phantom((4, 4), np.float32)
    x.device.id = 1
    with in_place(Recorder(), operators()["softmax"]), pytest.raises(BadArgument, match="on device 1, but"):
        kernels.softmax(x)


@needs_emulator
@pytest.mark.slow
def test_arrays_between_borders_of_16_bytes_are_copied_and_copied_back() -> None:
    operator = operators()["adam"]
    trial = a_few("adam", 1)[0]
    assert faults(trial, WITH_CUDA["adam"][-1], None) == []
    with in_place(Emulated(), operators()["softmax"]) as driver:
        memory = np.linspace(0, 1, 13, dtype=np.float32).view(Array)
        out = np.zeros(13, np.float32).view(Array)[1:]
        kernels.softmax(memory[1:], out=out)
    assert operator.schema.inputs[0].update
    assert all(int(each) % 16 == 0 for each in driver.launched[0].arguments[:2])
    np.testing.assert_allclose(out, np.exp(memory[1:]) / np.exp(memory[1:]).sum(), rtol=1e-5)


def emulated_trials(name: str) -> list[Trial]:
    return list(trials(operators()[name], 20_000)) if name != "top_k" else a_few(name, 40)


@needs_emulator
@pytest.mark.parametrize(
    ("name", "version"),
    [
        pytest.param(*each, marks=() if each[0] in ALWAYS else pytest.mark.slow, id="-".join(each))
        for each in VERSIONS
    ],
)
def test_every_version_computes_what_the_oracle_says(name: str, version: str) -> None:
    wrong: list[str] = []
    for trial in emulated_trials(name):
        with contextlib.suppress(NoVersion):
            wrong += faults(trial, version)
    assert not wrong, "\n".join(wrong[:5])


@needs_emulator
@pytest.mark.slow
@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_threads_do_not_race_and_smaller_grids_do_the_same_work(name: str, version: str) -> None:
    """The order of threads and blocks makes no difference; nor does an array between borders, nor a grid
    that is cut off, as it is beyond 2^31 blocks (plain versions never have so many).
    """
    for trial in a_few(name, 6):
        with contextlib.suppress(NoVersion):
            first, other = (emulate(trial, version, descending=each) for each in (False, True))
            for a, b in zip(first, other, strict=True):
                assert a is b or a.tobytes() == b.tobytes(), f"{trial}: threads race"
            assert faults(trial, version, None) == []
            if strides(name, version):
                assert faults(trial, version, widest=2) == []


@needs_emulator
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "plans"),
    [
        ("matmul", "kernels.ops.matmul.plans"),
        ("grouped_matmul", "kernels.ops.matmul.plans"),
        ("attention", "kernels.ops.attention.plans"),
    ],
)
def test_on_a_card_with_one_processor_a_block_goes_from_tile_to_tile(
    name: str, plans: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of products the wide ones, which only large matrices get otherwise."""
    monkeypatch.setattr(f"{plans}.PROCESSORS", 1)
    wrong: list[str] = []
    launched = set()
    for trial in trials(operators()[name], 80_000):
        with contextlib.suppress(NoVersion):
            wrong += faults(trial, "v3_wgmma")
            launched |= {each.grid for each in record(trial, "v3_wgmma")[0].launched}
    assert not wrong, "\n".join(wrong[:5])
    assert launched == {(1, 1, 1)}


def strides(name: str, version: str) -> bool:
    """Whether its blocks go on to the next piece of work, so that a grid may be cut off."""
    return "naive" not in version and operators()[name].module.rpartition(".")[2] in STRIDING


@pytest.mark.gpu
@pytest.mark.parametrize(("name", "version"), VERSIONS)
def test_a_card_computes_what_the_oracle_says(name: str, version: str) -> None:
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("no NVIDIA card")
    from tests.kernels.trying import judge

    for each in trials(operators()[name]):
        trial = as_taken(each, version)
        with contextlib.suppress(NoVersion):
            inputs = [None if each is None else cupy.asarray(each) for each in trial.inputs()]
            found = trial.call(inputs, None, version)
            judge(trial, [None if each is None else on_host(each) for each in found])


def on_host(array: Any) -> Any:
    """CuPy's bfloat16 comes back with NumPy's dtype of ml_dtypes."""
    found = array.get()
    return found.view(BY_NAME["bf16"]) if found.dtype.itemsize == 2 and found.dtype.kind == "V" else found
