"""Every CUDA kernel compiles for its architectures without a card: no spills, no local memory, no more
registers than its version states, and everything that a plan launches is there.
"""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest

from kernels.errors import NoVersion
from kernels.registry import Cuda, Operator, operators
from kernels.toolchain import nvrtc
from tests.kernels.stand_ins import record
from tests.kernels.test_launch import SHARED
from tests.kernels.trying import trials

FILES = sorted(
    {
        (operator.folder / version.file, arch)
        for operator in operators().values()
        for version in operator.versions
        if isinstance(version, Cuda)
        for arch in version.archs
    }
)
REGISTERS = 65536  # of a block, on every card from sm_80 on
# In each run one operator's files are compiled for all architectures; `make test SLOW=1` compiles all files.
ALWAYS = ("top_k",)
pytestmark = pytest.mark.skipif(not nvrtc.available(), reason=f"needs NVRTC: {nvrtc.CURE}")


def versions_in(source: Path) -> list[tuple[Operator, Cuda]]:
    return [
        (operator, version)
        for operator in operators().values()
        for version in operator.versions
        if isinstance(version, Cuda) and operator.folder / version.file == source
    ]


@pytest.mark.parametrize(
    ("source", "arch"),
    [
        pytest.param(
            source,
            arch,
            id=f"{source.parent.name}-{source.stem}-{arch}",
            marks=() if source.parent.name in ALWAYS else pytest.mark.slow,
        )
        for source, arch in FILES
    ],
)
def test_kernels_compile_and_take_what_their_version_states(source: Path, arch: str) -> None:
    kernels = nvrtc.compile_source(source, arch).kernels
    spilling = {
        name: each for name, each in kernels.items() if each.stack or each.spill_stores or each.spill_loads
    }
    assert not spilling
    for operator, version in versions_in(source):
        cap = version.registers
        for dtypes in version.dtypes or combinations(operator):
            symbol = operator.symbol(version, dtypes)
            own = {
                name: each
                for name, each in kernels.items()
                if name == symbol or name.startswith(f"{symbol}_")
            }
            assert own, f"no kernel {symbol}"
            over = {name: each.registers for name, each in own.items() if each.registers > cap}
            assert not over, f"more than the {cap} registers that {version.name} states"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(operators()))
def test_everything_that_is_launched_is_compiled_and_fits(name: str) -> None:
    operator = operators()[name]
    for version in operator.versions:
        if not isinstance(version, Cuda):
            continue
        started = {}
        for trial in trials(operator):
            with contextlib.suppress(NoVersion):
                started |= {each.symbol: each for each in record(trial, version.name)[0].launched}
        for arch in version.archs:
            kernels = nvrtc.compile_source(operator.folder / version.file, arch).kernels
            for symbol, each in started.items():
                taken = kernels[symbol].registers * math.prod(each.block)
                assert taken <= REGISTERS, f"{symbol} in blocks of {each.block} for {arch}"
                assert kernels[symbol].shared + each.shared <= SHARED[arch], f"{symbol} for {arch}"


def combinations(operator: Operator) -> list[str]:
    found = [""]
    for kinds in operator.schema.dtypes.values():
        found = [f"{before}_{kind}".lstrip("_") for before in found for kind in kinds]
    return found
